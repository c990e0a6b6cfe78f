"""Conditions as tables: what an object looks like, and what there is to say about it."""

from typing import Any

import pytest

from meshctl import conditions as is_
from meshctl.objects import Condition, Manifest


def istio(
    *conditions: tuple[str, str, str, str],
    state: str | None = "Healthy",
    observed: int | None = 1,
    kind: str = "Istio",
    version: str = "v1.28.6",
    **metadata: Any,
) -> Manifest:
    keys = ("type", "status", "reason", "message")
    listed = [{key: text for key, text in zip(keys, one, strict=True) if text} for one in conditions]
    status: Manifest = {"conditions": listed}
    if observed is not None:
        status["observedGeneration"] = observed
    if state:
        status["state"] = state
    return {
        "kind": kind,
        "metadata": {"name": "default", "generation": 1, **metadata},
        "spec": {"version": version},
        "status": status,
    }


OK = (("Reconciled", "True", "", ""), ("Ready", "True", "", ""), ("DependenciesHealthy", "True", "", ""))
UPSTREAM_OK = tuple((t, s, t, m) for t, s, _, m in OK)
NO_CNI = (*OK[:2], ("DependenciesHealthy", "False", "IstioCNINotFound", "IstioCNI resource does not exist"))
BROKEN_EDIT = (("Reconciled", "False", "ReconcileError", "cannot patch"), *OK[1:])
UNKNOWN = tuple((t, "Unknown", "", "") for t, *_ in OK)
NOT_READY = (OK[0], ("Ready", "False", "IstiodNotReady", "not all istiod pods are ready"), OK[2])
NO_VERSION = (
    ("Reconciled", "False", "ReconcileError", 'failed to resolve Istio version for "default": version "v9" not found'),
)


@pytest.mark.parametrize(
    ("obj", "ready", "healthy", "said"),
    [
        (istio(*OK), True, True, ""),
        (istio(*UPSTREAM_OK), True, True, ""),
        (istio(*OK, observed=None), False, False, "its controller has not looked at it yet"),
        (istio(*OK, generation=2), False, False, "its status is out of date"),
        (istio(*OK, deletionTimestamp="now"), False, False, "being deleted"),
        (None, False, False, "not there yet"),
        # kubectl wait --for condition=Ready passes with these two.
        (istio(*NO_CNI, state="IstioCNINotFound"), True, False, "IstioCNINotFound: IstioCNI resource does not exist"),
        (istio(*BROKEN_EDIT, state="ReconcileError"), False, False, "ReconcileError: cannot patch"),
        (istio(*UNKNOWN, state=None), False, False, "Reconciled is Unknown"),
        (istio(*NOT_READY, state="IstiodNotReady"), False, False, "IstiodNotReady: not all istiod pods are ready"),
        (istio(*OK, state=None), True, False, "its state is not set"),
        (istio(state=None), False, False, "Reconciled is missing"),
    ],
)
def test_a_sail_resource_is_ready_and_healthy(obj: Manifest | None, ready: bool, healthy: bool, said: str) -> None:
    assert is_.sail_ready(obj).met is ready
    assert is_.sail_healthy(obj).met is healthy
    assert is_.sail_healthy(obj).detail == said


def test_an_istio_cni_has_no_dependencies() -> None:
    assert is_.sail_healthy(istio(*OK[:2], kind="IstioCNI")).met


def test_what_no_waiting_mends_is_final_and_says_the_cure() -> None:
    verdict = is_.sail_ready(istio(*NO_VERSION, state="ReconcileError"))
    assert verdict.final
    assert "upgrade the operator" in verdict.hint
    assert not is_.sail_ready(istio(*BROKEN_EDIT)).final


def test_a_revision_of_another_version_is_not_the_one() -> None:
    condition = is_.revision_at("1.28.6", healthy=True)
    assert condition(istio(*OK)).met
    assert condition(istio(*OK, version="v1.28.3")).detail == "the active revision is still v1.28.3"


def deployment(spec: Manifest | None = None, **status: Any) -> Manifest:
    return {"metadata": {"generation": 1}, "spec": spec or {}, "status": {"observedGeneration": 1, **status}}


REFUSED = {"type": "ReplicaFailure", "status": "True", "message": "failed calling webhook"}


@pytest.mark.parametrize(
    ("obj", "met", "said"),
    [
        (deployment(replicas=1, updatedReplicas=1, availableReplicas=1), True, ""),
        (deployment({"replicas": 2}, replicas=2, updatedReplicas=2, availableReplicas=2), True, ""),
        # The old pod is still there and ready: an operator that counts ready pods is content here.
        (deployment(replicas=2, updatedReplicas=1, availableReplicas=1), False, "1 of 1 pods available"),
        (
            deployment({"replicas": 2}, replicas=2, updatedReplicas=2, availableReplicas=1),
            False,
            "1 of 2 pods available",
        ),
        (deployment(replicas=1, updatedReplicas=0, availableReplicas=1), False, "1 of 1 pods available"),
        (deployment({"replicas": 0}), False, "scaled to zero"),
        (deployment(conditions=[REFUSED]), False, "failed calling webhook"),
        (deployment(observedGeneration=0), False, "its status is out of date"),
        (None, False, "not there yet"),
    ],
)
def test_a_deployment_is_rolled_out(obj: Manifest | None, met: bool, said: str) -> None:
    verdict = is_.rolled_out(obj)
    assert (verdict.met, verdict.detail) == (met, said)


@pytest.mark.parametrize(
    ("status", "met", "said"),
    [
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 2}, True, ""),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberReady": 2}, False, "2 of 2 pods ready"),
        ({"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberReady": 1}, False, "1 of 2 pods ready"),
        ({"desiredNumberScheduled": 0}, False, "no node takes its pods"),
    ],
)
def test_a_daemon_set_is_rolled_out(status: Manifest, met: bool, said: str) -> None:
    verdict = is_.daemon_set_rolled_out(deployment(None, **status))
    assert (verdict.met, verdict.detail) == (met, said)


@pytest.mark.parametrize(
    ("ingress", "met", "addresses"),
    [
        ([], False, []),
        (None, False, []),
        ([{"ip": "192.0.2.1"}], True, ["192.0.2.1"]),
        ([{"hostname": "lb.example"}], True, ["lb.example"]),
        (
            [{"hostname": "lb.example"}, {"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}],
            True,
            ["192.0.2.1", "2001:db8::1", "lb.example"],
        ),
    ],
)
def test_a_load_balancer_has_an_address(ingress: object, met: bool, addresses: list[str]) -> None:
    service = {"status": {"loadBalancer": {"ingress": ingress} if ingress is not None else {}}}
    assert is_.has_address(service).met is met
    assert is_.ingress_of(service) == addresses


@pytest.mark.parametrize(
    ("listed", "met"),
    [
        ("cluster1", True),
        ("cluster3,cluster1", True),
        ("*", True),
        ("cluster10", False),
        ("cluster3, cluster1", False),
        ("", False),
    ],
)
def test_the_annotation_names_the_primary(listed: str, met: bool) -> None:
    namespace = {"metadata": {"annotations": {"topology.istio.io/controlPlaneClusters": listed}}}
    assert is_.annotated_for("cluster1")(namespace).met is met


def webhook(*bundles: str, **annotations: str) -> Manifest:
    hooks = [{"clientConfig": {"caBundle": bundle} if bundle else {}} for bundle in bundles]
    return {"metadata": {"annotations": annotations}, "webhooks": hooks}


PROBE = "sailoperator.io/readinessProbe."


@pytest.mark.parametrize(
    ("condition", "obj", "met", "said"),
    [
        (is_.ca_bundle_set, webhook("eA=="), True, ""),
        (is_.ca_bundle_set, webhook("eA==", ""), False, "has not written its root"),
        (is_.ca_bundle_set, webhook(), False, "has not written its root"),
        (is_.ca_bundle_set, None, False, "has not made the injection webhook"),
        (is_.probe_passed, webhook(**{f"{PROBE}status": "true", f"{PROBE}reason": ""}), True, ""),
        (is_.probe_passed, webhook(**{f"{PROBE}status": "false", f"{PROBE}reason": "EOF"}), False, "EOF"),
        (
            is_.probe_passed,
            webhook(**{f"{PROBE}status": "false", f"{PROBE}reason": 'Get "x": context deadline exceeded'}),
            False,
            "port 15017 of the primary's gateway are dropped",
        ),
        (is_.probe_passed, webhook(**{f"{PROBE}status": "false"}), False, "not with 200"),
        (is_.probe_passed, webhook(), False, "has not probed"),
        (is_.holds_cluster("cluster2"), {"data": {"cluster2": "x"}}, True, ""),
        (is_.holds_cluster("cluster2"), {"data": {"cluster9": "x"}}, False, "names cluster9, not cluster2"),
        (is_.holds_cluster("cluster2"), {"data": {"cluster2": "x", "other": "y"}}, False, "names cluster2, other"),
        (is_.holds_cluster("cluster2"), None, False, "not on the primary"),
        (is_.token_filled, {"data": {"token": "x", "ca.crt": "y"}}, True, ""),
        (is_.token_filled, {"data": {"ca.crt": "y"}}, False, "not filled in"),
        (is_.exists, {}, True, ""),
        (is_.exists, None, False, "not there yet"),
    ],
)
def test_the_links_of_a_remote(condition: Condition, obj: Manifest | None, met: bool, said: str) -> None:
    verdict = condition(obj)
    assert verdict.met is met
    if not met:
        assert said in verdict.detail


def test_what_is_being_deleted_says_what_holds_it() -> None:
    assert is_.gone(None).met
    assert is_.gone({"metadata": {}}).detail == "still there"
    held = {"metadata": {"deletionTimestamp": "now", "finalizers": ["sailoperator.io/sail-operator"]}}
    assert is_.gone(held).detail == "being deleted, held by sailoperator.io/sail-operator"
    remains = {
        "type": "NamespaceContentRemaining",
        "status": "True",
        "message": "Some resources remain: pods. has 1",
    }
    terminating = {"metadata": {"deletionTimestamp": "now"}, "status": {"conditions": [remains]}}
    assert is_.gone(terminating).detail == "Some resources remain: pods. has 1"


def test_a_version_that_somebody_else_has_set_does_not_come_back_by_waiting() -> None:
    fields = [{"manager": "gitops", "fieldsV1": {"f:spec": {"f:version": {}}}}, {"manager": "meshctl", "fieldsV1": {}}]
    verdict = is_.istio_at("1.28.6", healthy=False)(istio(*OK, version="v1.28.3", managedFields=fields))
    assert verdict.final
    assert verdict.detail == "gitops has set its version to v1.28.3"
    assert is_.istio_at("1.28.6", healthy=True)(istio(*OK)).met
    assert not is_.istio_at("1.28.6", healthy=False)(None).final


def test_only_an_error_about_the_spec_as_it_is_now_counts() -> None:
    assert is_.not_in_error(None).met
    assert is_.not_in_error(istio(*NOT_READY, state="IstiodNotReady")).met
    assert is_.not_in_error(istio(*BROKEN_EDIT, observed=0)).met
    assert not is_.not_in_error(istio(*BROKEN_EDIT)).met


def test_a_strange_name_in_the_remote_secret_is_final() -> None:
    assert is_.holds_cluster("cluster2")({"data": {"cluster9": "x"}}).final
    assert not is_.holds_cluster("cluster2")(None).final
