"""Custom resource definitions make kinds, and the kinds keep to their schemas."""

import pytest

from meshctl.objects import Manifest
from tests.lab.apiserver.definitions import CNIS, ISTIO_CNI, PATH, cni
from tests.lab.apiserver.serving import MERGE, Served, on_cluster

UNCHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


def test_a_definition_is_established_and_its_kind_served_at_once() -> None:
    async def story(served: Served) -> None:
        assert (await served.ask("GET", CNIS)).status == 404
        await served.ask("POST", PATH, ISTIO_CNI)
        stored = await served.ask("GET", f"{PATH}/istiocnis.sailoperator.io")
        conditions = {item["type"]: item["status"] for item in stored.body["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}
        assert stored.body["spec"]["names"]["listKind"] == "IstioCNIList"
        listed = await served.ask("GET", CNIS)
        assert (listed.body["kind"], listed.body["items"]) == ("IstioCNIList", [])
        groups = await served.ask("GET", "/apis")
        assert "sailoperator.io" in [group["name"] for group in groups.body["groups"]]
        resources = await served.ask("GET", "/apis/sailoperator.io/v1")
        assert [item["name"] for item in resources.body["resources"]] == ["istiocnis", "istiocnis/status"]

    on_cluster(story)


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            cni(version="v1.28.6"),
            '[spec.version: Unsupported value: "v1.28.6": supported values: "v1.28.3", "v1.28.1", ' + UNCHECKED + "]",
        ),
        (cni(), f"[spec.version: Required value, {UNCHECKED}]"),
        (
            cni(version="v1.28.3", count="a"),
            f'[spec.count: Invalid value: "string": spec.count in body must be of type integer: "string", {UNCHECKED}]',
        ),
        (
            cni(version="v1.28.3", count=7),
            "spec.count: Invalid value: 7: spec.count in body should be less than or equal to 3",
        ),
        (cni("other", version="v1.28.3"), "<nil>: Invalid value: \"object\": metadata.name must be 'default'"),
    ],
)
def test_invalid_objects_are_refused_in_the_words_of_the_api(obj: Manifest, message: str) -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", PATH, ISTIO_CNI)
        refused = await served.ask("POST", CNIS, obj)
        name = obj["metadata"]["name"]
        assert refused.status == 422
        assert refused.body["message"] == f'IstioCNI.sailoperator.io "{name}" is invalid: {message}'
        assert refused.body["details"]["kind"] == "IstioCNI"

    on_cluster(story)


def test_unknown_fields_are_pruned_with_a_warning_or_refused_when_strict() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", PATH, ISTIO_CNI)
        obj = cni(version="v1.28.3", foo=1, values={"cni": {"any": {"x": 1}}, "other": 2})
        strict = await served.ask("POST", f"{CNIS}?fieldValidation=Strict", obj)
        assert strict.status == 400
        assert (
            'strict decoding error: unknown field "spec.foo", unknown field "spec.values.other"'
            in strict.body["message"]
        )
        made = await served.ask("POST", CNIS, obj)
        assert made.body["spec"] == {
            "namespace": "istio-cni",
            "version": "v1.28.3",
            "values": {"cni": {"any": {"x": 1}}},
        }
        assert made.warnings == (
            '299 - "unknown field \\"spec.foo\\""',
            '299 - "unknown field \\"spec.values.other\\""',
        )

    on_cluster(story)


def test_status_is_a_part_of_its_own() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", PATH, ISTIO_CNI)
        made = await served.ask("POST", CNIS, {**cni(version="v1.28.3"), "status": {"state": "x"}})
        assert "status" not in made.body
        set_ = await served.ask("PATCH", f"{CNIS}/default/status", {"status": {"state": "Healthy"}}, MERGE)
        spec = await served.ask("PATCH", f"{CNIS}/default", {"spec": {"version": "v1.28.1"}, "status": None}, MERGE)
        assert (set_.body["metadata"]["generation"], spec.body["metadata"]["generation"]) == (1, 2)
        assert spec.body["status"] == {"state": "Healthy"}
        unversioned = await served.ask("PUT", f"{CNIS}/default", cni(version="v1.28.1"))
        assert (
            "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in unversioned.body["message"]
        )

    on_cluster(story)


def test_deleting_a_definition_deletes_its_objects_first() -> None:
    async def story(served: Served) -> None:
        definition = f"{PATH}/istiocnis.sailoperator.io"
        await served.ask("POST", PATH, ISTIO_CNI)
        held = cni(version="v1.28.3")
        held["metadata"]["finalizers"] = ["sailoperator.io/sail-operator"]
        await served.ask("POST", CNIS, held)
        deleted = await served.ask("DELETE", definition)
        assert deleted.body["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        dying = await served.ask("GET", f"{CNIS}/default")
        assert (dying.body["metadata"]["generation"], "deletionTimestamp" in dying.body["metadata"]) == (2, True)
        await served.ask("PATCH", f"{CNIS}/default", {"metadata": {"finalizers": []}}, MERGE)
        assert (await served.ask("GET", definition)).status == 404
        assert (await served.ask("GET", CNIS)).status == 404

    on_cluster(story)


def test_definitions_have_rules_too() -> None:
    async def story(served: Served) -> None:
        misnamed = {**ISTIO_CNI, "metadata": {"name": "other"}}
        refused = await served.ask("POST", PATH, misnamed)
        assert 'must be spec.names.plural+"."+spec.group' in refused.body["message"]

    on_cluster(story)
