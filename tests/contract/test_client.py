"""meshctl's own client: the errors it makes of an API server's refusals, in both worlds the same."""

import threading
from queue import SimpleQueue

import pytest

from meshctl.cluster import Client
from meshctl.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    TransientError,
    UnknownKindError,
)
from meshctl.names import CONFIG_MAP, DEPLOYMENT, GATEWAY, LEASE, NAMESPACE, POD, SECRET, SERVICE
from meshctl.objects import Manifest, Ref, dig
from tests.contract.cluster import Cluster
from tests.contract.manifests import container, pod


@pytest.fixture
def client(cluster: Cluster) -> Client:
    """The administrator's client."""
    return cluster.client


def held(namespace: str, name: str = "x", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def test_apply(client: Client, namespace: str) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    made = client.apply(held(namespace, a="1"))
    assert client.apply(held(namespace, a="1")) == made
    client.apply(held(namespace, b="1"), manager="other")
    assert client.apply(held(namespace, a="1"))["data"] == {"a": "1", "b": "1"}
    with pytest.raises(ConflictError) as caught:
        client.apply(held(namespace, a="2"), manager="helm")
    assert type(caught.value) is ConflictError
    assert caught.value.message == 'contract: conflict: "meshctl" owns .data.a'
    assert "--force-conflicts" in caught.value.hint
    assert client.apply(held(namespace, a="2"), manager="helm", force=True, dry_run=True)["data"]["a"] == "2"
    assert dig(client.get(ref), "data", "a") == "1"
    taken = client.apply(held(namespace, a="2"), manager="helm", force=True)
    assert (taken["data"]["a"], taken["metadata"]["uid"]) == ("2", made["metadata"]["uid"])
    assert client.apply(held(namespace, a="2"), manager="helm") == taken


def test_create_replace_merge_delete(client: Client, namespace: str) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    assert client.get(ref) is None
    assert client.delete(ref) is False
    made = client.create(held(namespace, a="1"))
    with pytest.raises(AlreadyExistsError):
        client.create(held(namespace, a="1"))
    client.replace({**made, "data": {"a": "2", "b": "1"}})
    with pytest.raises(StaleError):
        client.replace(made)
    assert client.merge(ref, {"data": {"a": None}})["data"] == {"b": "1"}
    assert client.delete(ref, uid="00000000-0000-0000-0000-000000000000") is False
    assert client.get(ref) is not None
    assert client.delete(ref, uid=made["metadata"]["uid"]) is True
    with pytest.raises(NotFoundError) as caught:
        client.merge(ref, {"data": {}})
    assert type(caught.value) is NotFoundError


def test_refusals(client: Client, namespace: str) -> None:
    with pytest.raises(NotFoundError, match='namespaces "absent" not found') as caught:
        client.apply(held("absent"))
    assert type(caught.value) is NotFoundError
    gateway = Ref(GATEWAY, "x", namespace)
    with pytest.raises(UnknownKindError):
        client.get(gateway)
    with pytest.raises(UnknownKindError):
        next(iter(client.watch(gateway)))
    with pytest.raises(UnknownKindError):
        client.apply({**held(namespace), "apiVersion": GATEWAY.api_version, "kind": GATEWAY.name})
    with pytest.raises(InvalidError, match="strict decoding error: unknown field"):
        client.create(held(namespace) | {"colour": "blue"})
    with pytest.raises(ClusterError):
        client.apply(held(namespace) | {"colour": "blue"})
    meta = {"name": "x", "namespace": namespace}
    with pytest.raises(InvalidError, match=r"spec\.ports\[0\]\.port: Invalid value: 99999"):
        client.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 99999}]}})
    assert client.get(Ref(SERVICE, "x", namespace)) is None


def test_lists_have_everything(client: Client, namespace: str) -> None:
    for name in "abc":
        made = held(namespace, name)
        client.create({**made, "metadata": {**made["metadata"], "labels": {"vowel": str(name == "a").lower()}}})
    found = [one for one in client.list(CONFIG_MAP, namespace) if one["metadata"]["name"] in "abc"]
    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [("ConfigMap", name) for name in "abc"]
    assert [one["metadata"]["name"] for one in client.list(CONFIG_MAP, namespace, "vowel=true")] == ["a"]
    assert client.list(DEPLOYMENT, namespace) == []


def test_a_namespace_that_ends(client: Client, cluster: Cluster) -> None:
    namespace = cluster.namespace()
    client.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "held", "namespace": namespace, "finalizers": ["example.com/hold"]},
        }
    )
    assert client.delete(Ref(NAMESPACE, namespace)) is True
    with pytest.raises(TransientError, match="because it is being terminated"):
        client.create(held(namespace))
    client.merge(Ref(CONFIG_MAP, "held", namespace), {"metadata": {"finalizers": None}})


def test_a_user_without_rights(cluster: Cluster, client: Client, namespace: str) -> None:
    nobody = cluster.client_of("nobody")
    assert client.allowed("create", "secrets", namespace=namespace)
    assert not nobody.allowed("create", "pods", namespace=namespace, subresource="exec")
    secret = Ref(SECRET, "x", namespace)
    with pytest.raises(ForbiddenError, match=r'^contract: forbidden: secrets .*"nobody" cannot get'):
        nobody.get(secret)
    with pytest.raises(ForbiddenError, match=r'^contract: forbidden: secrets .*"nobody" cannot list'):
        next(iter(nobody.watch(secret)))
    nobody.close()


def test_exec_where_there_is_no_node(cluster: Cluster, client: Client) -> None:
    namespace = cluster.namespace(furnished=True)
    spec = {"containers": [{"name": "c", "image": "example.invalid/x"}]}
    client.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": namespace}, "spec": spec})
    with pytest.raises(InvalidError, match="contract: invalid: pod p does not have a host assigned"):
        client.exec("p", namespace, "c", ["true"], 5)
    with pytest.raises(NotFoundError, match='pods "absent" not found'):
        client.exec("absent", namespace, "c", ["true"], 5)
    assert client.delete(Ref(POD, "p", namespace), grace_period=0)


def test_a_watch_follows_one_object(client: Client, namespace: str) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    watch = client.watch(ref)
    seen: SimpleQueue[Manifest | None] = SimpleQueue()

    def follow() -> None:
        for state in watch:
            seen.put(state)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        assert seen.get(timeout=10) is None
        client.create(held(namespace, "other"))
        client.create(held(namespace, a="1"))
        assert dig(seen.get(timeout=10), "data", "a") == "1"
        client.merge(ref, {"data": {"a": "2"}})
        assert dig(seen.get(timeout=10), "data", "a") == "2"
        client.delete(ref)
        assert seen.get(timeout=10) is None
    finally:
        watch.close()
        thread.join(10)


def test_a_lock(client: Client, namespace: str) -> None:
    meta = {"name": "meshctl", "namespace": namespace}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta}
    made = client.create({**lease, "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15}})
    with pytest.raises(AlreadyExistsError):
        client.create({**lease, "spec": {"holderIdentity": "two"}})
    client.replace({**made, "spec": {"holderIdentity": "two", "leaseDurationSeconds": 15}})
    with pytest.raises(StaleError):
        client.replace({**made, "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15}})
    assert client.delete(Ref(LEASE, "meshctl", namespace), uid=made["metadata"]["uid"]) is True


def test_logs(cluster: Cluster, client: Client) -> None:
    namespace = cluster.namespace(furnished=True)
    client.create({**pod("x", container("a"), container("b")), "metadata": {"name": "x", "namespace": namespace}})
    assert client.logs("x", namespace, "a", 10) == "", "nothing runs where there is no node"
    with pytest.raises(InvalidError, match="container c is not valid for pod x"):
        client.logs("x", namespace, "c", 10)
    with pytest.raises(NotFoundError, match='pods "y" not found'):
        client.logs("y", namespace, "a", 10)
    with pytest.raises(ForbiddenError, match='cannot get resource "pods/log"'):
        cluster.client_of("nobody-in-particular").logs("x", namespace, "a", 10)
