"""What kube-controller-manager does, on a cluster in memory."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

from meshctl.lab.api import ApiError
from meshctl.lab.controllers import (
    kubernetes_collection,
    kubernetes_daemonsets,
    kubernetes_deployments,
    kubernetes_endpoints,
    kubernetes_namespaces,
    kubernetes_replicasets,
    kubernetes_tokens,
)
from meshctl.lab.controllers.kubernetes_tokens import claimed_secret, token_of
from meshctl.lab.delays import Delays
from meshctl.names import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    NAMESPACE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE_ACCOUNT,
)
from meshctl.objects import Manifest, Ref, dig
from tests.lab.controllers.stage import running, world_of
from tests.lab.fake_api import FakeCluster, ref_of
from tests.lab.static_mesh import obj, service

APP = Ref(DEPLOYMENT, "app", "n")


def workload(kind: str = "Deployment", name: str = "app", **spec: Any) -> Manifest:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    return obj("apps/v1", kind, name, "n", spec={"selector": {"matchLabels": labels}, "template": template, **spec})


async def make_ready(cluster: FakeCluster, number: int = 1, ip: str = "10.244.0.1") -> None:
    """Play the kubelet: make every pod ready once there are enough of them."""
    await cluster.until(lambda: len(cluster.all(POD)) >= number)
    state = {"phase": "Running", "podIP": ip, "conditions": [{"type": "Ready", "status": "True"}]}
    for pod in cluster.all(POD):
        await cluster.api("kubelet").merge(ref_of(pod), {"status": state}, status=True)


def status_of(cluster: FakeCluster, ref: Ref, *path: str) -> Callable[[], Any]:
    return lambda: dig(cluster.peek(ref), "status", *path)


def test_a_deployment_rolls_out_and_rolls_on_when_its_template_changes() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        site = world.sites[0]
        async with running(kubernetes_deployments.run(world, site), kubernetes_replicasets.run(world, site)):
            await cluster.api("me").create(workload())
            await make_ready(cluster)
            await cluster.until(status_of(cluster, APP, "availableReplicas"))
            first = cluster.all(POD)[0]
            annotations = dig(cluster.peek(APP), "metadata", "annotations")
            assert annotations == {"deployment.kubernetes.io/revision": "1"}
            assert first["metadata"]["ownerReferences"][0]["name"] == cluster.all(REPLICA_SET)[0]["metadata"]["name"]

            restart = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}
            await cluster.api("me").merge(APP, {"spec": {"template": restart}})
            await cluster.until(lambda: len(cluster.all(POD)) == 2)
            assert cluster.peek(ref_of(first)) is not None
            await make_ready(cluster, 2)
            await cluster.until(lambda: cluster.peek(ref_of(first)) is None)
            await cluster.until(lambda: status_of(cluster, APP)()["replicas"] == 1)
            replicas = {dig(s, "spec", "replicas") for s in cluster.all(REPLICA_SET)}
            assert replicas == {0, 1}
            await cluster.until(lambda: dig(cluster.peek(APP), "status", "observedGeneration") == 2)

            await cluster.api("me").merge(APP, {"spec": {"replicas": 3}})
            await cluster.until(lambda: len(cluster.all(POD)) == 3)
            await cluster.api("me").merge(APP, {"spec": {"replicas": 0}})
            await cluster.until(lambda: not cluster.all(POD))

    asyncio.run(story())


def test_a_refused_pod_is_told_counted_and_made_in_the_end() -> None:
    refusal = 'Internal error occurred: failed calling webhook "object.sidecar-injector.istio.io": failed to call'
    refusing = True

    async def admit(pod: Manifest) -> Manifest:
        if refusing:
            raise ApiError(500, "InternalError", refusal)
        return pod

    async def story() -> None:
        nonlocal refusing
        cluster = FakeCluster(admit)
        world = world_of(cluster)
        site = world.sites[0]
        async with running(kubernetes_deployments.run(world, site), kubernetes_replicasets.run(world, site)):
            await cluster.api("me").create(workload())
            await cluster.until(lambda: any(e["count"] >= 2 for e in cluster.all(EVENT)))
            event = cluster.all(EVENT)[0]
            assert (event["reason"], event["message"]) == ("FailedCreate", f"Error creating: {refusal}")
            assert event["involvedObject"]["kind"] == "ReplicaSet"
            failure = dig(cluster.peek(APP), "status", "conditions", 2)
            assert (failure["type"], failure["reason"]) == ("ReplicaFailure", "FailedCreate")

            refusing = False
            await make_ready(cluster)
            await cluster.until(status_of(cluster, APP, "availableReplicas"))
            kinds = [c["type"] for c in status_of(cluster, APP, "conditions")()]
            assert kinds == ["Available", "Progressing"]

    asyncio.run(story())


def test_the_back_off_doubles() -> None:
    real = Delays(speed=1)
    assert [kubernetes_replicasets.backoff(n, real) for n in (1, 2, 3, 12)] == [1, 2, 4, 1000]
    assert kubernetes_replicasets.backoff(2, Delays(speed=10)) == 0.2
    assert 0 < kubernetes_replicasets.backoff(1, Delays(speed=0)) < kubernetes_replicasets.backoff(9, Delays(speed=0))


def test_a_daemon_set_has_a_pod_for_every_node() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        ref = Ref(DAEMON_SET, "app", "n")
        async with running(kubernetes_daemonsets.run(world, world.sites[0])):
            await cluster.api("me").create(workload("DaemonSet"))
            await cluster.until(lambda: status_of(cluster, ref)() is not None)
            assert status_of(cluster, ref)()["desiredNumberScheduled"] == 0
            for name in ("one", "two"):
                await cluster.api("me").create(obj("v1", "Node", name))
            await make_ready(cluster, 2)
            await cluster.until(lambda: status_of(cluster, ref, "numberReady")() == 2)
            assert status_of(cluster, ref)()["currentNumberScheduled"] == 2
            assert {kubernetes_daemonsets.node_wanted_by(pod) for pod in cluster.all(POD)} == {"one", "two"}

            change = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "newer"}]}}}}
            await cluster.api("me").merge(ref, change)
            await cluster.until(
                lambda: sum(p["spec"]["containers"][0]["image"] == "newer" for p in cluster.all(POD)) == 1
            )
            await make_ready(cluster, 2)
            await cluster.until(lambda: all(p["spec"]["containers"][0]["image"] == "newer" for p in cluster.all(POD)))

    asyncio.run(story())


def test_what_is_owned_goes_with_its_owner() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        api = cluster.api("me")
        owner = await api.create(obj("v1", "ConfigMap", "owner", "n"))
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
        await api.create(obj("v1", "Secret", "owned", "n", metadata={"ownerReferences": [reference]}))
        stale = [{**reference, "uid": "gone"}]
        await api.create(obj("v1", "Secret", "left-behind", "n", metadata={"ownerReferences": stale}))
        foreign = [{**reference, "apiVersion": "example.org/v1", "kind": "Thing"}]
        await api.create(obj("v1", "Secret", "of-another-kind", "n", metadata={"ownerReferences": foreign}))
        async with running(kubernetes_collection.run(world, world.sites[0])):
            await cluster.until(lambda: cluster.peek(Ref(SECRET, "left-behind", "n")) is None)
            assert cluster.peek(Ref(SECRET, "owned", "n"))
            await api.delete(Ref(CONFIG_MAP, "owner", "n"))
            await cluster.until(lambda: cluster.peek(Ref(SECRET, "owned", "n")) is None)
            assert cluster.peek(Ref(SECRET, "of-another-kind", "n"))

    asyncio.run(story())


def test_a_namespace_is_furnished_and_ends_with_its_content() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        api = cluster.api("me")
        cluster.seed(kubernetes_namespaces.root_ca("PEM"))
        async with running(kubernetes_namespaces.run(world, world.sites[0])):
            await api.create(obj("v1", "Namespace", "n"))
            await cluster.until(lambda: cluster.peek(Ref(SERVICE_ACCOUNT, "default", "n")))
            await cluster.until(lambda: cluster.peek(Ref(CONFIG_MAP, "kube-root-ca.crt", "n")))
            await api.delete(Ref(CONFIG_MAP, "kube-root-ca.crt", "n"))
            await cluster.until(lambda: cluster.peek(Ref(CONFIG_MAP, "kube-root-ca.crt", "n")))

            await api.create(obj("v1", "Secret", "held", "n", metadata={"finalizers": ["example.org/hold"]}))
            await api.create(obj("v1", "Pod", "p", "n", spec={"nodeName": "one", "containers": []}))
            await api.delete(Ref(NAMESPACE, "n"))

            def told(kind: str) -> str:
                conditions = dig(cluster.peek(Ref(NAMESPACE, "n")), "status", "conditions") or ()
                return next((c["message"] for c in conditions if c["type"] == kind and c["status"] == "True"), "")

            await cluster.until(lambda: "pods. has 1 resource instances" in told("NamespaceContentRemaining"))
            assert cluster.peek(Ref(CONFIG_MAP, "kube-root-ca.crt", "n")), "pods go first"
            await api.delete(Ref(POD, "p", "n"), grace=0)
            await cluster.until(
                lambda: "example.org/hold in 1 resource instances" in told("NamespaceFinalizersRemaining")
            )
            await api.merge(Ref(SECRET, "held", "n"), {"metadata": {"finalizers": None}})
            await cluster.until(lambda: cluster.peek(Ref(NAMESPACE, "n")) is None)

    asyncio.run(story())


def token_secret(name: str, account: str) -> Manifest:
    meta = {"annotations": {"kubernetes.io/service-account.name": account}}
    return obj("v1", "Secret", name, "n", metadata=meta, type="kubernetes.io/service-account-token")


def test_tokens_are_issued_and_die_with_their_account() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        api = cluster.api("me")
        cluster.seed(kubernetes_namespaces.root_ca("PEM"), obj("v1", "ServiceAccount", "reader", "n"))
        async with running(kubernetes_tokens.run(world, world.sites[0])):
            await api.create(token_secret("one", "reader"))
            await api.create(token_secret("two", "reader"))
            refs = [Ref(SECRET, name, "n") for name in ("one", "two")]
            await cluster.until(lambda: all(token_of(cluster.peek(ref)) for ref in refs))
            tokens = [token_of(cluster.peek(ref)) for ref in refs]
            assert len(set(tokens)) == 2
            assert [claimed_secret(token) for token in tokens] == refs
            data = dig(cluster.peek(refs[0]), "data")
            assert base64.b64decode(data["ca.crt"]) == b"PEM"
            assert base64.b64decode(data["namespace"]) == b"n"

            await api.delete(Ref(SERVICE_ACCOUNT, "reader", "n"))
            await cluster.until(lambda: not any(cluster.peek(ref) for ref in refs))
            await api.create(token_secret("three", "nobody"))
            await cluster.until(lambda: cluster.peek(Ref(SECRET, "three", "n")) is None)

    asyncio.run(story())


def test_a_service_knows_its_ready_pods() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        api = cluster.api("me")
        pod = obj("v1", "Pod", "p", "n", metadata={"labels": {"app": "a"}})
        pod["spec"] = {
            "nodeName": "one",
            "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": 80}]}],
        }
        async with running(kubernetes_endpoints.run(world, world.sites[0])):
            entry = service("s", "n", {443: 15017}, {"app": "a"})
            entry["spec"]["ports"].append({"name": "named", "port": 8000, "targetPort": "web"})
            await api.create(entry)
            slices = await cluster.until(lambda: cluster.all(ENDPOINT_SLICE))
            assert (slices[0]["endpoints"], slices[0]["ports"]) == ([], [])
            await api.create(pod)
            await make_ready(cluster)
            slices = await cluster.until(
                lambda: [s for s in cluster.all(ENDPOINT_SLICE) if dig(s, "endpoints", 0, "conditions", "ready")]
            )
            assert slices[0]["endpoints"][0]["addresses"] == ["10.244.0.1"]
            assert [port["port"] for port in slices[0]["ports"]] == [15017, 80]
            assert slices[0]["metadata"]["labels"]["kubernetes.io/service-name"] == "s"
            await api.delete(Ref(POD, "p", "n"))
            await cluster.until(
                lambda: dig(cluster.all(ENDPOINT_SLICE)[0], "endpoints", 0, "conditions", "terminating")
            )
            await api.delete(Ref(POD, "p", "n"), grace=0)
            await cluster.until(lambda: not cluster.all(ENDPOINT_SLICE)[0]["endpoints"])

    asyncio.run(story())
