"""istiod processes on clusters in memory: what they write, where, and when they stop."""

import asyncio
import base64
from functools import partial
from typing import Any

import yaml

from meshctl.lab.controllers import istiod, kubernetes_namespaces, kubernetes_tokens
from meshctl.lab.controllers.kubernetes_tokens import token_of
from meshctl.lab.istiods import Istiods, Sync
from meshctl.lab.sites import World
from meshctl.names import (
    CONFIG_MAP,
    CONTROL_PLANE_CLUSTERS,
    INJECTOR,
    ISTIO_SYSTEM,
    LEASE,
    NAMESPACE,
    POD,
    READER_TOKEN,
    SECRET,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK,
    remote_secret,
)
from meshctl.objects import Manifest, Ref, dig
from tests.lab.controllers.stage import running, world_of
from tests.lab.fake_api import FakeCluster
from tests.lab.static_mesh import ROOT, injector, istiod_pod, obj

ROOT_CERT = "istio-ca-root-cert"
ACCOUNT = "istio-reader-service-account"


def external() -> Manifest:
    pod = istiod_pod()
    pod["spec"]["containers"][0]["env"].append({"name": "EXTERNAL_ISTIOD", "value": "true"})
    return pod


def cacerts(**parts: str) -> Manifest:
    names = ("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem")
    pems = dict.fromkeys(names, ROOT) | parts
    data = {name: base64.b64encode(pem.encode()).decode() for name, pem in pems.items()}
    return obj("v1", "Secret", "cacerts", ISTIO_SYSTEM, data=data)


def bundle(cluster: FakeCluster, ref: Ref = INJECTOR) -> str:
    return str(dig(cluster.peek(ref), "webhooks", 0, "clientConfig", "caBundle") or "")


def root_in(cluster: FakeCluster, namespace: str) -> Any:
    return dig(cluster.peek(Ref(CONFIG_MAP, ROOT_CERT, namespace)), "data", "root-cert.pem")


def primary() -> FakeCluster:
    cluster = FakeCluster()
    validator = injector("/validate", "") | {"kind": "ValidatingWebhookConfiguration"}
    validator["metadata"] = {**validator["metadata"], "name": "istio-validator-istio-system"}
    validator["webhooks"] = [{**validator["webhooks"][0], "failurePolicy": "Ignore"}]
    namespaces = [obj("v1", "Namespace", name) for name in (ISTIO_SYSTEM, "default", "kube-public")]
    cluster.seed(*namespaces, injector("/inject", ""), validator)
    return cluster


class Pair:
    """A primary with istiod and one remote with a reader's token."""

    def __init__(self, *, annotated: bool = True) -> None:
        self.east, self.west, self.istiods = primary(), FakeCluster(), Istiods()
        meta = {"annotations": {CONTROL_PLANE_CLUSTERS: "cluster1"}} if annotated else {}
        account = {"annotations": {"kubernetes.io/service-account.name": ACCOUNT}}
        self.west.seed(
            kubernetes_namespaces.root_ca("PEM"),
            obj("v1", "Namespace", ISTIO_SYSTEM, metadata=meta),
            obj("v1", "Namespace", "default"),
            injector("/inject/cluster/cluster2/net/network2", ""),
            obj("v1", "ServiceAccount", ACCOUNT, ISTIO_SYSTEM),
            obj(
                "v1",
                "Secret",
                READER_TOKEN.name,
                ISTIO_SYSTEM,
                metadata=account,
                type="kubernetes.io/service-account-token",
            ),
        )
        self.east.seed(external(), cacerts())
        self.world: World = world_of(self.east, self.west)

    def running(self) -> Any:
        east, west = self.world.sites
        return running(istiod.run(self.world, east, self.istiods), kubernetes_tokens.run(self.world, west))

    async def connect(self, server: str = "https://172.18.2.2:6443", cluster_id: str = "cluster2") -> None:
        await self.west.until(lambda: token_of(self.west.peek(READER_TOKEN)))
        document = {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "c", "user": {"token": token_of(self.west.peek(READER_TOKEN))}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
            "current-context": "c",
        }
        data = {cluster_id: base64.b64encode(yaml.safe_dump(document).encode()).decode()}
        meta = {"labels": {"istio/multiCluster": "true"}}
        name = remote_secret(cluster_id).name
        await self.east.api("me").create(obj("v1", "Secret", name, ISTIO_SYSTEM, metadata=meta, data=data))

    def status(self, cluster_id: str = "cluster2") -> Sync | None:
        known = [process.remotes.get(cluster_id) for process in self.istiods.at("east")]
        return known[0].status if known and known[0] else None


async def eventually(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


def test_in_its_own_cluster() -> None:
    async def story() -> None:
        east, istiods = primary(), Istiods()
        east.seed(cacerts())
        world = world_of(east)
        validator = Ref(VALIDATING_WEBHOOK, "istio-validator-istio-system")
        async with running(istiod.run(world, world.sites[0], istiods)):
            await east.api("me").create(istiod_pod())
            await east.until(lambda: bundle(east) and bundle(east, validator))
            assert base64.b64decode(bundle(east)).decode() == ROOT
            assert dig(east.peek(validator), "webhooks", 0, "failurePolicy") == "Fail"
            await east.until(lambda: root_in(east, "default") == ROOT)
            assert root_in(east, "kube-public") is None
            for name in ("istio-leader", "istio-namespace-controller-election", "istio-ca-crl"):
                await east.until(partial(east.peek, Ref(CONFIG_MAP, name, ISTIO_SYSTEM)))
            assert len(east.all(LEASE)) == 2

            await east.api("me").create(obj("v1", "Namespace", "later"))
            await east.until(lambda: root_in(east, "later") == ROOT)
            await east.api("me").delete(Ref(CONFIG_MAP, ROOT_CERT, "later"))
            await east.until(lambda: root_in(east, "later") == ROOT)

            assert istiods.in_pod("east", "istiod")
            await east.api("me").delete(Ref(POD, "istiod", ISTIO_SYSTEM))
            await eventually(lambda: not istiods.at("east"))

    asyncio.run(story())


def test_without_cacerts_it_signs_for_itself_and_stays_with_that() -> None:
    async def story() -> None:
        east, istiods = primary(), Istiods()
        world = world_of(east)
        async with running(istiod.run(world, world.sites[0], istiods)):
            await east.api("me").create(istiod_pod())
            await east.until(lambda: bundle(east))
            made = east.peek(Ref(SECRET, "istio-ca-secret", ISTIO_SYSTEM))
            assert made is not None
            assert (made["type"], made["data"]["ca-cert.pem"]) == ("istio.io/ca-root", bundle(east))
            own = bundle(east)
            await east.api("me").create(cacerts())
            await east.api("me").create(obj("v1", "Namespace", "later"))
            await east.until(lambda: root_in(east, "later"))
            assert bundle(east) == own

            await east.api("me").delete(Ref(POD, "istiod", ISTIO_SYSTEM), grace=0)
            await east.api("me").create(istiod_pod() | {"metadata": {**istiod_pod()["metadata"], "uid": "next"}})
            await east.until(lambda: base64.b64decode(bundle(east)).decode() == ROOT)

    asyncio.run(story())


def test_a_remote_is_read_and_led() -> None:
    async def story() -> None:
        pair = Pair()
        async with pair.running():
            await pair.connect()
            await pair.west.until(lambda: bundle(pair.west))
            await pair.west.until(lambda: root_in(pair.west, "default") == ROOT)
            assert pair.status() is Sync.SYNCED

            await pair.east.api("me").delete(remote_secret("cluster2"))
            await eventually(lambda: pair.status() is None)
            assert bundle(pair.west)

    asyncio.run(story())


def test_the_annotation_counts_only_when_the_cluster_is_taken_up() -> None:
    async def story() -> None:
        pair = Pair(annotated=False)
        async with pair.running():
            await pair.connect()
            await eventually(lambda: pair.status() is Sync.SYNCED)
            annotations = {CONTROL_PLANE_CLUSTERS: "cluster1"}
            await pair.west.api("me").merge(Ref(NAMESPACE, ISTIO_SYSTEM), {"metadata": {"annotations": annotations}})
            assert bundle(pair.west) == ""

            await pair.east.api("me").delete(remote_secret("cluster2"))
            await pair.connect()
            await pair.west.until(lambda: bundle(pair.west))

    asyncio.run(story())


def test_an_address_that_pods_cannot_reach() -> None:
    async def story() -> None:
        pair = Pair()
        async with pair.running():
            await pair.connect("https://127.0.0.1:6443")
            await eventually(lambda: pair.status() is Sync.TIMEOUT)
            assert bundle(pair.west) == ""
            await pair.east.api("me").delete(remote_secret("cluster2"))
            await pair.connect()
            await eventually(lambda: pair.status() is Sync.SYNCED)

    asyncio.run(story())


def test_a_secret_for_a_cluster_by_another_name() -> None:
    async def story() -> None:
        pair = Pair()
        async with pair.running():
            await pair.connect(cluster_id="cluster9")
            await pair.west.until(lambda: bundle(pair.west))
            assert (pair.status(), pair.status("cluster9")) == (None, Sync.SYNCED)

    asyncio.run(story())


def test_a_token_dies_with_its_account() -> None:
    async def story() -> None:
        pair = Pair()
        async with pair.running():
            await pair.connect()
            await eventually(lambda: pair.status() is Sync.SYNCED)
            remote = pair.istiods.at("east")[0].remotes["cluster2"]
            await pair.west.api("me").delete(Ref(SERVICE_ACCOUNT, ACCOUNT, ISTIO_SYSTEM))
            await eventually(lambda: not remote.usable)
            assert pair.status() is Sync.SYNCED

    asyncio.run(story())
