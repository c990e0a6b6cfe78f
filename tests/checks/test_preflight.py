"""What a survey means, as far as no lab can show it: tables of objects as API servers have them."""

from collections.abc import Iterable
from typing import Any

import pytest

from meshctl.checks.finding import Finding
from meshctl.checks.preflight.network import by_proxy, server_for
from meshctl.checks.preflight.operator import in_the_way, operator, unlike
from meshctl.checks.preflight.platform import platform
from meshctl.checks.preflight.survey import ISTIODS, OPERATORS, Survey, further
from meshctl.names import (
    CRD,
    GATEWAY_SERVICE,
    IP_ADDRESS_POOL,
    ISTIO,
    ISTIO_REVISION,
    MUTATING_WEBHOOK,
    NODE,
    POD,
    SERVICE,
)
from meshctl.objects import Manifest, Ref
from meshctl.spec import Cluster, MeshSpec

EAST, WEST = Cluster("cluster1", "east", "network1"), Cluster("cluster2", "west", "network2")
MESH = MeshSpec(EAST, (WEST,))
OWNED = [{"kind": "IstioRevision", "name": "default"}]


def survey(version: str = "v1.34.2", **more: Any) -> Survey:
    return Survey("cluster1", "https://192.0.2.1:6443", version, **more)


def named(name: str, **more: Any) -> Manifest:
    return {"metadata": {"name": name, **more}}


def codes(findings: Iterable[Finding]) -> list[str]:
    return [one.code for one in findings]


def deployment(name: str, *versions: str) -> Manifest:
    annotations = {f"images.{version.replace('.', '_')}.istiod": "x" for version in versions}
    return {
        **named(name, namespace="operators"),
        "spec": {"template": {"metadata": {"annotations": annotations}}},
        "status": {"readyReplicas": 1},
    }


def definition(*versions: str, description: str = "") -> Manifest:
    field = {"enum": list(versions), "description": description}
    schema = {"openAPIV3Schema": {"properties": {"spec": {"properties": {"version": field}}}}}
    return {"spec": {"versions": [{"name": "v1", "served": True, "schema": schema}]}}


def with_operator(crd: Manifest, *operators: Manifest) -> Survey:
    crds = {Ref(CRD, "istios.sailoperator.io"): crd, Ref(CRD, "istiocnis.sailoperator.io"): crd}
    return survey(objects=crds, lists={OPERATORS: operators})


@pytest.mark.parametrize(
    ("crd", "operators", "expected"),
    [
        (definition("v1.28.6"), [deployment("sail-operator", "v1.28.6")], []),
        (definition("v1.28.6"), [deployment("sail-operator", "v1.30.0")], ["MESH-123"]),
        (definition("v1.28.6"), [deployment("sail-operator")], []),
        (definition("v1.28.6", description="Must be one of: v1.30.0, v1.29.2."), [], ["MESH-123"]),
        (definition("v1.28.6", description="Must be one of: v1.30.0, v1.28.6."), [], []),
        (definition("v1.30.0"), [deployment("sail-operator", "v1.30.0")], ["MESH-122", "MESH-122"]),
        (definition(), [], []),
        ({"spec": {"versions": [{"name": "v1alpha1", "served": True}]}}, [], ["MESH-120", "MESH-120"]),
    ],
)
def test_what_an_operator_can_install(crd: Manifest, operators: list[Manifest], expected: list[str]) -> None:
    assert codes(operator(with_operator(crd, *operators), EAST, "1.28.6")) == expected


def test_operators_of_two_projects_are_told_once() -> None:
    vendor, upstream = (
        survey(lists={OPERATORS: (deployment(name),)}) for name in ("servicemesh-operator2", "sail-operator")
    )
    assert codes(unlike({"cluster1": vendor, "cluster2": upstream})) == ["MESH-125"]
    assert codes(unlike({"cluster1": vendor, "cluster2": vendor})) == []
    assert codes(unlike({"cluster1": vendor, "cluster2": survey()})) == []


@pytest.mark.parametrize(
    ("lists", "istio", "expected"),
    [
        ({ISTIO_REVISION.name: (named("default"),)}, None, ["MESH-129"]),
        ({MUTATING_WEBHOOK.name: (named("istio-sidecar-injector", ownerReferences=OWNED),)}, None, ["MESH-129"]),
        ({ISTIO_REVISION.name: (named("canary"),)}, None, []),
        ({ISTIO_REVISION.name: (named("default"),)}, named("default"), []),
        ({MUTATING_WEBHOOK.name: (named("istio-sidecar-injector"),)}, None, ["MESH-127"]),
        ({MUTATING_WEBHOOK.name: (named("istio-sidecar-injector-1-20"),)}, None, []),
        ({ISTIODS: (named("istiod", namespace="istio-system", ownerReferences=OWNED),)}, named("default"), []),
    ],
)
def test_what_is_in_the_way(lists: dict[str, Any], istio: Manifest | None, expected: list[str]) -> None:
    found = in_the_way(survey(lists=lists, objects={Ref(ISTIO, "default"): istio}), EAST, "meshctl teardown")
    assert codes(found) == expected


@pytest.mark.parametrize(
    ("kubernetes", "istio", "expected"),
    [
        ("v1.29.9", "1.28.6", ["MESH-140"]),
        ("v1.30.0", "1.28.6", []),
        ("v1.34.1+k3s1", "1.28.6", []),
        ("v1.35.0", "1.28.6", ["MESH-141"]),
        ("v1.31.0", "1.30.0", ["MESH-140"]),
        ("v1.20.0", "1.29.0", []),
        ("somewhat new", "1.28.6", []),
    ],
)
def test_which_kubernetes_an_istio_is_made_for(kubernetes: str, istio: str, expected: list[str]) -> None:
    mesh = MeshSpec(EAST, (WEST,), istio_version=istio)
    assert codes(platform(survey(kubernetes, hidden=frozenset({SERVICE.name})), EAST, mesh)) == expected


def node(provider: str = "", architecture: str = "amd64", **more: Any) -> Manifest:
    ready = {"type": "Ready", "status": "True"}
    return {
        **named("n"),
        "spec": {"providerID": provider, **more},
        "status": {"conditions": [ready], "nodeInfo": {"architecture": architecture}},
    }


def pool(**status: int) -> Manifest:
    return {**named("pool"), "status": status}


def balanced(address: str) -> Manifest:
    return {**named("web"), "status": {"loadBalancer": {"ingress": [{"ip": address}]}}}


@pytest.mark.parametrize(
    ("lists", "hidden", "expected"),
    [
        ({}, (), ["MESH-149"]),
        ({IP_ADDRESS_POOL.name: (pool(),)}, (), []),
        ({IP_ADDRESS_POOL.name: (pool(availableIPv4=3, availableIPv6=0),)}, (), []),
        ({IP_ADDRESS_POOL.name: (pool(availableIPv4=0, availableIPv6=0),)}, (), ["MESH-149"]),
        ({NODE.name: (node("aws:///eu/i-1"),)}, (), []),
        ({NODE.name: (node("kind://docker/east/east-control-plane"),)}, (), ["MESH-149"]),
        ({SERVICE.name: (balanced("192.0.2.9"),)}, (), []),
        ({}, (SERVICE.name,), []),
    ],
)
def test_what_shows_a_load_balancer(lists: dict[str, Any], hidden: tuple[str, ...], expected: list[str]) -> None:
    assert codes(platform(survey(lists=lists, hidden=frozenset(hidden)), EAST, MESH)) == expected


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        ((node(architecture="s390x"),), ["MESH-146"]),
        ((node(architecture="s390x"), node(architecture="arm64")), []),
        ((node(architecture="s390x"), node(unschedulable=True)), ["MESH-146"]),
        ((node(architecture=""),), []),
    ],
)
def test_which_nodes_can_run_it(nodes: tuple[Manifest, ...], expected: list[str]) -> None:
    one = survey(lists={NODE.name: nodes}, hidden=frozenset({SERVICE.name}))
    assert codes(platform(one, EAST, MESH)) == expected


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ("https://192.0.2.2:6443", []),
        ("https://api.west.example:6443", []),
        ("https://platform.example/kubernetes/west", ["MESH-182"]),
        ("http://192.0.2.2:8080", ["MESH-182"]),
        ("https://127.0.0.1:6443", ["MESH-180"]),
    ],
)
def test_which_urls_istiod_can_use(server: str, expected: list[str]) -> None:
    url, found = server_for(WEST, server, ())
    assert codes(found) == expected
    assert url == ("" if expected == ["MESH-180"] else server)
    given = Cluster("cluster2", "west", "network2", server="https://west.example:6443")
    assert server_for(given, server, ()) == ("https://west.example:6443", [])


def test_a_url_that_istiod_uses_already_is_not_told_again() -> None:
    control_plane: Manifest = {
        "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/control-plane": ""}},
        "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.3"}]},
    }
    local = "https://127.0.0.1:40001"
    url, found = server_for(WEST, local, (control_plane,))
    assert (url, codes(found)) == ("https://172.18.0.3:6443", ["MESH-181"])
    assert server_for(WEST, local, (control_plane,), url) == (url, [])


def test_a_proxy_is_told_of_unless_a_url_is_given() -> None:
    assert codes(by_proxy(MESH, {"cluster1": "http://proxy:3128", "cluster2": "http://proxy:3128"})) == ["MESH-183"]
    given = Cluster("cluster2", "west", "network2", server="https://west.example:6443")
    assert codes(by_proxy(MeshSpec(EAST, (given,)), {"cluster2": "http://proxy:3128"})) == []


def test_only_what_is_not_settled_is_asked_for_besides() -> None:
    pools = {IP_ADDRESS_POOL.name: (pool(),)}
    early, late = (named("crd", creationTimestamp=f"2026-01-0{day}T00:00:00Z") for day in (1, 3))
    running: Manifest = {"metadata": {"name": "o", "namespace": "ops", "creationTimestamp": "2026-01-02T00:00:00Z"}}
    multus = Ref(CRD, "network-attachment-definitions.k8s.cni.cncf.io")
    assert further(survey(lists={**pools, OPERATORS: (running,)}, objects={multus: early})) == {}
    assert set(further(survey(lists={**pools, OPERATORS: (running,)}, objects={multus: late}))) == {POD.name}
    assert set(further(survey())) == {SERVICE.name}
    assert further(survey(objects={GATEWAY_SERVICE: balanced("192.0.2.9")})) == {}
