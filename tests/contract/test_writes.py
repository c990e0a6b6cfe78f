"""Creating, replacing, patching: what is refused and in which words, what changes and what does not."""

from typing import Any

import pytest

from meshctl.objects import Manifest
from tests.contract.asking import JSON_PATCH, MERGE, STRATEGIC, Asker
from tests.contract.cluster import Cluster, managers
from tests.contract.manifests import (
    NAMESPACES,
    WIDGETS,
    apps,
    config_map,
    container,
    core,
    deployment,
    maps,
    widget,
)

STALE = "the object has been modified; please apply your changes to the latest version and try again"


def test_create_answers_with_the_object(api: Asker, namespace: str) -> None:
    made = api.post(maps(namespace), {"metadata": {"name": "x"}, "data": {"a": "1"}})
    assert made.status == 201
    assert (made.at("apiVersion"), made.at("kind")) == ("v1", "ConfigMap")
    assert set(made.at("metadata")) == {
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
    }
    assert made.at("metadata", "namespace") == namespace
    assert list(managers(made.obj())) == [("contract", "Update")]  # the user agent, when nobody says fieldManager


def test_create_again(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map()).obj()
    refused = api.post(maps(namespace), config_map())
    assert refused.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "x" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "x", "kind": "configmaps"},
        "code": 409,
    }


def test_create_again_of_a_group(api: Asker, cluster: Cluster) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name)).obj()
    refused = api.post(WIDGETS, widget(name))
    assert refused.refused == (409, "AlreadyExists", f'widgets.contract.example.com "{name}" already exists')
    assert refused.body["details"] == {"name": name, "group": "contract.example.com", "kind": "widgets"}


def test_generated_names(api: Asker, namespace: str) -> None:
    made = [api.post(maps(namespace), {"metadata": {"generateName": "probe-"}}).obj() for _ in range(2)]
    names = [one["metadata"]["name"] for one in made]
    assert all(name.startswith("probe-") and len(name) == len("probe-") + 5 for name in names)
    assert len(set(names)) == 2
    assert made[0]["metadata"]["generateName"] == "probe-"


def test_a_name_is_needed(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), {"metadata": {}})
    assert refused.refused == (
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    )


def test_what_the_server_decides_is_not_taken_from_clients(api: Asker, namespace: str) -> None:
    given = {"name": "x", "uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7}
    made = api.post(maps(namespace), {"metadata": given}).obj()
    assert made["metadata"]["uid"] != "mine"
    assert made["metadata"]["creationTimestamp"] > "2020"


def test_a_version_on_create_is_refused(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), config_map(resourceVersion="1"))
    assert refused.refused == (500, "None", "resourceVersion should not be set on objects to be created")


def test_names_have_rules(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), config_map("Upper"))
    assert refused.refused == (
        422,
        "Invalid",
        (
            'ConfigMap "Upper" is invalid: metadata.name: Invalid value: "Upper": a lowercase RFC 1123 subdomain must '
            "consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
            "character (e.g. 'example.com', regex used for validation is "
            r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
        ),
    )
    assert refused.body["details"]["kind"] == "ConfigMap"
    assert [cause[0] for cause in refused.causes] == ["FieldValueInvalid"]
    namespaces = api.post(NAMESPACES, {"metadata": {"name": "Upper.x"}})
    assert 'Invalid value: "Upper.x": a lowercase RFC 1123 label must consist of' in namespaces.message


def test_labels_have_rules(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), config_map(labels={"a": "not this!"}))
    assert refused.status == 422
    assert refused.message.startswith(
        'ConfigMap "x" is invalid: metadata.labels: Invalid value: "not this!": a valid label must be an empty string'
    )


def test_a_body_that_is_no_object(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), b"nonsense")
    assert (refused.status, refused.reason) == (400, "BadRequest")


def test_a_value_of_the_wrong_type(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), {"metadata": {"name": "x"}, "data": {"a": 1}})
    assert (refused.status, refused.reason) == (400, "BadRequest")
    assert refused.message.startswith(
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal'
    )


def test_an_object_of_another_kind(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}})
    assert refused.refused == (
        400,
        "BadRequest",
        (
            'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): '
            "unknown conversion"
        ),
    )


def test_an_object_of_another_namespace(api: Asker, namespace: str) -> None:
    refused = api.post(maps(namespace), config_map(namespace="other"))
    assert refused.refused == (
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    )


def test_unknown_fields_are_refused_when_asked(api: Asker, namespace: str) -> None:
    odd = {**config_map(), "colour": "blue"}
    refused = api.post(maps(namespace), odd, fieldValidation="Strict")
    assert refused.refused == (
        400,
        "BadRequest",
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "colour"',
    )
    warned = api.post(maps(namespace), odd)
    assert warned.status == 201
    assert warned.headers["warning"] == '299 - "unknown field \\"colour\\""'
    assert "colour" not in warned.body


# --- replacing --------------------------------------------------------------------------------------------------------
def test_replace(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    first = api.post(maps(namespace), config_map(data={"a": "1"}, labels={"l": "1"})).obj()
    second = api.put(path, {**first, "data": {"b": "1"}})
    assert second.status == 200
    assert second.at("data") == {"b": "1"}
    assert int(second.version) > int(first["metadata"]["resourceVersion"])
    assert second.at("metadata", "uid") == first["metadata"]["uid"]


def test_replace_of_an_old_version(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    first = api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    api.put(path, {**first, "data": {"a": "2"}}).obj()
    refused = api.put(path, {**first, "data": {"a": "3"}})
    assert refused.refused == (409, "Conflict", f'Operation cannot be fulfilled on configmaps "x": {STALE}')
    assert refused.body["details"] == {"name": "x", "kind": "configmaps"}


def test_replace_without_a_version_always_wins(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    assert api.put(path, config_map(data={"a": "2"})).at("data") == {"a": "2"}


def test_replace_with_another_uid(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    first = api.post(maps(namespace), config_map()).obj()
    refused = api.put(path, config_map(uid="00000000-0000-0000-0000-000000000000"))
    assert refused.refused == (
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on configmaps "x": StorageError: invalid object, Code: 4, '
            f"Key: /registry/configmaps/{namespace}/x, ResourceVersion: 0, "
            "AdditionalErrorMsg: Precondition failed: UID in precondition: "
            f"00000000-0000-0000-0000-000000000000, UID in object meta: {first['metadata']['uid']}"
        ),
    )


def test_replace_by_the_same_writes_nothing(api: Asker, namespace: str) -> None:
    first = api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    assert api.put(maps(namespace, "x"), first).body == first


def test_replace_of_what_is_not_there(api: Asker, namespace: str) -> None:
    refused = api.put(maps(namespace, "x"), config_map())
    assert refused.refused == (404, "NotFound", 'configmaps "x" not found')


def test_replace_under_another_name(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map()).obj()
    refused = api.put(maps(namespace, "x"), config_map("y"))
    assert refused.refused == (
        400,
        "BadRequest",
        "the name of the object (y) does not match the name on the URL (x)",
    )


def test_replacing_a_custom_resource_needs_a_version(api: Asker, cluster: Cluster) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name)).obj()
    refused = api.put(f"{WIDGETS}/{name}", widget(name, {"version": "v1"}))
    assert refused.refused == (
        422,
        "Invalid",
        (
            f'widgets.contract.example.com "{name}" is invalid: metadata.resourceVersion: Invalid value: 0: '
            "must be specified for an update"
        ),
    )


# --- patching ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "patch", "wanted"),
    [
        (MERGE, {"data": {"a": None, "c": "3"}}, {"b": "2", "c": "3"}),
        (MERGE, {"data": None}, None),
        (STRATEGIC, {"data": {"a": None, "c": "3"}}, {"b": "2", "c": "3"}),
        (STRATEGIC, {"data": {"$patch": "replace", "c": "3"}}, {"c": "3"}),
        (JSON_PATCH, [{"op": "remove", "path": "/data/a"}], {"b": "2"}),
        (JSON_PATCH, [{"op": "add", "path": "/data/c~1d", "value": "3"}], {"a": "1", "b": "2", "c/d": "3"}),
        (JSON_PATCH, [{"op": "replace", "path": "/data/a", "value": "3"}], {"a": "3", "b": "2"}),
        (
            JSON_PATCH,
            [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "move", "from": "/data/a", "path": "/data/z"}],
            {"b": "2", "z": "1"},
        ),
    ],
)
def test_patches(api: Asker, namespace: str, content: str, patch: Any, wanted: Any) -> None:
    # a slash is no letter of a ConfigMap's keys: annotations take everything
    path = maps(namespace, "x")
    api.post(maps(namespace), config_map(annotations={"a": "1", "b": "2"})).obj()
    moved = _renamed(patch)
    assert api.patch(path, moved, content).obj()["metadata"].get("annotations") == wanted


def _renamed(patch: Any) -> Any:
    if isinstance(patch, dict):
        return {"metadata": {"annotations": patch["data"]}}
    swap = dict.fromkeys(("path", "from"), "/metadata/annotations")
    return [
        {key: value.replace("/data", swap[key]) if key in swap else value for key, value in step.items()}
        for step in patch
    ]


def test_a_json_patch_whose_test_fails(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    refused = api.patch(maps(namespace, "x"), [{"op": "test", "path": "/data/a", "value": "2"}], JSON_PATCH)
    assert refused.refused == (
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    )


def test_a_json_patch_of_what_is_missing(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    refused = api.patch(maps(namespace, "x"), [{"op": "remove", "path": "/data/b"}], JSON_PATCH)
    assert (refused.status, refused.reason) == (422, "Invalid")


def test_a_patch_of_what_is_not_there(api: Asker, namespace: str) -> None:
    refused = api.patch(maps(namespace, "x"), {"data": {}}, MERGE)
    assert refused.refused == (404, "NotFound", 'configmaps "x" not found')


def test_a_patch_with_a_stale_version(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    first = api.post(maps(namespace), config_map()).obj()
    api.patch(path, {"data": {"a": "1"}}).obj()
    stale = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"a": "2"}}
    refused = api.patch(path, stale)
    assert refused.refused == (409, "Conflict", f'Operation cannot be fulfilled on configmaps "x": {STALE}')


def test_a_patch_that_changes_nothing_writes_nothing(api: Asker, namespace: str) -> None:
    first = api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    for content, patch in (
        (MERGE, {"data": {"a": "1", "b": None}}),
        (STRATEGIC, {"data": {"a": "1"}}),
        (JSON_PATCH, [{"op": "replace", "path": "/data/a", "value": "1"}]),
    ):
        assert api.patch(maps(namespace, "x"), patch, content).version == first["metadata"]["resourceVersion"]


def test_strategic_patches_merge_lists_by_key(api: Asker, namespace: str) -> None:
    path = apps(namespace, "deployments", "x")
    api.post(apps(namespace, "deployments"), deployment("x", container("a"), container("b"))).obj()

    def containers(*wanted: Manifest) -> list[str]:
        patch = {"spec": {"template": {"spec": {"containers": list(wanted)}}}}
        return [
            f"{one['name']} {one['image']}"
            for one in api.patch(path, patch, STRATEGIC).obj()["spec"]["template"]["spec"]["containers"]
        ]

    old = "example.invalid/app:1"
    assert containers({"name": "b", "image": "i:2"}) == [f"a {old}", "b i:2"]
    assert containers({"name": "c", "image": "i:3"}) == ["c i:3", f"a {old}", "b i:2"]
    assert containers({"name": "a", "$patch": "delete"}) == ["c i:3", "b i:2"]
    merged = api.patch(path, {"spec": {"template": {"spec": {"containers": [container("z")]}}}}, MERGE).obj()
    assert [one["name"] for one in merged["spec"]["template"]["spec"]["containers"]] == ["z"]


def test_custom_resources_know_no_strategic_patch(api: Asker, cluster: Cluster) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name)).obj()
    refused = api.patch(f"{WIDGETS}/{name}", {"spec": {}}, STRATEGIC)
    assert (refused.status, refused.reason) == (415, "UnsupportedMediaType")
    assert refused.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


def test_a_method_that_is_not_there(api: Asker, namespace: str) -> None:
    refused = api.put(maps(namespace), config_map())
    assert refused.refused == (
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    )


def test_what_cannot_change(api: Asker, namespace: str) -> None:
    api.post(apps(namespace, "deployments"), deployment()).obj()
    refused = api.patch(apps(namespace, "deployments", "x"), {"spec": {"selector": {"matchLabels": {"app": "y"}}}})
    assert refused.status == 422
    assert "field is immutable" in refused.message
    api.post(core(namespace, "secrets"), {"metadata": {"name": "s"}}).obj()
    refused = api.patch(core(namespace, "secrets", "s"), {"type": "other"})
    assert refused.message == 'Secret "s" is invalid: type: Invalid value: "other": field is immutable'


def test_text_goes_into_a_secret_as_base64(api: Asker, namespace: str) -> None:
    made = api.post(core(namespace, "secrets"), {"metadata": {"name": "s"}, "stringData": {"a": "b"}}).obj()
    assert made["data"] == {"a": "Yg=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made
