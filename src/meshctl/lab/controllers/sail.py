"""The Sail operator of one cluster: as long as its pod is ready, its controllers work; a new pod is a new process."""

import asyncio
from contextlib import suppress

from meshctl.lab.api import ApiError
from meshctl.lab.controllers.sail_cni import CniController
from meshctl.lab.controllers.sail_helm import Helm
from meshctl.lab.controllers.sail_install import MULTUS_CRD, install_operator, is_operator
from meshctl.lab.controllers.sail_istio import IstioController
from meshctl.lab.controllers.sail_operator import MANAGER, Operator, Probe
from meshctl.lab.controllers.sail_probe import ProbeController, dial
from meshctl.lab.controllers.sail_queue import Queue, changes
from meshctl.lab.controllers.sail_revision import RevisionController
from meshctl.lab.controllers.sail_versions import OPERATOR_NAMESPACE, build
from meshctl.lab.controllers.sail_watch import Queues, Watches
from meshctl.lab.controllers.shapes import pod_ready
from meshctl.lab.sites import Site, World
from meshctl.names import NETWORK_ATTACHMENT, POD
from meshctl.objects import Manifest

__all__ = ["install_operator", "run"]

_FAULTS = ("operator-absent", "operator-crashing", "old-crd", "crd-ahead", "multus-missing")
_PROBE_LATENCY = 0.04


async def run(world: World, site: Site, probe: Probe = dial) -> None:
    """Be the operator of a site for ever; `probe` asks a remote istiod whether it is ready."""
    process = _Process(world, site, probe)
    async with asyncio.TaskGroup() as group:
        group.create_task(process.follow_pods())
        group.create_task(process.supervise())


async def operate(world: World, site: Site, probe: Probe) -> None:
    """Be one operator process: ask once what the API server serves, then work until cancelled."""
    api = site.api(MANAGER)
    # Real operators keep the answer for their lifetime, so a CRD that comes later stays unknown to them.
    unknown = frozenset() if await api.get(MULTUS_CRD) else frozenset({NETWORK_ATTACHMENT.name})
    operator = Operator(world, site, api, build(world, site), Helm(api, unknown))
    delays = world.delays
    queues = Queues(
        istio=Queue(delays, delays.status),
        revision=Queue(delays, delays.reconcile),
        cni=Queue(delays, delays.reconcile),
        probe=Queue(delays, _PROBE_LATENCY),
    )
    watches = Watches(operator, queues)
    async with asyncio.TaskGroup() as group:
        for kind, seen in watches.feeds():
            group.create_task(watches.follow(kind, seen))
        group.create_task(queues.istio.run(IstioController(operator).reconcile))
        group.create_task(queues.revision.run(RevisionController(operator).reconcile))
        group.create_task(queues.cni.run(CniController(operator).reconcile))
        group.create_task(queues.probe.run(ProbeController(operator, probe).reconcile))


class _Process:
    """Decides whether the operator runs, and starts it anew when it should be another process."""

    def __init__(self, world: World, site: Site, probe: Probe) -> None:
        self._world = world
        self._site = site
        self._probe = probe
        self._ready: dict[str, str] = {}  # uid and name of the operator's ready pods, oldest first
        self._changed = asyncio.Event()

    def _faults(self) -> tuple[bool, ...]:
        return tuple(self._world.faults.on(name, self._site.context) for name in _FAULTS)

    def _leader(self, current: str) -> str:
        """Return the uid of the pod that works, empty when none does; the one at work keeps its place."""
        absent, crashing, *_ = self._faults()
        if absent or crashing or not self._ready:
            return ""
        return current if current in self._ready else next(iter(self._ready))

    async def follow_pods(self) -> None:
        """Keep the list of the operator's ready pods."""
        installed = build(self._world, self._site)
        async for change, _before in changes(self._site.api(MANAGER), POD, OPERATOR_NAMESPACE):
            if not is_operator(change.obj, installed):
                continue
            uid = str(change.obj["metadata"]["uid"])
            if change.type != "DELETED" and pod_ready(change.obj):
                self._ready.setdefault(uid, str(change.obj["metadata"]["name"]))
            else:
                self._ready.pop(uid, None)
            self._changed.set()

    async def supervise(self) -> None:
        """Run the operator of the leading pod; replace it when another pod, or another build, leads."""
        unsubscribe = self._world.faults.subscribe(self._changed.set)
        current: tuple[str, tuple[bool, ...]] = ("", ())
        task: asyncio.Task[None] | None = None
        try:
            while True:
                self._changed.clear()
                leader = self._leader(current[0])
                wanted = (leader, self._faults() if leader else ())
                if wanted != current:
                    pod = self._ready.get(leader, "")  # it may be gone by the time the one before it has stopped
                    await _stop(task)
                    task = asyncio.create_task(self._work(pod)) if leader else None
                    current = wanted
                await self._wait(task)
        finally:
            unsubscribe()
            await _stop(task)

    async def _work(self, pod: str) -> None:
        await self._take_lock(pod)
        await operate(self._world, self._site, self._probe)

    async def _wait(self, task: asyncio.Task[None] | None) -> None:
        """Wait for a change; an operator that ends by itself has failed, and its error goes on."""
        change = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({change, *([task] if task else [])}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            change.cancel()
        if task and task.done():
            task.result()

    async def _take_lock(self, holder: str) -> None:
        lease: Manifest = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "sail-operator-lock", "namespace": OPERATOR_NAMESPACE},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15},
        }
        with suppress(ApiError):  # it is there already; nobody competes for it
            await self._site.api(MANAGER).create(lease)


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is None:
        return
    task.cancel()
    await asyncio.wait({task})
