"""Server-side apply: who owns what, what conflicts, what goes when it is left out, and when nothing is written."""

import pytest

from meshctl.objects import Manifest
from tests.contract.asking import MERGE, Asker
from tests.contract.cluster import Cluster, managers
from tests.contract.manifests import NAMESPACES, WIDGETS, apps, config_map, deployment, maps, widget


def test_apply_creates_and_owns_what_it_names(api: Asker, namespace: str) -> None:
    made = api.apply(maps(namespace, "x"), config_map(data={"a": "1"}, labels={"l": "1"}), "one")
    assert made.status == 201
    entry = made.at("metadata", "managedFields", 0)
    assert {key: entry[key] for key in ("manager", "operation", "apiVersion", "fieldsType")} == {
        "manager": "one",
        "operation": "Apply",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
    }
    assert entry["fieldsV1"] == {"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:l": {}}}}
    assert "subresource" not in entry
    assert len(made.at("metadata", "managedFields")) == 1


def test_applying_the_same_again_writes_nothing(api: Asker, namespace: str) -> None:
    path, wanted = maps(namespace, "x"), config_map(data={"a": "1"})
    first = api.apply(path, wanted, "one")
    second = api.apply(path, wanted, "one")
    assert second.status == 200
    assert second.body == first.body


@pytest.mark.parametrize("kind", ["ConfigMap", "ServiceAccount", "Widget"])
def test_an_object_of_nothing_but_its_name_is_applied_again_without_a_write(
    cluster: Cluster, api: Asker, namespace: str, kind: str
) -> None:
    name = cluster.fresh("bare")
    paths = {
        "ConfigMap": maps(namespace, name),
        "ServiceAccount": f"{NAMESPACES}/{namespace}/serviceaccounts/{name}",
        "Widget": f"{WIDGETS}/{name}",
    }
    version = widget()["apiVersion"] if kind == "Widget" else "v1"
    wanted = {"apiVersion": version, "kind": kind, "metadata": {"name": name}}
    assert api.apply(paths[kind], wanted, "one").status == 201
    before = api.get(paths[kind]).body
    again = api.apply(paths[kind], wanted, "one")
    assert again.status == 200
    assert again.version == before["metadata"]["resourceVersion"]
    assert managers(again.obj()) == managers(before)


def test_a_bare_object_leaves_no_entry_of_its_applier(api: Asker, namespace: str) -> None:
    made = api.apply(maps(namespace, "x"), config_map(), "one").obj()
    assert managers(made) == {}


def test_a_namespace_applied_by_name_alone_settles_with_the_second_apply(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("bare")
    path, wanted = f"{NAMESPACES}/{name}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    made = api.apply(path, wanted, "one").obj()
    assert managers(made) == {}
    again = api.apply(path, wanted, "one").obj()
    assert managers(again) == {
        ("before-first-apply", "Update"): {
            "f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/metadata.name": {}}},
            "f:spec": {"f:finalizers": {}},
        }
    }
    assert api.apply(path, wanted, "one").body == again


def test_nobody_owns_anything_before_the_first_apply(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.post(maps(namespace), config_map()).obj()  # names nothing, so there is no entry to go on from
    assert managers(api.patch(path, {"data": {"a": "1"}}).obj()) == {}
    refused = api.apply(path, config_map(data={"a": "2"}), "one")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
    shared = api.apply(path, config_map(data={"a": "1"}), "one").obj()
    assert set(managers(shared)) == {("one", "Apply"), ("before-first-apply", "Update")}


def test_another_value_conflicts_with_its_owner(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1"}), "one").obj()
    refused = api.apply(path, config_map(data={"a": "2"}), "two")
    assert refused.refused == (409, "Conflict", 'Apply failed with 1 conflict: conflict with "one": .data.a')
    assert refused.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "one": .data.a',
        "reason": "Conflict",
        "details": {
            "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}]
        },
        "code": 409,
    }
    assert api.get(path).at("data") == {"a": "1"}


def test_conflicts_with_several_owners_are_listed_by_owner(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1", "b": "1"}), "one").obj()
    api.apply(path, config_map(data={"c": "1"}), "two").obj()
    refused = api.apply(path, config_map(data={"a": "2", "b": "2", "c": "2"}), "three")
    assert refused.message == (
        'Apply failed with 3 conflicts: conflicts with "one":\n- .data.a\n- .data.b\nconflicts with "two":\n- .data.c'
    )
    assert sorted(refused.causes) == [  # among each other, owners come in any order
        ("FieldManagerConflict", 'conflict with "one"', ".data.a"),
        ("FieldManagerConflict", 'conflict with "one"', ".data.b"),
        ("FieldManagerConflict", 'conflict with "two"', ".data.c"),
    ]


def test_an_updater_is_named_with_its_version(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.post(maps(namespace), config_map(data={"a": "1"}), fieldManager="helm").obj()
    refused = api.apply(path, config_map(data={"a": "2"}), "two")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "helm" using v1: .data.a'


def test_several_conflicts_with_an_updater(api: Asker, cluster: Cluster) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name, {"version": "v1", "replicas": 1}), fieldManager="helm").obj()
    refused = api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v2", "replicas": 2}), "two")
    assert refused.message == (
        'Apply failed with 2 conflicts: conflicts with "helm" using contract.example.com/v1:\n'
        "- .spec.replicas\n- .spec.version"
    )
    refused = api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v2"}), "two")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "helm" using contract.example.com/v1: .spec.version'
    )
    assert refused.causes == [
        ("FieldManagerConflict", 'conflict with "helm" using contract.example.com/v1', ".spec.version")
    ]


def test_force_takes_the_field_over(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1", "b": "1"}), "one").obj()
    taken = api.apply(path, config_map(data={"a": "2"}), "two", force=True).obj()
    assert taken["data"] == {"a": "2", "b": "1"}
    assert managers(taken) == {
        ("one", "Apply"): {"f:data": {"f:b": {}}},
        ("two", "Apply"): {"f:data": {"f:a": {}}},
    }


def test_equal_values_are_owned_by_both_and_stay_until_both_leave_them_out(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1"}), "one").obj()
    shared = api.apply(path, config_map(data={"a": "1"}), "two")
    assert shared.status == 200
    assert managers(shared.obj()) == {
        ("one", "Apply"): {"f:data": {"f:a": {}}},
        ("two", "Apply"): {"f:data": {"f:a": {}}},
    }
    refused = api.apply(path, config_map(data={"a": "2"}), "one")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "two": .data.a'
    left = api.apply(path, config_map(data={"b": "1"}), "one").obj()
    assert left["data"] == {"a": "1", "b": "1"}
    gone = api.apply(path, config_map(data={"b": "1"}), "two").obj()
    assert gone["data"] == {"b": "1"}


def test_what_is_left_out_goes_and_others_fields_stay(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1", "b": "1"}, labels={"l": "1"}, annotations={"n": "1"}), "one").obj()
    api.patch(path, {"data": {"c": "1"}, "metadata": {"labels": {"m": "1"}}}, fieldManager="two").obj()
    left = api.apply(path, config_map(data={"a": "1"}), "one").obj()
    assert left["data"] == {"a": "1", "c": "1"}
    assert left["metadata"]["labels"] == {"m": "1"}
    assert "annotations" not in left["metadata"]
    nothing = api.apply(path, config_map(), "one").obj()
    assert nothing["data"] == {"c": "1"}
    assert managers(nothing) == {
        ("two", "Update"): {
            "f:data": {"f:c": {}},
            "f:metadata": {"f:labels": {"f:m": {}}},
        }
    }


def test_the_last_field_takes_the_map_with_it(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1"}, labels={"l": "1"}), "one").obj()
    nothing = api.apply(path, config_map(), "one").obj()
    assert "data" not in nothing
    assert "labels" not in nothing["metadata"]


def test_an_update_takes_ownership_of_what_it_changes(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1", "b": "1"}), "one").obj()
    changed = api.patch(path, {"data": {"a": "2"}}, fieldManager="two").obj()
    assert managers(changed) == {
        ("one", "Apply"): {"f:data": {"f:b": {}}},
        ("two", "Update"): {"f:data": {"f:a": {}}},
    }
    refused = api.apply(path, config_map(data={"a": "1", "b": "1"}), "one")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "two" using v1: .data.a'


def test_an_update_that_changes_nothing_takes_nothing_over(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    before = api.apply(path, config_map(data={"a": "1"}), "one").obj()
    after = api.patch(path, {"data": {"a": "1"}}, fieldManager="two").obj()
    assert after == before


def test_removing_a_field_ends_its_ownership(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.apply(path, config_map(data={"a": "1", "b": "1"}), "one").obj()
    left = api.patch(path, {"data": {"a": None}}, fieldManager="two").obj()
    assert left["data"] == {"b": "1"}
    assert managers(left) == {("one", "Apply"): {"f:data": {"f:b": {}}}}
    assert api.apply(path, config_map(data={"a": "1", "b": "1"}), "one").at("data") == {"a": "1", "b": "1"}


def test_who_applies_has_to_say_so(api: Asker, namespace: str) -> None:
    refused = api.ask("PATCH", maps(namespace, "x"), {}, config_map(data={}), "application/apply-patch+yaml")
    assert refused.refused == (
        422,
        "Invalid",
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
    assert refused.body["details"] == {
        "group": "meta.k8s.io",
        "kind": "PatchOptions",
        "causes": [
            {
                "reason": "FieldValueRequired",
                "message": "Required value: is required for apply patch",
                "field": "fieldManager",
            }
        ],
    }


def test_force_is_for_apply_alone(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map()).obj()
    refused = api.patch(maps(namespace, "x"), {"data": {"a": "1"}}, MERGE, force=True)
    assert refused.refused == (
        422,
        "Invalid",
        'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    )


def test_managed_fields_cannot_be_applied(api: Asker, namespace: str) -> None:
    made = api.apply(maps(namespace, "x"), config_map(data={"a": "1"}), "one").obj()
    refused = api.apply(maps(namespace, "x"), made, "one")
    assert refused.refused == (400, "BadRequest", "metadata.managedFields must be nil")


def test_an_apply_with_a_stale_version_conflicts(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    old = api.apply(path, config_map(data={"a": "1"}), "one")
    api.apply(path, config_map(data={"a": "2"}), "one").obj()
    refused = api.apply(path, config_map(data={"a": "3"}, resourceVersion=old.version), "one")
    assert refused.refused == (
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on configmaps "x": the object has been modified; '
            "please apply your changes to the latest version and try again"
        ),
    )


def test_yaml_can_be_applied(api: Asker, namespace: str) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  a: 'yes'\n"
    made = api.ask("PATCH", maps(namespace, "x"), {"fieldManager": "one"}, text, "application/apply-patch+yaml")
    assert made.status == 201
    assert made.at("data") == {"a": "yes"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        ({"metadata": {"name": "y"}}, "the name of the object (y) does not match the name on the URL (x)"),
        (
            {"metadata": {"name": "x", "namespace": "other"}},
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
)
def test_the_object_has_to_be_the_one_of_the_path(api: Asker, namespace: str, wrong: Manifest, message: str) -> None:
    refused = api.apply(maps(namespace, "x"), {**config_map(), **wrong}, "one")
    assert refused.refused == (400, "BadRequest", message)


def test_apply_in_a_namespace_that_is_not_there(api: Asker) -> None:
    refused = api.apply(maps("nowhere", "x"), config_map(), "one")
    assert refused.refused == (404, "NotFound", 'namespaces "nowhere" not found')
    assert refused.body["details"] == {"name": "nowhere", "kind": "namespaces"}


def test_apply_in_a_terminating_namespace(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace()
    held = config_map("held", data={"a": "1"}, finalizers=["example.com/hold"])
    api.post(maps(namespace), held).obj()
    api.delete(f"{NAMESPACES}/{namespace}")
    refused = api.apply(maps(namespace, "x"), config_map(), "one")
    assert refused.refused == (
        403,
        "Forbidden",
        (
            f'configmaps "x" is forbidden: unable to create new content in namespace {namespace} '
            "because it is being terminated"
        ),
    )
    assert refused.body["details"] == {
        "name": "x",
        "kind": "configmaps",
        "causes": [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ],
    }
    # what is there already can still be written
    assert api.apply(maps(namespace, "held"), config_map("held", data={"b": "1"}), "one").status == 200
    api.patch(maps(namespace, "held"), {"metadata": {"finalizers": None}}).obj()


def test_the_status_of_a_custom_resource_is_not_applied_with_it(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    made = api.apply(f"{WIDGETS}/{name}", {**widget(name, {"version": "v1"}), "status": {"state": "x"}}, "one").obj()
    assert "status" not in made
    assert managers(made) == {("one", "Apply"): {"f:spec": {"f:version": {}}}}
    applied = api.apply(f"{WIDGETS}/{name}/status", {**widget(name), "status": {"state": "x"}}, "two").obj()
    assert applied["status"] == {"state": "x"}
    assert managers(applied)["two", "Apply/status"] == {"f:status": {"f:state": {}}}
    refused = api.apply(f"{WIDGETS}/{name}/status", {**widget(name), "status": {"state": "y"}}, "three")
    assert (
        refused.message == 'Apply failed with 1 conflict: conflict with "two" with subresource "status": .status.state'
    )


def test_defaults_belong_to_nobody(api: Asker, namespace: str) -> None:
    made = api.apply(apps(namespace, "deployments", "x"), deployment(), "one").obj()
    assert made["spec"]["replicas"] == 1
    assert "f:replicas" not in managers(made)["one", "Apply"]["f:spec"]
    scaled = api.apply(apps(namespace, "deployments", "x"), deployment(replicas=3), "two", force=True).obj()
    assert scaled["spec"]["replicas"] == 3


def test_a_creator_owns_the_defaults_too(api: Asker, namespace: str) -> None:
    made = api.post(apps(namespace, "deployments"), deployment(), fieldManager="helm").obj()
    owned = managers(made)["helm", "Update"]["f:spec"]
    assert owned["f:replicas"] == {}
    assert owned["f:strategy"] == {
        "f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}},
        "f:type": {},
    }
    assert owned["f:selector"] == {}
    assert sorted(owned["f:template"]["f:spec"]) == [
        "f:containers",
        "f:dnsPolicy",
        "f:restartPolicy",
        "f:schedulerName",
        "f:securityContext",
        "f:terminationGracePeriodSeconds",
    ]
