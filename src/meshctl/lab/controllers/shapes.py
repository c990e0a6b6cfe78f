"""What every controller asks of manifests, and the small pieces it writes into them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from meshctl.objects import Kind, Manifest, Ref, dig

SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What generated names are made of: no vowels, so no words."""


def stamp(now: datetime | None = None) -> str:
    """Return a time as Kubernetes writes it."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp(now: datetime | None = None) -> str:
    """Return a time as Leases have it."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def name_of(obj: Manifest) -> str:
    """Return the object's name."""
    return str(obj["metadata"]["name"])


def namespace_of(obj: Manifest) -> str:
    """Return the object's namespace, empty for cluster-scoped kinds."""
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Manifest) -> str:
    """Return the object's uid."""
    return str(obj["metadata"].get("uid", ""))


def labels_of(obj: Manifest | None) -> dict[str, str]:
    """Return the object's labels."""
    return dict(dig(obj, "metadata", "labels") or {})


def annotations_of(obj: Manifest | None) -> dict[str, str]:
    """Return the object's annotations."""
    return dict(dig(obj, "metadata", "annotations") or {})


def ref_to(kind: Kind, obj: Manifest) -> Ref:
    """Return the name of an object of a known kind."""
    return Ref(kind, name_of(obj), namespace_of(obj))


def deleting(obj: Manifest | None) -> bool:
    """Say whether the object is on its way out."""
    return bool(dig(obj, "metadata", "deletionTimestamp"))


def owner_reference(kind: Kind, owner: Manifest) -> Manifest:
    """Return the reference by which `owner` controls another object."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controlled_by(obj: Manifest, owner: Manifest) -> bool:
    """Say whether `owner` controls the object."""
    owners = dig(obj, "metadata", "ownerReferences") or ()
    return any(o.get("controller") and o.get("uid") == uid_of(owner) for o in owners)


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Say whether a label selector (matchLabels and matchExpressions) takes these labels; no selector takes nothing."""
    if selector is None:
        return False
    plain = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in plain.items()):
        return False
    return all(_expression_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _expression_holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False


def has(wanted: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Say whether all `wanted` labels are there; an empty selector takes nothing, like a Service's."""
    return bool(wanted) and dict(wanted or {}).items() <= dict(labels).items()


def condition_status(obj: Manifest | None, kind: str) -> str:
    """Return the status of a condition, empty when there is none."""
    conditions = dig(obj, "status", "conditions") or ()
    return next((str(c.get("status", "")) for c in conditions if c.get("type") == kind), "")


def pod_ready(pod: Manifest | None) -> bool:
    """Say whether a pod takes traffic: ready, and not terminating."""
    return condition_status(pod, "Ready") == "True" and not deleting(pod)


def containers_of(pod: Manifest) -> list[Manifest]:
    """Return all containers of a pod (or of a template), init containers first."""
    spec = pod.get("spec") or {}
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def container_of(pod: Manifest, name: str) -> Manifest | None:
    """Return a container by name."""
    return next((c for c in containers_of(pod) if c.get("name") == name), None)


def env_of(container: Manifest | None) -> dict[str, str]:
    """Return the environment variables that have a plain value."""
    return {e["name"]: str(e.get("value") or "") for e in dig(container, "env") or () if "valueFrom" not in e}


def with_conditions(
    before: Iterable[Manifest], wanted: Iterable[Manifest], now: str, *, updates: bool = False
) -> list[Manifest]:
    """Return `wanted` with transition times: kept where the status is the same, `now` where it changed.

    With `updates`, `lastUpdateTime` is kept as well, as Deployments have it.
    """
    old = {c.get("type"): c for c in before}
    result = []
    for condition in wanted:
        known = old.get(condition["type"])
        same = known is not None and known.get("status") == condition["status"]
        dated = {**condition, "lastTransitionTime": known["lastTransitionTime"] if known and same else now}
        if updates:
            told = ("status", "reason", "message")
            still = known is not None and all(known.get(f) == condition.get(f) for f in told)
            dated["lastUpdateTime"] = known["lastUpdateTime"] if known and still else now
        result.append(dated)
    return result
