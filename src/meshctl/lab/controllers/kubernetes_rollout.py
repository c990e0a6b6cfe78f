"""What a Deployment wants of its ReplicaSets, and what it says about them: pure functions of manifests."""

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from meshctl.lab.controllers.shapes import (
    SUFFIX_LETTERS,
    annotations_of,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    stamp,
    with_conditions,
)
from meshctl.names import DEPLOYMENT
from meshctl.objects import Manifest, dig

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a rolling update may leave the wanted number of pods."""

    surge: int
    unavailable: int


def wanted_replicas(obj: Manifest) -> int:
    """Return spec.replicas, whose default is one."""
    replicas = dig(obj, "spec", "replicas")
    return 1 if replicas is None else int(replicas)


def template_hash(template: Mapping[str, Any]) -> str:
    """Return the name part that belongs to a pod template."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(SUFFIX_LETTERS[byte % len(SUFFIX_LETTERS)] for byte in digest[:10])


def limits(deployment: Manifest) -> Limits:
    """Return maxSurge and maxUnavailable as numbers of pods."""
    wanted = wanted_replicas(deployment)
    if dig(deployment, "spec", "strategy", "type") == "Recreate":
        return Limits(0, wanted)
    rolling = dig(deployment, "spec", "strategy", "rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    return Limits(surge, unavailable if surge or unavailable else 1)


def _share(value: Any, of: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        exact = of * int(value.removesuffix("%")) / 100
        return ceil(exact) if up else int(exact)
    return int(value)


def new_replica_set(deployment: Manifest, revision: int) -> Manifest:
    """Return the ReplicaSet of the Deployment's present template, still without pods."""
    template = copy.deepcopy(deployment["spec"]["template"])
    name = template_hash(template)
    labels = {**labels_of(template), HASH_LABEL: name}
    template.setdefault("metadata", {})["labels"] = labels
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{name_of(deployment)}-{name}",
            "namespace": namespace_of(deployment),
            "labels": labels,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [owner_reference(DEPLOYMENT, deployment)],
        },
        "spec": {
            "replicas": 0,
            "selector": {
                **deployment["spec"]["selector"],
                "matchLabels": {**(dig(deployment, "spec", "selector", "matchLabels") or {}), HASH_LABEL: name},
            },
            "template": template,
        },
    }


def current(deployment: Manifest, sets: Sequence[Manifest]) -> Manifest | None:
    """Return the ReplicaSet of the present template."""
    wanted = template_hash(deployment["spec"]["template"])
    return next((s for s in sets if labels_of(s).get(HASH_LABEL) == wanted), None)


def next_revision(sets: Sequence[Manifest]) -> int:
    """Return the revision number of a new ReplicaSet."""
    return 1 + max((int(annotations_of(s).get(REVISION, "0")) for s in sets), default=0)


def plan(deployment: Manifest, sets: Sequence[Manifest], new: Manifest) -> dict[str, int]:
    """Return how many pods each ReplicaSet should have now, on the way to all of them in the new one."""
    wanted, allowed = wanted_replicas(deployment), limits(deployment)
    old = [s for s in sets if name_of(s) != name_of(new)]
    old_pods = sum(wanted_replicas(s) for s in old)
    room = wanted + allowed.surge - old_pods
    result = {name_of(new): max(wanted_replicas(new), min(wanted, room)) if old_pods else wanted}
    if dig(deployment, "spec", "strategy", "type") == "Recreate" and any(_count(s, "replicas") for s in old):
        result[name_of(new)] = 0
    new_pods = result[name_of(new)]
    missing = max(0, new_pods - _count(new, "availableReplicas"))
    spare = old_pods + new_pods - max(0, wanted - allowed.unavailable) - missing
    return {**result, **_shrink(old, spare)}


def _shrink(old: Sequence[Manifest], spare: int) -> dict[str, int]:
    """Take pods that do not work first, whatever the limits: they are nobody's availability."""
    targets = {}
    broken = {name_of(s): max(0, wanted_replicas(s) - _count(s, "availableReplicas")) for s in old}
    for replica_set in old:
        name, pods = name_of(replica_set), wanted_replicas(replica_set)
        gone = min(max(0, spare), broken[name])
        spare -= gone
        targets[name] = pods - gone
    for name, pods in targets.items():
        gone = min(max(0, spare), pods)
        spare -= gone
        targets[name] = pods - gone
    return targets


def _count(obj: Manifest, field: str) -> int:
    return int(dig(obj, "status", field) or 0)


def status(deployment: Manifest, sets: Sequence[Manifest], new: Manifest, now: datetime, deadline: float) -> Manifest:
    """Return the Deployment's status. `deadline`: seconds without progress after which it has failed."""
    wanted = wanted_replicas(deployment)
    replicas, ready, available = (
        sum(_count(s, field) for s in sets) for field in ("replicas", "readyReplicas", "availableReplicas")
    )
    numbers = {
        "replicas": replicas,
        "updatedReplicas": _count(new, "replicas"),
        "readyReplicas": ready,
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available) if wanted else 0,
    }
    result = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{field: number for field, number in numbers.items() if number},
    }
    before = dig(deployment, "status") or {}
    conditions = [
        _available(enough=available >= wanted - _tolerated(deployment)),
        _progressing(deployment, before, numbers, name_of(new), now, deadline),
    ]
    failure = next((c for c in dig(new, "status", "conditions") or () if c.get("type") == "ReplicaFailure"), None)
    if failure is not None:
        told = {field: failure[field] for field in ("reason", "message")}
        conditions.append({"type": "ReplicaFailure", "status": "True", **told})
    dated = with_conditions(before.get("conditions") or (), conditions, stamp(now), updates=True)
    progress = next(c for c in dated if c["type"] == "Progressing")
    if progress["reason"] == "ReplicaSetUpdated" and _moved(before, numbers):
        progress["lastUpdateTime"] = stamp(now)
    return {**result, "conditions": dated}


def _tolerated(deployment: Manifest) -> int:
    """Return how many pods may be missing while a Deployment counts as available: none, unless it rolls."""
    recreated = dig(deployment, "spec", "strategy", "type") == "Recreate"
    return 0 if recreated else limits(deployment).unavailable


def _available(*, enough: bool) -> Manifest:
    if enough:
        reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
    else:
        reason, message = "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
    return {"type": "Available", "status": str(enough), "reason": reason, "message": message}


def _progressing(
    deployment: Manifest, before: Manifest, numbers: Mapping[str, int], new: str, now: datetime, deadline: float
) -> Manifest:
    wanted = wanted_replicas(deployment)
    if numbers["updatedReplicas"] == wanted == numbers["replicas"] and numbers["availableReplicas"] >= wanted:
        return _progress("True", "NewReplicaSetAvailable", f'ReplicaSet "{new}" has successfully progressed.')
    known = next((c for c in before.get("conditions") or () if c.get("type") == "Progressing"), None)
    fresh = known is None or known.get("reason") == "NewReplicaSetAvailable" or _moved(before, numbers)
    if fresh:
        return _progress("True", "ReplicaSetUpdated", f'ReplicaSet "{new}" is progressing.')
    since = datetime.fromisoformat(known["lastUpdateTime"]) if known else now
    if known and (known.get("status") == "False" or (now - since).total_seconds() > deadline):
        return _progress("False", "ProgressDeadlineExceeded", f'ReplicaSet "{new}" has timed out progressing.')
    return _progress("True", "ReplicaSetUpdated", f'ReplicaSet "{new}" is progressing.')


def _progress(state: str, reason: str, message: str) -> Manifest:
    return {"type": "Progressing", "status": state, "reason": reason, "message": message}


def _moved(before: Manifest, numbers: Mapping[str, int]) -> bool:
    """Say whether the update got on: more new pods, fewer old ones, more that work."""

    def old(fields: Mapping[str, Any]) -> int:
        return int(fields.get("replicas", 0)) - int(fields.get("updatedReplicas", 0))

    more = any(numbers[f] > before.get(f, 0) for f in ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return more or old(numbers) < old(before)
