"""Merge, strategic and JSON patches."""

from typing import Any

import pytest

from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.patches import json_patch, merge_patch
from meshctl.lab.apiserver.shapes import BUILT_IN
from meshctl.lab.apiserver.strategic import strategic_patch


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": 1, "b": 2}, {"b": None, "c": 3}, {"a": 1, "c": 3}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": None}}, {"a": {"y": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}),
    ],
)
def test_merge_patch(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3], "b": {"x/y": 1}}),
        ([{"op": "add", "path": "/a/0", "value": 0}], {"a": [0, 1, 2], "b": {"x/y": 1}}),
        ([{"op": "remove", "path": "/b/x~1y"}], {"a": [1, 2], "b": {}}),
        ([{"op": "replace", "path": "/a/1", "value": 9}], {"a": [1, 9], "b": {"x/y": 1}}),
        ([{"op": "move", "from": "/a", "path": "/c"}], {"b": {"x/y": 1}, "c": [1, 2]}),
        ([{"op": "copy", "from": "/a/0", "path": "/c"}], {"a": [1, 2], "b": {"x/y": 1}, "c": 1}),
        ([{"op": "test", "path": "/a/0", "value": 1}], {"a": [1, 2], "b": {"x/y": 1}}),
    ],
)
def test_json_patch(operations: Any, result: Any) -> None:
    assert json_patch({"a": [1, 2], "b": {"x/y": 1}}, operations) == result


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "test", "path": "/a", "value": 2}, 422),
        ({"op": "remove", "path": "/nope"}, 422),
        ({"op": "replace", "path": "/nope/x", "value": 1}, 422),
        ({"op": "fly", "path": "/a"}, 400),
    ],
)
def test_json_patch_that_does_not_apply(operation: Any, code: int) -> None:
    with pytest.raises(ApiError) as refused:
        json_patch({"a": 1}, [operation])
    assert refused.value.code == code


def _pod(*containers: Any, **rest: Any) -> Any:
    return {"spec": {"containers": list(containers), **rest}}


A, B, C = ({"name": name, "image": name} for name in "abc")


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        (_pod(A, B), _pod({"name": "a", "image": "z"}), _pod({"name": "a", "image": "z"}, B)),
        (_pod(A), _pod(B), _pod(B, A)),
        (_pod(A, B), _pod({"name": "a", "$patch": "delete"}), _pod(B)),
        (_pod(A, B), _pod({"$patch": "replace"}, C), _pod(C)),
        (
            _pod(A),
            {"spec": {"containers": [B], "$setElementOrder/containers": [{"name": "a"}, {"name": "b"}]}},
            _pod(A, B),
        ),
        (
            _pod(A, tolerations=[{"key": "x"}]),
            {"spec": {"tolerations": [{"key": "y"}]}},
            _pod(A, tolerations=[{"key": "y"}]),
        ),
        (
            {"metadata": {"finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b"], "$deleteFromPrimitiveList/finalizers": ["a"]}},
            {"metadata": {"finalizers": ["b"]}},
        ),
        (
            {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}},
            {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
            {"spec": {"strategy": {"type": "Recreate"}}},
        ),
        ({"data": {"a": "1", "b": "2"}}, {"data": {"a": None}}, {"data": {"b": "2"}}),
    ],
)
def test_strategic_patch(target: Any, patch: Any, result: Any) -> None:
    assert strategic_patch(target, patch, BUILT_IN) == result
