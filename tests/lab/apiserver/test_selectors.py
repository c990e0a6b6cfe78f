"""Selectors select."""

import pytest

from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.selectors import fields_match, labels_match, selector_matches

LABELS = {"app": "web", "tier": "front"}
OBJ = {"metadata": {"name": "a", "namespace": "n", "labels": LABELS}, "spec": {"on": True}}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("app=web", True),
        ("app==web,tier=front", True),
        ("app=web,tier=back", False),
        ("app!=web", False),
        ("other!=web", True),
        ("app", True),
        ("!app", False),
        ("!other", True),
        ("app in (api, web)", True),
        ("app in (api),tier", False),
        ("app notin (api,db),tier in (front)", True),
        ("other notin (x)", True),
    ],
)
def test_label_selectors(text: str, matches: bool) -> None:
    assert labels_match(text)(OBJ) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("metadata.name=a", True),
        ("metadata.name=a,metadata.namespace!=n", False),
        ("metadata.name==b", False),
        ("spec.on=true", True),
    ],
)
def test_field_selectors(text: str, matches: bool) -> None:
    assert fields_match(text, ("spec.on",))(OBJ) is matches


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "none", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "none", "operator": "Exists"}]}, False),
    ],
)
def test_label_selector_objects(selector: dict[str, object], matches: bool) -> None:
    assert selector_matches(selector)(LABELS) is matches


def test_what_cannot_be_selected_is_refused() -> None:
    with pytest.raises(ApiError, match=r"field label not supported: spec\.nope"):
        fields_match("spec.nope=1", ("spec.on",))
    with pytest.raises(ApiError, match="unable to parse requirement"):
        labels_match("a b c")
