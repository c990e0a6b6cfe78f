"""What programs read of a status: its keys are pinned and documented, and no secret value is in it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from meshctl.certs.material import Severity
from meshctl.checks.finding import Finding
from meshctl.checks.status.model import Drift
from meshctl.render.status.document import document
from tests.status.meshes import TOKEN, evidence, material, mesh, report

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "status.md"
KEYS = {
    "": ("v type at healthy installed mesh_id version managers clusters problems first_broken_links not_judged drift"),
    "clusters[]": (
        "name context role network health answers silence api_server kubernetes operator resources istiod gateway "
        "access discovery probe trust signing_certificate not_seen"
    ),
    "clusters[].operator": "name version ready wanted",
    "clusters[].resources[]": (
        "kind name version state healthy detail generation observed_generation managers conditions"
    ),
    "clusters[].resources[].conditions[]": "type status reason message",
    "clusters[].istiod": "name version ready wanted available detail",
    "clusters[].gateway": "addresses network deployment proxies not_injected",
    "clusters[].gateway.deployment": "name version ready wanted available detail",
    "clusters[].access": "secret secret_created token_created synced detail istiods",
    "clusters[].access.istiods[]": "pod status trouble",
    "clusters[].discovery": "used live current detail",
    "clusters[].probe": "passed detail",
    "clusters[].trust[]": "object roots",
    "clusters[].trust[].roots[]": "subject sha256 expires",
    "clusters[].signing_certificate": "subject sha256 expires",
    "problems[]": "severity cluster code text hint command evidence",
    "first_broken_links[]": "severity cluster code text hint command evidence",
    "drift[]": "cluster what asked found",
}


def whole() -> dict[str, Any]:
    """A document with every key that there is."""
    finding = Finding(Severity.ERROR, "cluster2", "text", "hint", "MESH-230", "meshctl", ("evidence",))
    drift = (Drift("cluster2", "name", "cluster2", "prod-b"),)
    return document(replace(report(evidence(mesh())), problems=(finding,), broken=(finding,), drift=drift))


def paths(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield path, key
            yield from paths(below, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for one in value:
            yield from paths(one, f"{path}[]")


def test_the_keys_are_pinned() -> None:
    found: dict[str, list[str]] = {}
    for path, key in paths(json.loads(json.dumps(whole()))):
        found.setdefault(path, [])
        if key not in found[path]:
            found[path].append(key)
    assert {path: " ".join(keys) for path, keys in found.items()} == KEYS


def test_the_version_is_pinned() -> None:
    assert (whole()["v"], whole()["type"]) == (1, "status")


def test_every_key_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    missing = [f"{path}: {key}" for path, keys in KEYS.items() for key in keys.split() if f"`{key}`" not in text]
    assert missing == []


def test_no_secret_value_is_in_it() -> None:
    text = json.dumps(whole())
    assert TOKEN not in text
    for name in ("cluster1", "cluster2"):
        key = material(name).ca_key.decode()
        assert not any(line in text for line in key.splitlines() if len(line) > 20)


def test_what_is_not_known_is_null() -> None:
    west = whole()["clusters"][1]
    assert west["istiod"] is None
    assert west["access"]["synced"] is True
    east = whole()["clusters"][0]
    assert (east["access"], east["discovery"], east["probe"]) == (None, None, None)
