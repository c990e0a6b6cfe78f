"""Status apart from spec, and when a generation rises."""

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, managers
from tests.contract.manifests import WIDGETS, apps, config_map, core, deployment, maps, service, widget


def generation(obj: dict[str, dict[str, object]]) -> object:
    return obj["metadata"].get("generation")


def test_spec_and_status_are_written_apart(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    made = api.post(WIDGETS, {**widget(name, {"version": "v1"}), "status": {"state": "mine"}}).obj()
    assert "status" not in made
    path = f"{WIDGETS}/{name}"
    done = api.put(f"{path}/status", {**made, "spec": {"version": "v2"}, "status": {"state": "x"}}).obj()
    assert done["spec"]["version"] == "v1"
    assert done["status"] == {"state": "x"}
    kept = api.put(path, {**done, "status": {"state": "y"}, "spec": {"version": "v2"}}).obj()
    assert kept["spec"]["version"] == "v2"
    assert kept["status"] == {"state": "x"}
    assert managers(kept)["contract", "Update/status"] == {"f:status": {".": {}, "f:state": {}}}


def test_a_status_patch_touches_the_status_alone(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name, {"version": "v1"})).obj()
    patch = {"spec": {"version": "v2"}, "status": {"state": "x"}, "metadata": {"labels": {"l": "1"}}}
    done = api.patch(f"{WIDGETS}/{name}/status", patch).obj()
    assert (done["spec"]["version"], done["status"]) == ("v1", {"state": "x"})
    assert "labels" not in done["metadata"]
    plain = api.patch(f"{WIDGETS}/{name}", patch).obj()
    assert (plain["spec"]["version"], plain["status"]) == ("v2", {"state": "x"})
    assert plain["metadata"]["labels"] == {"l": "1"}


def test_the_status_can_be_read_by_itself(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    made = api.post(WIDGETS, widget(name)).obj()
    assert api.get(f"{WIDGETS}/{name}/status").body == made


def test_a_generation_counts_changes_of_the_spec(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    assert generation(api.post(WIDGETS, widget(name, {"version": "v1"})).obj()) == 1
    assert generation(api.patch(path, {"metadata": {"labels": {"l": "1"}, "annotations": {"a": "1"}}}).obj()) == 1
    assert generation(api.patch(f"{path}/status", {"status": {"state": "x"}}).obj()) == 1
    assert generation(api.patch(path, {"spec": {"version": "v1"}}).obj()) == 1
    assert generation(api.patch(path, {"spec": {"version": "v2"}}).obj()) == 2
    assert generation(api.patch(path, {"metadata": {"finalizers": ["example.com/hold"]}}).obj()) == 2
    assert generation(api.patch(path, {"metadata": {"generation": 9}, "spec": {"version": "v1"}}).obj()) == 3
    assert generation(api.delete(path).obj()) == 4
    api.patch(path, {"metadata": {"finalizers": None}})


def test_applying_the_same_keeps_the_generation(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    first = api.apply(path, widget(name, {"version": "v1"}), "one").obj()
    assert api.apply(path, widget(name, {"version": "v1"}), "one").obj() == first
    assert generation(api.apply(path, widget(name, {"version": "v1"}), "two").obj()) == 1
    assert generation(api.apply(path, widget(name, {"version": "v2"}), "one", force=True).obj()) == 2


def test_deployments_count_too_and_others_do_not(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments")
    assert generation(api.post(path, deployment(replicas=0)).obj()) == 1
    assert generation(api.patch(f"{path}/x", {"spec": {"minReadySeconds": 1}}).obj()) == 2
    assert generation(api.post(maps(namespace), config_map()).obj()) is None
    assert generation(api.post(core(namespace, "services"), service(ports=[{"port": 80}])).obj()) is None


def test_a_deployment_without_replicas_is_available_by_its_status(api: Asker, namespace: str) -> None:
    api.post(apps(namespace, "deployments"), deployment(replicas=0)).obj()
    status = {"status": {"observedGeneration": 1, "conditions": []}}
    assert api.patch(apps(namespace, "deployments", "x") + "/status", status).status == 200


def test_the_scale_of_a_deployment(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")
    made = api.post(apps(namespace, "deployments"), deployment(replicas=0)).obj()
    scale = api.get(f"{path}/scale")
    assert (scale.at("kind"), scale.at("apiVersion")) == ("Scale", "autoscaling/v1")
    assert scale.at("spec") == {}
    assert scale.at("status") == {"replicas": 0, "selector": "app=x"}
    assert scale.at("metadata", "uid") == made["metadata"]["uid"]
    assert api.patch(f"{path}/scale", {"spec": {"replicas": 1}}).at("spec") == {"replicas": 1}
    assert api.get(path).at("spec", "replicas") == 1
