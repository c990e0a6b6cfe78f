"""Dry runs: everything is checked and answered as if, and nothing stays."""

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster
from tests.contract.manifests import WIDGETS, config_map, core, maps, service, widget


def test_create(api: Asker, namespace: str) -> None:
    tried = api.post(maps(namespace), config_map(data={"a": "1"}), dryRun="All")
    assert tried.status == 201
    assert tried.at("data") == {"a": "1"}
    assert tried.at("metadata", "uid")
    assert "resourceVersion" not in tried.at("metadata")
    assert api.get(maps(namespace, "x")).status == 404


def test_apply(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    assert api.apply(path, config_map(data={"a": "1"}), "one", dryRun="All").status == 201
    assert api.get(path).status == 404
    made = api.apply(path, config_map(data={"a": "1"}), "one").obj()
    tried = api.apply(path, config_map(data={"a": "2"}), "one", dryRun="All")
    assert tried.status == 200
    assert tried.at("data") == {"a": "2"}
    assert tried.version == made["metadata"]["resourceVersion"]
    assert api.get(path).body == made
    refused = api.apply(path, config_map(data={"a": "2"}), "two", dryRun="All")
    assert refused.status == 409


def test_merge_and_replace(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    made = api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    assert api.patch(path, {"data": {"a": "2"}}, dryRun="All").at("data") == {"a": "2"}
    assert api.put(path, {**made, "data": {"a": "2"}}, dryRun="All").at("data") == {"a": "2"}
    assert api.get(path).body == made


def test_delete(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    made = api.post(maps(namespace), config_map(finalizers=["example.com/hold"])).obj()
    assert api.delete(path, dryRun="All").status == 200
    assert api.delete(path, {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}).status == 200
    assert api.get(path).body == made


def test_refusals_are_the_same(cluster: Cluster, api: Asker, namespace: str) -> None:
    name = cluster.fresh("w")
    assert api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v9"}), dryRun="All").status == 422
    api.post(maps(namespace), config_map()).obj()
    assert api.post(maps(namespace), config_map(), dryRun="All").reason == "AlreadyExists"
    assert api.post(maps("nowhere"), config_map(), dryRun="All").status == 404


def test_a_service_gets_no_address(api: Asker, namespace: str) -> None:
    tried = api.post(core(namespace, "services"), service(ports=[{"port": 80}]), dryRun="All").obj()
    assert tried["spec"]["type"] == "ClusterIP"
    assert api.get(core(namespace, "services", "x")).status == 404


def test_what_dry_run_may_say(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), config_map(), dryRun="Some")
    assert refused.refused == (
        422,
        "Invalid",
        'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    )
