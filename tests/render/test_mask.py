import json

import pytest

from meshctl.objects import Manifest
from meshctl.render.mask import masked

LAST = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"kind": "ConfigMap", "data": {"a": "b"}}, {"kind": "ConfigMap", "data": {"a": "b"}}),
        (
            {"kind": "Secret", "data": {"token": "s3cret"}, "stringData": {"k": "s3cret"}, "type": "Opaque"},
            {"kind": "Secret", "data": {"token": "<hidden>"}, "stringData": {"k": "<hidden>"}, "type": "Opaque"},
        ),
        ({"kind": "Secret", "data": "s3cret"}, {"kind": "Secret", "data": "<hidden>"}),
        ({"kind": "Secret", "data": None}, {"kind": "Secret", "data": "<hidden>"}),
        (
            {"kind": "List", "items": [{"kind": "Secret", "data": {"a": "s3cret"}}, "odd"]},
            {"kind": "List", "items": [{"kind": "Secret", "data": {"a": "<hidden>"}}, "odd"]},
        ),
        (
            {"kind": "Secret", "metadata": {"name": "x", "annotations": {LAST: "s3cret", "a": "b"}}},
            {"kind": "Secret", "metadata": {"name": "x", "annotations": {LAST: "<hidden>", "a": "b"}}},
        ),
        ({"kind": "Secret", "metadata": {"annotations": None}}, {"kind": "Secret", "metadata": {"annotations": None}}),
    ],
)
def test_secret_data_is_hidden(manifest: Manifest, expected: Manifest) -> None:
    before = json.dumps(manifest)
    assert masked(manifest) == expected
    assert json.dumps(manifest) == before
