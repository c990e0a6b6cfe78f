"""Server-side apply on lists: which are merged by key, which are sets, which are replaced as a whole."""

from meshctl.objects import Manifest, dig
from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, managers
from tests.contract.manifests import WIDGETS, apps, container, core, deployment, pod, service, widget


def containers_of(obj: Manifest) -> list[Manifest]:
    return list(dig(obj, "spec", "template", "spec", "containers"))


def test_containers_merge_by_name(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")
    api.apply(path, deployment("x", container("app"), container("old")), "one").obj()
    other = deployment("x", {"name": "side", "image": "example.invalid/side:1"})
    merged = api.apply(path, other, "two").obj()
    assert [one["name"] for one in containers_of(merged)] == ["app", "old", "side"]
    left = api.apply(path, deployment("x", container("app", "example.invalid/app:2")), "one").obj()
    assert [(one["name"], one["image"]) for one in containers_of(left)] == [
        ("app", "example.invalid/app:2"),
        ("side", "example.invalid/side:1"),
    ]


def test_a_conflict_inside_a_list_names_the_key(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")
    env = [{"name": "A", "value": "1"}]
    api.apply(path, deployment("x", container("app", env=env)), "one").obj()
    changed = container("app", "example.invalid/app:2", env=[{"name": "A", "value": "2"}])
    refused = api.apply(path, deployment("x", changed), "two")
    assert refused.message == (
        'Apply failed with 2 conflicts: conflicts with "one":\n'
        '- .spec.template.spec.containers[name="app"].image\n'
        '- .spec.template.spec.containers[name="app"].env[name="A"].value'
    )


def test_env_merges_by_name(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    api.apply(path, deployment("x", container("app", env=env)), "one").obj()
    more = {"name": "app", "env": [{"name": "C", "value": "1"}]}
    merged = api.apply(path, deployment("x", more), "two").obj()
    assert [one["name"] for one in containers_of(merged)[0]["env"]] == ["A", "B", "C"]
    left = api.apply(path, deployment("x", container("app", env=env[1:])), "one").obj()
    assert [one["name"] for one in containers_of(left)[0]["env"]] == ["B", "C"]


def test_container_ports_merge_by_port_and_protocol(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")
    ports = [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "TCP", "name": "dns"}]
    made = api.apply(path, deployment("x", container("app", ports=ports)), "one").obj()
    owned = managers(made)["one", "Apply"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    assert sorted(owned['k:{"name":"app"}']["f:ports"]) == [
        'k:{"containerPort":53,"protocol":"TCP"}',
        'k:{"containerPort":53,"protocol":"UDP"}',
    ]
    left = api.apply(path, deployment("x", container("app", ports=ports[:1])), "one").obj()
    assert containers_of(left)[0]["ports"] == [{"containerPort": 53, "protocol": "UDP"}]


def test_the_protocol_of_a_key_has_a_default(api: Asker, namespace: str) -> None:
    path = core(namespace, "services", "x")
    wanted = service(ports=[{"name": "http", "port": 80}], selector={"app": "x"})
    made = api.apply(path, wanted, "one").obj()
    assert made["spec"]["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}]
    again = api.apply(path, wanted, "one")
    assert again.version == made["metadata"]["resourceVersion"]
    same = service(ports=[{"name": "http", "port": 80, "protocol": "TCP"}], selector={"app": "x"})
    assert api.apply(path, same, "one").at("spec", "ports") == made["spec"]["ports"]


def test_service_ports_merge_by_port_and_protocol(api: Asker, namespace: str) -> None:
    path = core(namespace, "services", "x")
    http = {"name": "http", "port": 80}
    api.apply(path, service(ports=[http, {"name": "old", "port": 81}]), "one").obj()
    merged = api.apply(path, service(ports=[{"name": "more", "port": 82}]), "two").obj()
    assert [port["name"] for port in merged["spec"]["ports"]] == ["http", "old", "more"]
    left = api.apply(path, service(ports=[http]), "one").obj()
    assert [port["name"] for port in left["spec"]["ports"]] == ["http", "more"]


def test_a_duplicate_key_is_refused(api: Asker, namespace: str) -> None:
    twice = deployment("x", container("app"), container("app"))
    refused = api.apply(apps(namespace, "deployments", "x"), twice, "one")
    assert refused.refused == (
        500,
        "None",
        (
            "failed to create typed patch object (/x; apps/v1, Kind=Deployment): .spec.template.spec.containers: "
            'duplicate entries for key [name="app"]'
        ),
    )


def test_conditions_merge_by_type(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name, {})).obj()
    path = f"{WIDGETS}/{name}/status"

    def state(*types: str, status: str = "True") -> Manifest:
        return {**widget(name), "status": {"conditions": [{"type": one, "status": status} for one in types]}}

    api.apply(path, state("Ready"), "one").obj()
    merged = api.apply(path, state("Healthy"), "two").obj()
    assert [one["type"] for one in merged["status"]["conditions"]] == ["Ready", "Healthy"]
    refused = api.apply(path, state("Ready", status="False"), "two")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "one" with subresource "status": '
        '.status.conditions[type="Ready"].status'
    )
    left = api.apply(path, state(), "one").obj()
    assert [one["type"] for one in left["status"]["conditions"]] == ["Healthy"]


def test_a_set_is_merged_by_value(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    api.apply(path, widget(name, {"tags": ["a", "b"]}), "one").obj()
    merged = api.apply(path, widget(name, {"tags": ["b", "c"]}), "two").obj()
    assert merged["spec"]["tags"] == ["a", "b", "c"]
    left = api.apply(path, widget(name, {"tags": ["a"]}), "one").obj()
    assert left["spec"]["tags"] == ["a", "b", "c"]
    gone = api.apply(path, widget(name, {"tags": ["c"]}), "two").obj()
    assert gone["spec"]["tags"] == ["a", "c"]


def test_other_lists_are_replaced_as_a_whole(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    api.apply(path, widget(name, {"plain": ["a"]}), "one").obj()
    refused = api.apply(path, widget(name, {"plain": ["b"]}), "two")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "one": .spec.plain'
    forced = api.apply(path, widget(name, {"plain": ["b"]}), "two", force=True).obj()
    assert forced["spec"]["plain"] == ["b"]


def test_tolerations_are_replaced_as_a_whole(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")

    def tolerating(key: str) -> Manifest:
        obj = deployment("x")
        obj["spec"]["template"]["spec"]["tolerations"] = [{"key": key, "operator": "Exists"}]
        return obj

    api.apply(path, tolerating("a"), "one").obj()
    refused = api.apply(path, tolerating("b"), "two")
    assert refused.message == ('Apply failed with 1 conflict: conflict with "one": .spec.template.spec.tolerations')


def test_keyed_parts_of_a_custom_resource(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    made = api.apply(path, widget(name, {"parts": [{"name": "a", "size": 1}, {"name": "b"}]}), "one").obj()
    assert managers(made)["one", "Apply"] == {
        "f:spec": {
            "f:parts": {
                'k:{"name":"a"}': {".": {}, "f:name": {}, "f:size": {}},
                'k:{"name":"b"}': {".": {}, "f:name": {}},
            }
        }
    }
    merged = api.apply(path, widget(name, {"parts": [{"name": "a"}, {"name": "c", "size": 3}]}), "two").obj()
    assert merged["spec"]["parts"] == [{"name": "a", "size": 1}, {"name": "b"}, {"name": "c", "size": 3}]
    left = api.apply(path, widget(name, {"parts": []}), "one").obj()
    assert left["spec"]["parts"] == [{"name": "a"}, {"name": "c", "size": 3}]


def test_values_without_a_schema_merge_field_by_field(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    api.apply(path, widget(name, {"values": {"global": {"a": 1}}}), "one").obj()
    merged = api.apply(path, widget(name, {"values": {"global": {"b": [1]}}}), "two").obj()
    assert merged["spec"]["values"] == {"global": {"a": 1, "b": [1]}}
    refused = api.apply(path, widget(name, {"values": {"global": {"b": [2]}}}), "one")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "two": .spec.values.global.b'


def test_the_selector_is_one_value(api: Asker, namespace: str) -> None:
    path = core(namespace, "services", "x")
    port = [{"port": 80}]
    api.apply(path, service(ports=port, selector={"app": "x"}), "one").obj()
    refused = api.apply(path, service(ports=port, selector={"app": "x", "b": "y"}), "two")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "one": .spec.selector'


def test_owner_references_merge_by_uid_and_finalizers_by_value(api: Asker, namespace: str) -> None:
    path = core(namespace, "configmaps", "x")
    owner = api.post(core(namespace, "configmaps"), {"metadata": {"name": "owner"}}).obj()
    uid = owner["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    base = {"apiVersion": "v1", "kind": "ConfigMap"}
    meta = {"name": "x", "ownerReferences": [reference], "finalizers": ["example.com/a"]}
    made = api.apply(path, {**base, "metadata": meta}, "one").obj()
    assert managers(made)["one", "Apply"] == {
        "f:metadata": {
            "f:finalizers": {'v:"example.com/a"': {}},
            "f:ownerReferences": {f'k:{{"uid":"{uid}"}}': {}},
        }
    }
    both = api.apply(path, {**base, "metadata": {"name": "x", "finalizers": ["example.com/b"]}}, "two").obj()
    assert both["metadata"]["finalizers"] == ["example.com/a", "example.com/b"]
    api.patch(path, {"metadata": {"finalizers": None}}).obj()


def test_a_pod_owns_its_mounts_by_path(api: Asker, cluster: Cluster) -> None:
    namespace = cluster.namespace(furnished=True)
    volumes = [{"name": "v", "emptyDir": {}}]
    mounts = [{"name": "v", "mountPath": "/v"}]
    made = api.apply(
        core(namespace, "pods", "x"), pod("x", container(volumeMounts=mounts), volumes=volumes), "one"
    ).obj()
    owned = managers(made)["one", "Apply"]["f:spec"]
    assert owned["f:volumes"] == {'k:{"name":"v"}': {".": {}, "f:emptyDir": {}, "f:name": {}}}
    assert owned["f:containers"]['k:{"name":"app"}']["f:volumeMounts"] == {
        'k:{"mountPath":"/v"}': {".": {}, "f:mountPath": {}, "f:name": {}}
    }
