"""Custom resources: what their definition refuses, drops and fills in, and how a kind comes and goes."""

import pytest

from meshctl.lab.api import Api
from meshctl.lab.controllers.sail_crds import istio_crds, multus_crd, sail_crds
from meshctl.lab.controllers.sail_versions import build
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.sites import Site, World
from meshctl.objects import Manifest, dig
from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import DEFINITIONS, WIDGETS, widget, widget_definition

SKIPPED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def test_a_value_that_is_not_offered(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    refused = api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v9"}))
    unsupported = 'Unsupported value: "v9": supported values: "v2", "v1"'
    assert refused.refused == (
        422,
        "Invalid",
        f'Widget.contract.example.com "{name}" is invalid: [spec.version: {unsupported}, {SKIPPED}]',
    )
    assert refused.body["details"] == {
        "name": name,
        "group": "contract.example.com",
        "kind": "Widget",
        "causes": [
            {"reason": "FieldValueNotSupported", "message": unsupported, "field": "spec.version"},
            {"reason": "FieldValueInvalid", "message": SKIPPED.removeprefix("<nil>: "), "field": "<nil>"},
        ],
    }
    assert api.post(WIDGETS, widget(name, {"version": "v9"})).message == refused.message


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            {"replicas": "one"},
            'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"',
        ),
        ({"replicas": 10}, "spec.replicas: Invalid value: 10: spec.replicas in body should be less than or equal to 9"),
        (
            {"replicas": -1},
            "spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0",
        ),
        ({"pattern": "A"}, "spec.pattern: Invalid value: \"A\": spec.pattern in body should match '^[a-z]+$'"),
        ({"pattern": "abcdef"}, "spec.pattern: Too long: may not be more than 5 bytes"),
        ({"parts": [{"size": 1}]}, "spec.parts[0].name: Required value"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, 'spec.parts[1]: Duplicate value: {"name":"a"}'),
        ({"tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
        (
            {"version": 1},
            'spec.version: Invalid value: "integer": spec.version in body must be of type string: "integer"',
        ),
    ],
)
def test_values_against_the_schema(cluster: Cluster, api: Asker, spec: Manifest, problem: str) -> None:
    name = cluster.fresh("w")
    refused = api.post(WIDGETS, widget(name, spec))
    assert (refused.status, refused.reason) == (422, "Invalid")
    assert problem in refused.message


def test_rules(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    refused = api.post(WIDGETS, widget(name, {"replicas": 3}))
    assert refused.refused == (
        422,
        "Invalid",
        (
            f'Widget.contract.example.com "{name}" is invalid: spec: Invalid value: "object": '
            "three is not a number of replicas"
        ),
    )
    refused = api.post(WIDGETS, widget("forbidden"))
    assert refused.refused == (
        422,
        "Invalid",
        'Widget.contract.example.com "forbidden" is invalid: <nil>: Invalid value: "object": not that name',
    )


def test_an_update_is_checked_too(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name, {"version": "v1"})).obj()
    assert api.patch(f"{WIDGETS}/{name}", {"spec": {"version": "v9"}}).status == 422
    assert api.get(f"{WIDGETS}/{name}").at("spec", "version") == "v1"


def test_defaults_are_filled_in_where_their_parent_is(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    assert api.post(WIDGETS, widget(name, {})).at("spec") == {"colour": "red"}
    assert "spec" not in api.post(WIDGETS, widget(cluster.fresh("w"))).obj()


def test_unknown_fields_are_dropped_or_refused(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    odd = widget(name, {"odd": 1, "values": {"kept": {"deep": True}}, "parts": [{"name": "a", "odd": 1}]})
    refused = api.post(WIDGETS, odd, fieldValidation="Strict")
    assert refused.refused == (
        400,
        "BadRequest",
        (
            'Widget in version "v1" cannot be handled as a Widget: strict decoding error: '
            'unknown field "spec.odd", unknown field "spec.parts[0].odd"'
        ),
    )
    warned = api.post(WIDGETS, odd)
    assert warned.obj()["spec"] == {"colour": "red", "values": {"kept": {"deep": True}}, "parts": [{"name": "a"}]}
    assert 'unknown field \\"spec.odd\\"' in warned.headers["warning"]
    quiet = api.put(f"{WIDGETS}/{name}", {**warned.obj(), "spec": odd["spec"]}, fieldValidation="Ignore")
    assert "warning" not in quiet.headers


def test_an_apply_of_unknown_fields(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    refused = api.apply(f"{WIDGETS}/{name}", widget(name, {"odd": 1}), fieldValidation="Strict")
    assert (refused.status, refused.reason) == (500, "None")
    assert refused.message == (
        f"failed to create typed patch object (/{name}; contract.example.com/v1, Kind=Widget): "
        ".spec.odd: field not declared in schema"
    )


def test_a_kind_nobody_has_defined(api: Asker) -> None:
    missing = api.get("/apis/nobody.example.com/v1/things/x")
    assert missing.status == 404
    assert missing.body == "404 page not found\n"
    assert missing.headers["content-type"] == "text/plain; charset=utf-8"
    assert api.apply("/apis/nobody.example.com/v1/things/x", {"kind": "Thing"}).body == missing.body


def test_a_plural_that_its_group_does_not_have(api: Asker) -> None:
    assert api.get("/apis/contract.example.com/v1/things/x").body == "404 page not found\n"
    for path in ("/apis/apps/v1/things", "/api/v1/things"):  # of the server's own groups
        assert api.get(path).body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "the server could not find the requested resource",
            "reason": "NotFound",
            "details": {},
            "code": 404,
        }


def test_a_new_definition_is_established(cluster: Cluster, api: Asker) -> None:
    group = f"{cluster.fresh('new')}.example.com"
    definition = widget_definition()
    definition["metadata"]["name"] = f"widgets.{group}"
    definition["spec"]["group"] = group
    made = api.post(DEFINITIONS, definition).obj()
    assert made["spec"]["conversion"] == {"strategy": "None"}
    path = f"{DEFINITIONS}/widgets.{group}"
    status = eventually(lambda: established(api, path))
    assert status["acceptedNames"]["kind"] == "Widget"
    assert status["storedVersions"] == ["v1"]
    eventually(lambda: api.get(f"/apis/{group}/v1/widgets").status == 200)


def established(api: Asker, path: str) -> Manifest | None:
    status: Manifest = dig(api.get(path).body, "status") or {}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    return status if conditions.get("Established") == "True" else None


def test_a_definition_takes_its_objects_with_it(cluster: Cluster, api: Asker) -> None:
    group = f"{cluster.fresh('gone')}.example.com"
    definition = widget_definition()
    definition["metadata"]["name"] = f"widgets.{group}"
    definition["spec"]["group"] = group
    api.post(DEFINITIONS, definition).obj()
    path = f"/apis/{group}/v1/widgets"
    eventually(lambda: api.get(path).status == 200)
    held = {
        "apiVersion": f"{group}/v1",
        "kind": "Widget",
        "metadata": {"name": "x", "finalizers": ["example.com/hold"]},
    }
    eventually(lambda: api.post(path, held).status == 201)
    api.delete(f"{DEFINITIONS}/widgets.{group}")
    live = api.get(f"{DEFINITIONS}/widgets.{group}")
    assert live.at("metadata", "finalizers") == ["customresourcecleanup.apiextensions.k8s.io"]
    eventually(lambda: api.get(f"{path}/x").at("metadata", "deletionTimestamp"))
    api.patch(f"{path}/x", {"metadata": {"finalizers": None}})
    eventually(lambda: api.get(f"{DEFINITIONS}/widgets.{group}").status == 404)
    eventually(lambda: api.get(path).status == 404)


def test_the_definitions_of_the_operator(cluster: Cluster, api: Asker) -> None:
    """What the lab's operator brings is valid on a real server and refuses an unknown version in the recorded words."""
    for definition in crds_of_the_operator():
        api.post(DEFINITIONS, definition).obj()
    path = "/apis/sailoperator.io/v1/istiocnis"
    eventually(lambda: api.get(path).status == 200)
    cni = {"apiVersion": "sailoperator.io/v1", "kind": "IstioCNI", "metadata": {"name": "default"}}
    refused = api.apply(f"{path}/default", {**cni, "spec": {"version": "v1.28.6", "namespace": "istio-cni"}})
    assert refused.causes == [
        (
            "FieldValueNotSupported",
            (
                'Unsupported value: "v1.28.6": supported values: "v1.28-latest", "v1.28.3", "v1.28.1", "v1.26-latest", '
                '"v1.26.3", "v1.24-latest", "v1.24.6"'
            ),
            "spec.version",
        ),
        ("FieldValueInvalid", SKIPPED.removeprefix("<nil>: "), "<nil>"),
    ]
    other = {**cni, "metadata": {"name": "other"}, "spec": {"version": "v1.28.3", "namespace": "istio-cni"}}
    refused = api.apply(f"{path}/other", other)
    assert refused.status == 422
    assert "metadata.name must be 'default'" in refused.message
    fine = api.apply(f"{path}/default", {**cni, "spec": {"version": "v1.28.3", "namespace": "istio-cni"}})
    assert fine.status == 201
    assert fine.at("metadata", "generation") == 1


def crds_of_the_operator() -> list[Manifest]:
    world = World((), Delays(), Faults([Fault("old-crd")]))
    return [*sail_crds(build(world, Site("east", "", no_api))), *istio_crds(), multus_crd()]


def no_api(manager: str) -> Api:
    raise AssertionError(manager)
