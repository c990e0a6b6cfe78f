"""Where two versions of an object differ, as a table."""

from typing import Any

import pytest

from meshctl.changes.compare import Item, Path, differences, laid_over, text_of
from meshctl.changes.owners import owners_of

PORTS = [{"name": "tls", "port": 15443, "protocol": "TCP"}, {"name": "dns", "port": 53, "protocol": "UDP"}]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"spec": {"a": 1}}, {"spec": {"a": 1}}, []),
        ({"spec": {"a": 1}}, {"spec": {"a": 2}}, [("spec.a", 1, 2)]),
        ({"spec": {"a": 1}}, {"spec": {}}, [("spec.a", 1, None)]),
        ({}, {"spec": {"a": {"b": 1}, "c": 2}}, [("spec.a.b", None, 1), ("spec.c", None, 2)]),
        ({"spec": {"d": {}}}, {"spec": {}}, [("spec.d", {}, None)]),
        (
            {"metadata": {"labels": {"istio.io/rev": "x"}}},
            {"metadata": {"labels": {"istio.io/rev": "y"}}},
            [("metadata.labels[istio.io/rev]", "x", "y")],
        ),
        # What controllers and the API server write by themselves is no difference.
        ({"status": {"x": 1}}, {"status": {"x": 2}}, []),
        (
            {"metadata": {"resourceVersion": "1", "generation": 1, "managedFields": [], "uid": "a"}},
            {"metadata": {"resourceVersion": "2", "generation": 2, "creationTimestamp": "now"}},
            [],
        ),
        # A list is told by what keys it, whatever the order of its items.
        ({"ports": PORTS}, {"ports": [{**PORTS[0], "name": "x"}, PORTS[1]]}, [("ports[15443/TCP].name", "tls", "x")]),
        ({"ports": PORTS}, {"ports": PORTS[:1]}, [("ports[53/UDP]", PORTS[1], None)]),
        ({"ports": PORTS[:1]}, {"ports": PORTS}, [("ports[53/UDP]", None, PORTS[1])]),
        ({"ports": PORTS}, {"ports": PORTS[::-1]}, [("ports.order", ["15443/TCP", "53/UDP"], ["53/UDP", "15443/TCP"])]),
        ({"env": [{"name": "a", "value": "1"}]}, {"env": [{"name": "a", "value": "2"}]}, [("env[a].value", "1", "2")]),
        # Without a key, items have places; a list of another length, or of texts, is one value.
        ({"tls": [{"port": {"number": 1}}]}, {"tls": [{"port": {"number": 2}}]}, [("tls[0].port.number", 1, 2)]),
        ({"tls": [{"x": 1}]}, {"tls": [{"x": 1}, {"x": 2}]}, [("tls", [{"x": 1}], [{"x": 1}, {"x": 2}])]),
        ({"hosts": ["a"]}, {"hosts": ["a", "b"]}, [("hosts", ["a"], ["a", "b"])]),
        ({"env": [{"name": "a"}, {"name": "a"}]}, {"env": []}, [("env", [{"name": "a"}, {"name": "a"}], [])]),
    ],
)
def test_differences(old: dict[str, Any], new: dict[str, Any], expected: list[tuple[str, Any, Any]]) -> None:
    found = [(text_of(one.path), one.old, one.new) for one in differences(old, new)]
    assert found == expected
    backwards = [(text_of(one.path), one.new, one.old) for one in differences(new, old)]
    assert sorted(map(str, backwards)) == sorted(str((path, was, is_)) for path, was, is_ in expected)


def test_what_is_laid_over_keeps_what_it_does_not_name() -> None:
    live = {"a": 1, "ports": PORTS, "hosts": ["x"]}
    wanted = {"ports": [{**PORTS[1], "name": "y"}], "hosts": ["z"], "b": {"c": 2}}
    ports = [PORTS[0], {**PORTS[1], "name": "y"}]
    assert laid_over(live, wanted) == {"a": 1, "ports": ports, "hosts": ["z"], "b": {"c": 2}}


def entry(manager: str, fields: dict[str, Any], subresource: str = "") -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "fieldsV1": fields, "subresource": subresource}


OWNED = {
    "metadata": {
        "managedFields": [
            entry("meshctl", {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:hosts": {}}}),
            entry("kubectl-edit", {"f:metadata": {"f:labels": {"f:istio.io/rev": {}}}}),
            entry("helm", {"f:spec": {"f:ports": {'k:{"port":53,"protocol":"UDP"}': {".": {}, "f:name": {}}}}}),
            entry("apply", {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}}}}}),
            entry("set", {"f:metadata": {"f:finalizers": {".": {}, 'v:"mine"': {}}}}),
            entry("kubelet", {"f:spec": {"f:hosts": {}}}, "status"),
        ]
    }
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("metadata", "labels", "app"), ("meshctl",)),
        (("metadata", "labels", "istio.io/rev"), ("kubectl-edit",)),
        (("metadata", "labels", "other"), ()),
        (("metadata", "labels"), ("kubectl-edit", "meshctl")),
        # A list that is owned as a whole, and one that is owned item by item; TCP need not be said.
        (("spec", "hosts", Item("0", "x")), ("meshctl",)),
        (("spec", "ports", Item("53/UDP", PORTS[1]), "name"), ("helm",)),
        (("spec", "ports", Item("80", {"port": 80}), "name"), ("apply",)),
        (("spec", "ports", Item("tls", PORTS[0])), ()),
        (("metadata", "finalizers", Item("mine", "mine")), ("set",)),
    ],
)
def test_owners(path: Path, expected: tuple[str, ...]) -> None:
    assert owners_of(OWNED, path) == expected
