"""Repairs are foreseen by the question that they ask themselves before they act, and nothing is written."""

from typing import Any

import pytest

from meshctl.cluster import ExecResult
from meshctl.names import (
    GATEWAY_DEPLOYMENT,
    INJECTOR,
    ISTIO_SYSTEM,
    THE_CNI,
    THE_ISTIO,
    remote_secret,
)
from meshctl.objects import Manifest, Ref
from meshctl.plans.repairs import forget_unled, nudge, recycle_gateway
from meshctl.spec import Cluster, MeshSpec
from tests.core.fake import FakeClient

EAST, WEST = Cluster("cluster1", "east", "network1"), Cluster("cluster2", "west", "network2")
MESH = MeshSpec(EAST, (WEST,))
READS = ("get", "list", "exec")


def named(ref: Ref, **more: Any) -> Manifest:
    place = {"namespace": ref.namespace} if ref.namespace else {}
    return {
        "apiVersion": ref.kind.api_version,
        "kind": ref.kind.name,
        "metadata": {"name": ref.name, "uid": "1", **place},
        **more,
    }


def condition(name: str, status: str, reason: str = "") -> Manifest:
    return {"conditions": [{"type": name, "status": status, "reason": reason, "lastTransitionTime": "then"}]}


def pod(name: str, image: str, **labels: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": ISTIO_SYSTEM,
            "uid": "1",
            "labels": labels,
            "annotations": {"sidecar.istio.io/status": "{}"} if image != "auto" else {},
        },
        "spec": {"containers": [{"name": "istio-proxy", "image": image}]},
        "status": {"phase": "Running"},
    }


def gateway_pod(image: str) -> Manifest:
    return pod(f"gateway-{image}", image, app="istio-eastwestgateway", istio="eastwestgateway")


def reads_only(*clients: FakeClient) -> bool:
    return all(call.split()[0] in READS for client in clients for call in client.calls)


@pytest.mark.parametrize(
    ("objects", "text"),
    [
        ([named(THE_ISTIO, status=condition("Reconciled", "True", "Reconciled"))], ""),
        (
            [named(THE_ISTIO, status=condition("Reconciled", "False", "ReconcileError"))],
            "nudge istio/default: the operator backs off after an error",
        ),
        ([], ""),
    ],
)
def test_nudge(objects: list[Manifest], text: str) -> None:
    client = FakeClient(objects=objects)
    act = nudge(EAST, THE_CNI, THE_ISTIO)
    assert act.foresee is not None
    assert act.foresee({"cluster1": client}) == text
    assert reads_only(client)
    # What was foreseen is what is done.
    assert bool(act.do({"cluster1": client})) is bool(text)


@pytest.mark.parametrize(
    ("objects", "text"),
    [
        ([named(GATEWAY_DEPLOYMENT, spec={"replicas": 1}), gateway_pod("proxy:1")], ""),
        ([named(GATEWAY_DEPLOYMENT), gateway_pod("auto")], "replace 1 gateway pod(s) that were not injected"),
        ([named(GATEWAY_DEPLOYMENT, spec={"replicas": 0})], "start a pod of the gateway, which is scaled to zero"),
        (
            [named(GATEWAY_DEPLOYMENT, status=condition("ReplicaFailure", "True"))],
            "restart the gateway, whose pods are refused",
        ),
        ([], ""),
    ],
)
def test_recycle_gateway(objects: list[Manifest], text: str) -> None:
    client = FakeClient(objects=objects)
    act = recycle_gateway(EAST)
    assert act.foresee is not None
    assert act.foresee({"cluster1": client}) == text
    assert reads_only(client)
    assert bool(act.do({"cluster1": client})) is bool(text)


@pytest.mark.parametrize(
    ("bundle", "known", "text"),
    [
        (
            "",
            '[{"id": "cluster2", "syncStatus": "synced"}]',
            "make secret/istio-remote-secret-cluster2 in istio-system ",
        ),
        ("", '[{"id": "cluster2", "syncStatus": "syncing"}]', ""),
        ("Y2E=", '[{"id": "cluster2", "syncStatus": "synced"}]', ""),
    ],
)
def test_forget_unled(bundle: str, known: str, text: str) -> None:
    hooks = [{"name": "a", "clientConfig": {"caBundle": bundle}}]
    east = FakeClient("cluster1", [named(remote_secret("cluster2")), pod("istiod", "istiod:1", app="istiod")])
    east.executed = lambda argv: ExecResult(known, "", 0)
    west = FakeClient("cluster2", [named(INJECTOR, webhooks=hooks)])
    act = forget_unled(MESH, WEST)
    assert act.foresee is not None
    foreseen = act.foresee({"cluster1": east, "cluster2": west})
    assert foreseen.startswith(text)
    assert bool(foreseen) is bool(text)
    assert reads_only(east, west)
    assert bool(act.do({"cluster1": east, "cluster2": west})) is bool(text)
