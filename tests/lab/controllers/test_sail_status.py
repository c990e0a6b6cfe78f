"""What the Sail operator concludes from what it sees."""

from dataclasses import astuple
from typing import Any

import pytest

from meshctl.lab.controllers.sail_revision import referenced_by_namespace, referenced_by_pod
from meshctl.lab.controllers.sail_status import (
    Condition,
    cni_ready,
    copied,
    dependencies,
    difference,
    primary_ready,
    remote_ready,
    spoken,
    state,
    status,
)
from meshctl.lab.sites import Flavour
from meshctl.names import PROBE_STATUS
from meshctl.objects import Manifest


def counts(**numbers: int) -> Manifest:
    return {"status": numbers}


READINESS = [
    (cni_ready(None), "istio-cni-node DaemonSet not found"),
    (cni_ready(counts(desiredNumberScheduled=2)), "no istio-cni-node pods are currently scheduled"),
    (cni_ready(counts(currentNumberScheduled=2, numberReady=1)), "not all istio-cni-node pods are ready"),
    (cni_ready(counts(currentNumberScheduled=2, numberReady=2)), ""),
    (primary_ready(None), "istiod Deployment not found"),
    (primary_ready({}), "istiod Deployment is scaled to zero replicas"),
    (primary_ready(counts(replicas=1)), "not all istiod pods are ready"),
    (primary_ready(counts(replicas=1, readyReplicas=1)), ""),
    (remote_ready(None, "w"), "MutatingWebhookConfiguration w not found"),
    (
        remote_ready({"metadata": {}}, "w"),
        f"invalid or missing annotation {PROBE_STATUS} on MutatingWebhookConfiguration w",
    ),
    (
        remote_ready({"metadata": {"annotations": {PROBE_STATUS: "false"}}}, "w"),
        "readiness probe on remote istiod failed",
    ),
    (remote_ready({"metadata": {"annotations": {PROBE_STATUS: "true"}}}, "w"), ""),
    (dependencies(None, needed=True), "IstioCNI resource does not exist"),
    (
        dependencies({"status": {"state": "DaemonSetNotReady"}}, needed=True),
        "IstioCNI resource status indicates that the component is not healthy",
    ),
    (dependencies({"status": {"state": "Healthy"}}, needed=True), ""),
    (dependencies(None, needed=False), ""),
]


@pytest.mark.parametrize(("condition", "message"), READINESS)
def test_readiness(condition: Condition, message: str) -> None:
    assert condition.message == message
    assert condition.status == ("False" if message else "True")
    assert bool(condition.reason) == bool(message)


STATES = [
    (("True", ""), ("True", ""), ("True", ""), "Healthy"),
    (("Unknown", ""), ("Unknown", ""), ("Unknown", ""), ""),
    (("False", "A"), ("False", "B"), ("True", ""), "A"),
    (("True", ""), ("False", "B"), ("False", "C"), "B"),
    (("True", ""), ("True", ""), ("False", "C"), "C"),
]


@pytest.mark.parametrize(("reconciled", "ready", "healthy", "wanted"), STATES)
def test_the_state_is_the_first_reason(reconciled: Any, ready: Any, healthy: Any, wanted: str) -> None:
    kinds = zip(("Reconciled", "Ready", "DependenciesHealthy"), (reconciled, ready, healthy), strict=True)
    conditions = [Condition(kind, verdict, reason) for kind, (verdict, reason) in kinds]
    unused = Condition("InUse", "False", "NotReferencedByAnything")
    assert state([*conditions, unused]) == wanted


def test_times_stay_while_a_verdict_stays_and_new_conditions_come_last() -> None:
    first = status(None, 1, [Condition("Reconciled"), Condition("Ready", "False", "No", "no")], "t1")
    second = status(first, 2, [Condition("Ready", "False", "No", "still no"), Condition("New")], "t2")
    assert second == {
        "conditions": [
            {"type": "Reconciled", "status": "True", "lastTransitionTime": "t1"},
            {"type": "Ready", "status": "False", "reason": "No", "message": "still no", "lastTransitionTime": "t1"},
            {"type": "New", "status": "True", "lastTransitionTime": "t2"},
        ],
        "observedGeneration": 2,
        "state": "No",
    }
    third = status(second, 2, [Condition("Ready", "Unknown")], "t3")
    assert "state" not in third
    assert difference(second, third)["state"] is None
    assert difference(third, third) == {}


def test_what_a_revision_does_not_say_is_unknown() -> None:
    assert [astuple(one)[:2] for one in copied({})] == [
        ("Reconciled", "Unknown"),
        ("Ready", "Unknown"),
        ("DependenciesHealthy", "Unknown"),
    ]


def test_upstream_gives_true_conditions_a_reason() -> None:
    used = Condition("InUse", "True", "ReferencedByWorkloads")
    said = spoken([Condition("Ready"), Condition("Reconciled", "Unknown"), used], Flavour.UPSTREAM)
    assert [one.reason for one in said] == ["Ready", "", "ReferencedByWorkloads"]
    assert spoken([Condition("Ready")], Flavour.VENDOR)[0].reason == ""


PODS = [
    ({"labels": {"sidecar.istio.io/inject": "true"}}, "default"),
    ({"labels": {"istio.io/rev": "default", "sidecar.istio.io/inject": "false"}}, ""),
    ({"labels": {"istio.io/rev": "canary"}}, "canary"),
    ({"annotations": {"istio.io/rev": "default"}, "labels": {}}, "default"),
    ({}, ""),
]


@pytest.mark.parametrize(("metadata", "wanted"), PODS)
def test_revision_of_a_pod(metadata: Manifest, wanted: str) -> None:
    assert referenced_by_pod({"metadata": metadata}) == wanted


@pytest.mark.parametrize(
    ("labels", "wanted"), [({"istio-injection": "enabled"}, "default"), ({"istio.io/rev": "x"}, "x"), ({}, "")]
)
def test_revision_of_a_namespace(labels: dict[str, str], wanted: str) -> None:
    assert referenced_by_namespace({"metadata": {"labels": labels}}) == wanted
