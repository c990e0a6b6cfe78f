"""Rolling updates as tables: how many pods where, and what the Deployment says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from meshctl.lab.controllers import kubernetes_rollout as rollout
from meshctl.objects import Manifest

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def deployment(replicas: int | None = 1, surge: Any = "25%", unavailable: Any = "25%") -> Manifest:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    spec = {"strategy": strategy, "selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {}}}
    if replicas is not None:
        spec["replicas"] = replicas
    return {"metadata": {"name": "a", "namespace": "n", "generation": 3}, "spec": spec}


def replica_set(name: str, wanted: int, available: int | None = None) -> Manifest:
    number = wanted if available is None else available
    status = {"replicas": wanted, "readyReplicas": number, "availableReplicas": number}
    return {"metadata": {"name": name, "namespace": "n"}, "spec": {"replicas": wanted}, "status": status}


@pytest.mark.parametrize(
    ("wanted", "surge", "unavailable", "expected"),
    [
        (1, "25%", "25%", (1, 0)),
        (1, "100%", "25%", (1, 0)),
        (4, "25%", "25%", (1, 1)),
        (10, 2, 3, (2, 3)),
        (3, 0, 0, (0, 1)),
    ],
)
def test_limits(wanted: int, surge: Any, unavailable: Any, expected: tuple[int, int]) -> None:
    found = rollout.limits(deployment(wanted, surge, unavailable))
    assert (found.surge, found.unavailable) == expected


@pytest.mark.parametrize(
    ("wanted", "old", "new", "expected"),
    [
        (1, None, (0, 0), {"new": 1}),
        (3, None, (1, 1), {"new": 3}),
        (1, (1, 1), (0, 0), {"old": 1, "new": 1}),
        (1, (1, 1), (1, 0), {"old": 1, "new": 1}),
        (1, (1, 1), (1, 1), {"old": 0, "new": 1}),
        (1, (1, 0), (0, 0), {"old": 1, "new": 1}),
        (1, (1, 0), (1, 0), {"old": 1, "new": 1}),
        (4, (4, 4), (0, 0), {"old": 3, "new": 1}),
        (4, (3, 3), (1, 1), {"old": 2, "new": 2}),
        (0, (1, 1), (0, 0), {"old": 0, "new": 0}),
    ],
)
def test_plan(wanted: int, old: tuple[int, int] | None, new: tuple[int, int], expected: dict[str, int]) -> None:
    newest = replica_set("new", *new)
    sets = [newest] if old is None else [replica_set("old", *old), newest]
    assert rollout.plan(deployment(wanted), sets, newest) == expected


def conditions(status: Manifest) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c["reason"]) for c in status["conditions"]}


def test_status_while_and_after_rolling_out() -> None:
    new = replica_set("a-1", 1, 0)
    first = rollout.status(deployment(), [new], new, NOW, 600)
    assert conditions(first) == {
        "Available": ("False", "MinimumReplicasUnavailable"),
        "Progressing": ("True", "ReplicaSetUpdated"),
    }
    assert (first["observedGeneration"], first["unavailableReplicas"]) == (3, 1)

    new = replica_set("a-1", 1)
    second = rollout.status(deployment(None) | {"status": first}, [new], new, NOW + timedelta(seconds=5), 600)
    assert conditions(second) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert second["availableReplicas"] == second["readyReplicas"] == second["updatedReplicas"] == 1
    assert "unavailableReplicas" not in second
    progressing = second["conditions"][1]
    assert progressing["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert progressing["lastUpdateTime"] == "2026-01-01T00:00:05Z"


def test_no_progress_until_the_deadline_is_a_failure_and_stays_one() -> None:
    new = replica_set("a-1", 1, 0)
    status = rollout.status(deployment(), [new], new, NOW, 600)
    for seconds in (601, 900):
        status = rollout.status(deployment() | {"status": status}, [new], new, NOW + timedelta(seconds=seconds), 600)
        assert conditions(status)["Progressing"] == ("False", "ProgressDeadlineExceeded")


def test_a_refused_pod_shows() -> None:
    new = replica_set("a-1", 1, 0)
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "no"}
    new["status"]["conditions"] = [failure]
    found = rollout.status(deployment(), [new], new, NOW, 600)["conditions"][-1]
    assert (found["type"], found["reason"], found["message"]) == ("ReplicaFailure", "FailedCreate", "no")


def test_the_name_follows_the_template() -> None:
    one, other = deployment(), deployment()
    other["spec"]["template"]["metadata"] = {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}
    names = [rollout.new_replica_set(d, 1)["metadata"]["name"] for d in (one, deployment(5), other)]
    assert names[0] == names[1] != names[2]
