"""Namespaces: what they are born with, and how they end."""

from meshctl.objects import dig
from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import NAMESPACES, config_map, core, maps


def test_a_new_namespace(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("ns")
    made = api.post(NAMESPACES, {"metadata": {"name": name, "labels": {"l": "1"}}}).obj()
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": name, "l": "1"}
    assert made["spec"] == {"finalizers": ["kubernetes"]}
    assert made["status"] == {"phase": "Active"}
    eventually(lambda: api.get(core(name, "serviceaccounts", "default")).status == 200)
    root = eventually(lambda: dig(api.get(maps(name, "kube-root-ca.crt")).body, "data", "ca.crt"))
    assert root.startswith("-----BEGIN CERTIFICATE-----")


def test_the_name_label_cannot_be_taken_away(cluster: Cluster, api: Asker, namespace: str) -> None:
    path = f"{NAMESPACES}/{namespace}"
    done = api.patch(path, {"metadata": {"labels": {"kubernetes.io/metadata.name": None}}}).obj()
    assert done["metadata"]["labels"] == {"kubernetes.io/metadata.name": namespace}


def test_a_namespace_that_is_there(api: Asker, namespace: str) -> None:
    refused = api.post(NAMESPACES, {"metadata": {"name": namespace}})
    assert refused.refused == (409, "AlreadyExists", f'namespaces "{namespace}" already exists')


def test_content_goes_first_and_nothing_new_comes(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace()
    path = f"{NAMESPACES}/{namespace}"
    api.post(maps(namespace), config_map("held", finalizers=["example.com/hold"])).obj()
    api.post(maps(namespace), config_map("plain")).obj()
    done = api.delete(path)
    assert done.status == 200
    assert done.at("kind") == "Namespace"
    assert done.at("status", "phase") == "Terminating"
    assert done.at("metadata", "deletionTimestamp")
    refused = api.post(maps(namespace), config_map("new"))
    assert refused.refused == (
        403,
        "Forbidden",
        (
            f'configmaps "new" is forbidden: unable to create new content in namespace {namespace} '
            "because it is being terminated"
        ),
    )
    assert refused.causes == [
        ("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
    ]
    eventually(lambda: api.get(maps(namespace, "plain")).status == 404)
    conditions = eventually(lambda: remaining(api, path))
    assert conditions["NamespaceContentRemaining"] == (
        "True",
        "SomeResourcesRemain",
        "Some resources are remaining: configmaps. has 1 resource instances",
    )
    assert conditions["NamespaceFinalizersRemaining"] == (
        "True",
        "SomeFinalizersRemain",
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
    )
    again = api.post(NAMESPACES, {"metadata": {"name": namespace}})
    assert again.refused == (
        409,
        "AlreadyExists",
        f'object is being deleted: namespaces "{namespace}" already exists',
    )
    api.patch(maps(namespace, "held"), {"metadata": {"finalizers": None}}).obj()
    eventually(lambda: api.get(path).status == 404)


def remaining(api: Asker, path: str) -> dict[str, tuple[str, str, str]]:
    conditions = {
        one["type"]: (one["status"], one["reason"], one["message"])
        for one in dig(api.get(path).body, "status", "conditions") or ()
    }
    return conditions if conditions.get("NamespaceFinalizersRemaining", ("",))[0] == "True" else {}


def test_a_namespace_is_deleted_twice(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace()
    api.post(maps(namespace), config_map("held", finalizers=["example.com/hold"])).obj()
    api.delete(f"{NAMESPACES}/{namespace}")
    again = api.delete(f"{NAMESPACES}/{namespace}")
    assert again.status in (200, 409)
    api.patch(maps(namespace, "held"), {"metadata": {"finalizers": None}}).obj()


def test_finalize_ends_a_namespace(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace()
    path = f"{NAMESPACES}/{namespace}"
    api.post(maps(namespace), config_map("held", finalizers=["example.com/hold"])).obj()
    api.delete(path)
    live = api.get(path).obj()
    refused = api.put(path, {**live, "spec": {"finalizers": []}})
    assert refused.at("spec", "finalizers") == ["kubernetes"]
    live = api.get(path).obj()
    del live["metadata"]["resourceVersion"]
    assert api.put(f"{path}/finalize", {**live, "spec": {"finalizers": []}}).status == 200
    assert api.get(path).status == 404
    api.patch(maps(namespace, "held"), {"metadata": {"finalizers": None}})


def test_some_namespaces_stay(api: Asker) -> None:
    for name in ("default", "kube-system", "kube-public"):
        refused = api.delete(f"{NAMESPACES}/{name}")
        assert refused.refused == (
            403,
            "Forbidden",
            f'namespaces "{name}" is forbidden: this namespace may not be deleted',
        )
