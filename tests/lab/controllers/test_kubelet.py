"""Pods on the lab's nodes: how they start, what holds them up, how they go."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from meshctl.lab.controllers import kubelet, nodes
from meshctl.lab.controllers.kubelet_gates import crash_reason
from meshctl.lab.faults import Fault
from meshctl.lab.istiods import Istiod, Istiods, Remote, Sync
from meshctl.names import (
    CNI_DAEMON_SET,
    EVENT,
    ISTIO_SYSTEM,
    NODE,
    POD,
    SECRET,
)
from meshctl.objects import Manifest, Ref, dig
from tests.lab.controllers.stage import running, world_of
from tests.lab.fake_api import FakeCluster
from tests.lab.static_mesh import (
    EAST_LB,
    ROOT,
    expose,
    gateway,
    istiod_pod,
    obj,
    ready,
    remote_istiod,
    service,
    workload,
)

THE_POD = Ref(POD, "p", "sample")
ROOT_CERT = obj("v1", "ConfigMap", "istio-ca-root-cert", "sample", data={})
CONTROL_NODE, WORKER_NODE = "east-control-plane", "east-worker"


def pod(**spec: Any) -> Manifest:
    return obj("v1", "Pod", "p", "sample", spec={"containers": [{"name": "c", "image": "i"}], **spec})


def sidecar_pod(number: int = 1) -> Manifest:
    """Return a pod as the webhook leaves it, not yet on any node."""
    new = workload("p", "helloworld", "helloworld-v1", number, "")
    new.pop("status")
    new["spec"].pop("nodeName")
    new["spec"]["initContainers"].insert(0, {"name": "istio-validation", "image": "proxyv2"})
    new["spec"]["volumes"] = [{"name": "istiod-ca-cert", "configMap": {"name": "istio-ca-root-cert"}}]
    new["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"] = "default/istio-cni"
    return new


def cni_pod(node: str) -> Manifest:
    meta = {"labels": {"k8s-app": "istio-cni-node"}}
    spec = {"nodeName": node, "containers": [{"name": "install-cni", "image": "install-cni"}]}
    return ready(obj("v1", "Pod", f"istio-cni-{node}", "istio-cni", metadata=meta, spec=spec), "10.244.0.2")


def cni() -> list[Manifest]:
    attachment = obj("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "istio-cni", "default")
    installer = obj("apps/v1", "DaemonSet", CNI_DAEMON_SET.name, CNI_DAEMON_SET.namespace)
    return [installer, attachment, cni_pod(CONTROL_NODE), cni_pod(WORKER_NODE)]


def istiod_service() -> list[Manifest]:
    return [istiod_pod(), service("istiod", ISTIO_SYSTEM, {15012: 15012, 443: 15017}, {"app": "istiod"})]


class Nodes:
    """Clusters with kubelets. There is an istiod in memory; whether it can be reached is for the objects to say."""

    def __init__(self, *, faults: tuple[Fault, ...] = (), clusters: int = 1) -> None:
        self.clusters = [FakeCluster() for _ in range(clusters)]
        self.world = world_of(*self.clusters, faults=faults)
        self.istiods = Istiods()
        self.istiod = Istiod("east", ISTIO_SYSTEM, "istiod", "uid-istiod", "cluster1", "default", ROOT)
        self.istiods.started(self.istiod)

    @property
    def cluster(self) -> FakeCluster:
        return self.clusters[0]

    def running(self) -> Any:
        return running(*(kubelet.run(self.world, site, self.istiods) for site in self.world.sites))

    def status(self, ref: Ref = THE_POD) -> Manifest:
        return dig(self.cluster.peek(ref), "status") or {}

    def is_ready(self, ref: Ref = THE_POD) -> bool:
        conditions = self.status(ref).get("conditions") or ()
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def events(self, reason: str) -> list[str]:
        return [event["message"] for event in self.cluster.all(EVENT) if event["reason"] == reason]

    def waiting(self) -> str:
        return str(dig(self.status(), "containerStatuses", 0, "state", "waiting", "reason") or "")


Story = Callable[[Nodes], Coroutine[Any, Any, None]]


def play(story: Story, **options: Any) -> None:
    async def act() -> None:
        stage = Nodes(**options)
        async with stage.running():
            await stage.cluster.until(lambda: len(stage.cluster.all(NODE)) == 2)
            await story(stage)

    asyncio.run(act())


def test_the_nodes() -> None:
    async def story(stage: Nodes) -> None:
        control, worker = (stage.cluster.peek(Ref(NODE, name)) for name in (CONTROL_NODE, WORKER_NODE))
        assert control is not None
        assert worker is not None
        assert "node-role.kubernetes.io/control-plane" in control["metadata"]["labels"]
        assert nodes.address_of(control) == "172.18.1.2"
        assert nodes.kernel_of(control) == (5, 15)
        await stage.cluster.until(lambda: dig(stage.cluster.peek(Ref(NODE, WORKER_NODE)), "status", "conditions"))

    play(story)


def test_a_plain_pod_becomes_ready_and_goes() -> None:
    async def story(stage: Nodes) -> None:
        await stage.cluster.api("me").create(pod())
        await stage.cluster.until(stage.is_ready)
        status = stage.status()
        assert (status["phase"], status["podIP"][:7]) == ("Running", "10.244.")
        assert status["hostIP"] in ("172.18.1.2", "172.19.1.2")
        await stage.cluster.api("me").delete(THE_POD)
        await stage.cluster.until(lambda: stage.cluster.peek(THE_POD) is None)

    play(story)


def test_pods_get_addresses_of_their_own() -> None:
    async def story(stage: Nodes) -> None:
        refs = [Ref(POD, f"p{number}", "sample") for number in range(6)]
        for ref in refs:
            new = pod()
            new["metadata"]["name"] = ref.name
            await stage.cluster.api("me").create(new)
        await stage.cluster.until(lambda: all(stage.is_ready(ref) for ref in refs))
        assert len({stage.status(ref)["podIP"] for ref in refs}) == 6
        assert {dig(stage.cluster.peek(ref), "spec", "nodeName") for ref in refs} == {CONTROL_NODE, WORKER_NODE}

    play(story)


def test_a_pod_that_fits_on_no_node() -> None:
    async def story(stage: Nodes) -> None:
        await stage.cluster.api("me").create(pod(nodeSelector={"disk": "fast"}))
        await stage.cluster.until(lambda: stage.events("FailedScheduling"))
        assert dig(stage.status(), "conditions", 0, "reason") == "Unschedulable"
        await stage.cluster.api("me").merge(Ref(NODE, WORKER_NODE), {"metadata": {"labels": {"disk": "fast"}}})
        await stage.cluster.until(stage.is_ready)

    play(story)


def test_infra_nodes() -> None:
    async def story(stage: Nodes) -> None:
        await stage.cluster.api("me").create(pod(nodeSelector={"node-role.kubernetes.io/infra": ""}))
        await stage.cluster.until(stage.is_ready)
        assert dig(stage.cluster.peek(THE_POD), "spec", "nodeName") == WORKER_NODE

    play(story)


def test_an_image_called_auto_is_never_pulled() -> None:
    async def story(stage: Nodes) -> None:
        await stage.cluster.api("me").create(pod(containers=[{"name": "istio-proxy", "image": "auto"}]))
        await stage.cluster.until(lambda: stage.waiting() == "ErrImagePull")
        assert stage.status()["phase"] == "Pending"

    play(story)


def test_a_volume_that_is_not_there() -> None:
    async def story(stage: Nodes) -> None:
        volumes = [
            {"name": "here-or-not", "secret": {"secretName": "maybe", "optional": True}},
            {"name": "needed", "configMap": {"name": "settings"}},
        ]
        await stage.cluster.api("me").create(pod(volumes=volumes))
        told = await stage.cluster.until(lambda: stage.events("FailedMount"))
        assert told == ['MountVolume.SetUp failed for volume "needed" : configmap "settings" not found']
        assert stage.waiting() == "ContainerCreating"
        await stage.cluster.api("me").create(obj("v1", "ConfigMap", "settings", "sample", data={}))
        await stage.cluster.until(stage.is_ready)

    play(story)


def test_a_sidecar_waits_for_everything_it_needs() -> None:
    async def story(stage: Nodes) -> None:
        cluster, api = stage.cluster, stage.cluster.api("me")
        await api.create(sidecar_pod())
        await cluster.until(lambda: stage.events("FailedMount"))
        await api.create(ROOT_CERT)
        told = await cluster.until(lambda: stage.events("FailedCreatePodSandBox"))
        assert "cannot find a network-attachment-definition (istio-cni) in namespace (default)" in told[0]
        installer, attachment, *_ = cni()
        await api.create(attachment)
        await api.create(installer)
        await cluster.until(
            lambda: any('failed to find plugin "istio-cni"' in text for text in stage.events("FailedCreatePodSandBox"))
        )
        cluster.seed(cni_pod(CONTROL_NODE), cni_pod(WORKER_NODE))
        await cluster.until(lambda: stage.waiting() == "PodInitializing")
        inits = stage.status()["initContainerStatuses"]
        assert "terminated" in inits[0]["state"]
        assert "running" in inits[1]["state"]
        await cluster.until(lambda: stage.events("Unhealthy"))
        cluster.seed(*istiod_service())
        await cluster.until(stage.is_ready)
        assert all(one["ready"] for one in stage.status()["containerStatuses"])
        assert stage.istiods.proxies["uid-p-1"].istiod == "east"

    play(story)


@pytest.mark.parametrize(("fault", "is_istiod"), [("istiod-not-ready", True), ("cni-broken", False)])
def test_faults_that_keep_pods_from_being_ready(fault: str, is_istiod: bool) -> None:
    async def story(stage: Nodes) -> None:
        new = istiod_pod() if is_istiod else cni_pod(CONTROL_NODE)
        new.pop("status")
        ref = Ref(POD, new["metadata"]["name"], new["metadata"]["namespace"])
        await stage.cluster.api("me").create(new)
        await stage.cluster.until(lambda: stage.events("Unhealthy"))
        assert (stage.status(ref)["phase"], stage.is_ready(ref)) == ("Running", False)
        stage.world.faults.set(())
        await stage.cluster.until(lambda: stage.is_ready(ref))

    play(story, faults=(Fault(fault),))


def test_an_istiod_with_an_incomplete_ca_crashes_until_it_is_complete() -> None:
    async def story(stage: Nodes) -> None:
        api, ref = stage.cluster.api("me"), Ref(POD, "istiod", ISTIO_SYSTEM)
        parts = {"ca-cert.pem": "eA==", "root-cert.pem": "eA=="}
        await api.create(obj("v1", "Secret", "cacerts", ISTIO_SYSTEM, data=parts))
        new = istiod_pod()
        new.pop("status")
        await api.create(new)
        state = await stage.cluster.until(lambda: dig(stage.status(ref), "containerStatuses", 0, "state", "waiting"))
        await stage.cluster.until(lambda: stage.events("BackOff"))
        state = dig(stage.status(ref), "containerStatuses", 0)
        assert state["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert "incomplete signing CA bundle detected" in state["lastState"]["terminated"]["message"]
        whole = {"data": {**parts, "ca-key.pem": "eA==", "cert-chain.pem": "eA=="}}
        await api.merge(Ref(SECRET, "cacerts", ISTIO_SYSTEM), whole)
        await stage.cluster.until(lambda: stage.is_ready(ref))
        assert dig(stage.status(ref), "containerStatuses", 0, "restartCount") >= 1

    play(story)


@pytest.mark.parametrize(
    ("parts", "crashes"),
    [
        (None, False),
        ({}, False),
        ({"ca-cert.pem": "a"}, True),
        (dict.fromkeys(("ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"), "a"), False),
        (dict.fromkeys(("ca-cert.pem", "ca-key.pem", "root-cert.pem"), "a"), True),
        (dict.fromkeys(("tls.crt", "tls.key", "ca.crt"), "a"), False),
        (dict.fromkeys(("tls.crt", "tls.key"), "a"), True),
    ],
)
def test_which_cas_istiod_accepts(parts: dict[str, str] | None, crashes: bool) -> None:
    secret = None if parts is None else obj("v1", "Secret", "cacerts", ISTIO_SYSTEM, data=parts)
    assert bool(crash_reason(secret)) is crashes


def meshed_and_running() -> Manifest:
    new = sidecar_pod()
    new["spec"]["nodeName"] = WORKER_NODE
    return ready(new, "10.244.1.7")


def test_a_meshed_pod_cannot_go_without_the_plugin() -> None:
    async def story(stage: Nodes) -> None:
        cluster, api = stage.cluster, stage.cluster.api("me")
        cluster.seed(meshed_and_running())
        await api.delete(THE_POD)
        plain = pod()
        plain["metadata"]["name"] = "plain"
        await api.create(plain)
        await cluster.until(lambda: stage.is_ready(Ref(POD, "plain", "sample")))
        await api.delete(Ref(POD, "plain", "sample"))
        await cluster.until(lambda: cluster.peek(Ref(POD, "plain", "sample")) is None)
        assert dig(cluster.peek(THE_POD), "metadata", "deletionTimestamp"), "still terminating"

        cluster.seed(*cni())
        await cluster.until(lambda: cluster.peek(THE_POD) is None)

    play(story)


def test_a_meshed_pod_can_be_forced_to_go() -> None:
    async def story(stage: Nodes) -> None:
        cluster, api = stage.cluster, stage.cluster.api("me")
        cluster.seed(meshed_and_running())
        await api.delete(THE_POD)
        await api.delete(THE_POD, grace=0)
        assert cluster.peek(THE_POD) is None

    play(story)


def test_old_kernels_refuse_the_gateway_template() -> None:
    async def story(stage: Nodes) -> None:
        for name in (CONTROL_NODE, WORKER_NODE):
            info = {"status": {"nodeInfo": {"kernelVersion": "3.10.0-1160.el7"}}}
            await stage.cluster.api("me").merge(Ref(NODE, name), info, status=True)
        sysctls = {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]}
        await stage.cluster.api("me").create(pod(securityContext=sysctls))
        told = await stage.cluster.until(lambda: stage.events("FailedCreatePodSandBox"))
        assert "ip_unprivileged_port_start: no such file or directory" in told[0]

    play(story)


@pytest.mark.parametrize(
    ("cluster_id", "usable", "fault", "comes_up"),
    [
        ("cluster2", True, "", True),
        ("cluster9", True, "", False),
        ("cluster2", False, "", False),
        ("cluster2", True, "xds-blocked", False),
    ],
)
def test_a_remote_proxy_needs_istiod_to_know_its_cluster(
    cluster_id: str, usable: bool, fault: str, comes_up: bool
) -> None:
    async def story(stage: Nodes) -> None:
        stage.istiod.remotes[cluster_id] = Remote(cluster_id, "s", Sync.SYNCED, "west", usable=usable)
        east, west = stage.clusters
        east.seed(*istiod_service(), *gateway(1, EAST_LB), *expose())
        west.seed(ROOT_CERT, *remote_istiod())
        new = sidecar_pod(2)
        del new["spec"]["initContainers"][0]
        await west.api("me").create(new)

        def readiness() -> str:
            conditions = dig(west.peek(THE_POD), "status", "conditions") or ()
            return next((c["status"] for c in conditions if c["type"] == "Ready"), "")

        def told() -> bool:
            return any(event["reason"] == "Unhealthy" for event in west.all(EVENT))

        await west.until(lambda: readiness() == "True" or told())
        assert (readiness() == "True", told()) == (comes_up, not comes_up)

    play(story, clusters=2, faults=(Fault(fault),) if fault else ())
