"""One cluster with a running Sail operator, and the hands that play kubelet, istiod and garbage collector."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from meshctl.lab.api import Api
from meshctl.lab.controllers.sail import install_operator, run
from meshctl.lab.controllers.sail_install import operator_labels
from meshctl.lab.controllers.sail_versions import OPERATOR_NAMESPACE, build
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.sites import Flavour, Site, World
from meshctl.names import (
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    POD,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
)
from meshctl.objects import Manifest, Ref, dig
from tests.lab.fake_api import FakeCluster

BUNDLE = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n").decode()
PATIENCE = 5.0


def namespace(name: str, **metadata: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


def istio_cni(version: str = "v1.28.6", **values: Any) -> Manifest:
    cni = {"cniConfDir": "/etc/cni/multus/net.d", "excludeNamespaces": ["istio-cni", "kube-system"]}
    spec = {"version": version, "namespace": CNI_NAMESPACE, "values": {"cni": {**cni, **values}}}
    return {"apiVersion": "sailoperator.io/v1", "kind": "IstioCNI", "metadata": {"name": "default"}, "spec": spec}


def istio(version: str = "v1.28.6", values: Manifest | None = None, **spec: Any) -> Manifest:
    primary = {
        "global": {
            "meshID": "mesh1",
            "multiCluster": {"clusterName": "cluster1"},
            "network": "network1",
            "externalIstiod": True,
        }
    }
    body = {
        "version": version,
        "namespace": ISTIO_SYSTEM,
        "updateStrategy": {"type": "InPlace"},
        "values": primary if values is None else values,
        **spec,
    }
    return {"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"}, "spec": body}


def remote_istio(address: str = "172.18.100.1", path: str = "/inject/cluster/cluster2/net/network2") -> Manifest:
    values = {"istiodRemote": {"injectionPath": path}, "global": {"remotePilotAddress": address}}
    return istio(values=values, profile="remote")


def said(obj: Manifest | None) -> list[str]:
    """The conditions of a status, as one line each."""
    lines = []
    for one in dig(obj, "status", "conditions") or []:
        words = [f"{one['type']}={one['status']}", one.get("reason", ""), one.get("message", "")]
        lines.append(" ".join(word for word in words if word))
    return lines


def state(obj: Manifest | None) -> Any:
    return dig(obj, "status", "state")


def is_state(wanted: str) -> Callable[[Manifest], bool]:
    return lambda obj: bool(state(obj) == wanted)


class Bed:
    def __init__(self, *faults: str, flavour: Flavour = Flavour.VENDOR, speed: float = 25) -> None:
        self.cluster = FakeCluster()
        self.site = Site("east", "172.18.1.1", self.cluster.api)
        self.faults = Faults([Fault(name) for name in faults])
        self.world = World((self.site,), Delays(speed=speed), self.faults, flavour)
        self.api: Api = self.cluster.api("test")
        self.answer: tuple[bool, str] = (True, "")
        self.probes = 0
        self.pods = 0

    async def probe(self, world: World, site: Site, ca_bundle: str) -> tuple[bool, str]:
        assert (world, site, ca_bundle) == (self.world, self.site, BUNDLE)
        self.probes += 1
        return self.answer

    @asynccontextmanager
    async def running(self, *objects: Manifest, ready: bool = True) -> AsyncIterator[None]:
        """Run the operator of a cluster that has the namespaces `objects` name; two are always there."""
        self.cluster.seed(namespace("default"), namespace(ISTIO_SYSTEM), namespace(CNI_NAMESPACE), *objects)
        await install_operator(self.world, self.site)
        task = asyncio.create_task(run(self.world, self.site, self.probe))
        try:
            if ready:
                await self.start_operator_pod()
            async with asyncio.timeout(PATIENCE * 2):
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def change_faults(self, *faults: str) -> None:
        """Put faults in force, and no others, and do what an administrator does then."""
        self.faults.set([Fault(name) for name in faults])
        await install_operator(self.world, self.site)

    async def start_operator_pod(self) -> Ref:
        self.pods += 1
        name = f"operator-{self.pods}"
        labels = operator_labels(build(self.world, self.site))
        metadata = {"name": name, "namespace": OPERATOR_NAMESPACE, "labels": labels}
        await self.api.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {}})
        ref = Ref(POD, name, OPERATOR_NAMESPACE)
        await self.api.merge(ref, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, status=True)
        return ref

    async def until(self, ref: Ref, holds: Callable[[Manifest], Any]) -> Manifest:
        """Wait until an object is as it should be."""
        last: Manifest | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                async for change in self.api.watch(ref.kind, ref.namespace):
                    if change.obj["metadata"]["name"] == ref.name and change.type != "DELETED":
                        last = change.obj
                        if holds(last):
                            return last
        except TimeoutError:
            pass
        raise AssertionError(f"{ref} never became so; last seen: {dig(last, 'status') or last}")

    async def gone(self, ref: Ref) -> None:
        if self.cluster.peek(ref) is None:
            return
        async with asyncio.timeout(PATIENCE):
            async for change in self.api.watch(ref.kind, ref.namespace):
                if change.type == "DELETED" and change.obj["metadata"]["name"] == ref.name:
                    return

    async def quiet(self) -> None:
        """Wait until nothing has been written for a while, to see what does not happen."""
        before = -1
        while before != len(self.cluster.writes):
            before = len(self.cluster.writes)
            await asyncio.sleep(0.15)

    async def cni_pods(self, ready: int, scheduled: int = 2) -> None:
        await self.until(CNI_DAEMON_SET, bool)
        status = {"currentNumberScheduled": scheduled, "desiredNumberScheduled": scheduled, "numberReady": ready}
        await self.api.merge(CNI_DAEMON_SET, {"status": status}, status=True)

    async def istiod_pods(self, ready: int, replicas: int = 1) -> None:
        await self.until(ISTIOD, bool)
        await self.api.merge(ISTIOD, {"status": {"replicas": replicas, "readyReplicas": ready}}, status=True)

    async def trust(self, ref: Ref = INJECTOR) -> None:
        """Write the CA bundle into every webhook of a configuration, as istiod does."""
        config = await self.until(ref, bool)
        for webhook in config["webhooks"]:
            webhook["clientConfig"]["caBundle"] = BUNDLE
        await self.api.update(config)

    async def healthy_primary(self) -> None:
        """Install everything and wait until it is healthy."""
        await self.api.create(istio_cni())
        await self.api.create(istio())
        await self.cni_pods(ready=2)
        await self.istiod_pods(ready=1)
        await self.until(THE_CNI, lambda cni: state(cni) == "Healthy")
        await self.until(THE_ISTIO, lambda one: state(one) == "Healthy")

    async def forget_istio(self) -> None:
        """Delete Istio and do the garbage collector's part."""
        await self.api.delete(THE_ISTIO)
        await self.api.delete(THE_REVISION)

    @asynccontextmanager
    async def history(self, ref: Ref) -> AsyncIterator[list[tuple[Any, ...]]]:
        """Collect the different things an object says: its state, then its conditions."""
        heard: list[tuple[Any, ...]] = []
        listening = asyncio.Event()

        async def listen() -> None:
            listening.set()
            async for change in self.api.watch(ref.kind, ref.namespace):
                entry = (state(change.obj), *said(change.obj))
                if dig(change.obj, "status") and (not heard or heard[-1] != entry):
                    heard.append(entry)

        task = asyncio.create_task(listen())
        await listening.wait()
        try:
            yield heard
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def story(told: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run an asynchronous test."""
    asyncio.run(told())
