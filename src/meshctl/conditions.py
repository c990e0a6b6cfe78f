"""What meshctl waits for, as pure questions to one object each.

The Ready condition alone lies: right after an edit it is still the old one, and it stays True when the CNI plugin is
missing and when a changed spec cannot be applied. So every condition looks at observedGeneration first, and Healthy
means all of Reconciled, Ready and DependenciesHealthy (the status rules of sail-operator's api/v1).
"""

from collections.abc import Mapping
from typing import Any

from meshctl.names import CONTROL_PLANE_CLUSTERS, PROBE_REASON, PROBE_STATUS
from meshctl.objects import Condition, Manifest, Verdict, dig

WONT_HEAL: tuple[tuple[str, str], ...] = (
    ("failed to resolve Istio", "the operator does not know this version: upgrade the operator"),
    ("NetworkAttachmentDefinition", "install Multus, then restart the operator: it caches the kinds it knows"),
    ("invalid ownership metadata", "delete the object named there, so that the operator can make it itself"),
)
"""Operator errors that no waiting mends, and what does."""

PROBE_CAUSES: tuple[tuple[str, str], ...] = (
    (
        "deadline exceeded",
        "packets to port 15017 of the primary's gateway are dropped: a firewall or a security group?",
    ),
    ("connection refused", "nothing listens on port 15017 of the primary's gateway: does it run, is istiod exposed?"),
    ("no such host", "the address of the primary's gateway is missing, or a name that does not resolve"),
    ("EOF", "the primary's gateway answers, but no istiod behind it"),
)
"""What the operator's probe of a remote says, and what that means."""


def _waiting(detail: str) -> Verdict:
    return Verdict(met=False, detail=detail)


def exists(obj: Manifest | None) -> Verdict:
    """Met when the object is there."""
    return Verdict(met=obj is not None, detail="not there yet")


def gone(obj: Manifest | None) -> Verdict:
    """Met when the object is not there."""
    if obj is None:
        return Verdict(met=True)
    finalizers = dig(obj, "metadata", "finalizers") or []
    held = f", held by {', '.join(finalizers)}" if finalizers else ""
    if not dig(obj, "metadata", "deletionTimestamp"):
        return _waiting("still there")
    return _waiting(namespace_remains(obj) or f"being deleted{held}")


def not_leaving(obj: Manifest | None) -> Verdict:
    """Met when the object is not on its way out: what is applied to one that is goes with it."""
    leaving = obj is not None and bool(dig(obj, "metadata", "deletionTimestamp"))
    return Verdict(met=not leaving, detail="an earlier removal has not ended yet")


def namespace_remains(obj: Manifest) -> str:
    """Return why a terminating namespace is still there, in its own words."""
    telling = ("NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure")
    texts = [
        str(c.get("message", ""))
        for c in dig(obj, "status", "conditions") or []
        if c.get("type") in telling and c.get("status") == "True"
    ]
    return "; ".join(texts)


def condition_of(obj: Manifest | None, type_: str) -> Mapping[str, Any]:
    """Return one status condition, empty when it is not there."""
    found: list[Mapping[str, Any]] = [
        c for c in dig(obj, "status", "conditions") or [] if isinstance(c, Mapping) and c.get("type") == type_
    ]
    return found[0] if found else {}


def current(obj: Manifest | None) -> Verdict:
    """Met when the status speaks of the spec as it is now."""
    if obj is None:
        return _waiting("not there yet")
    if dig(obj, "metadata", "deletionTimestamp"):
        return _waiting("being deleted")
    observed, generation = dig(obj, "status", "observedGeneration"), dig(obj, "metadata", "generation")
    if observed != generation:
        return _waiting("its controller has not looked at it yet" if observed is None else "its status is out of date")
    return Verdict(met=True)


def _true(obj: Manifest | None, *types: str) -> Verdict:
    """Met when the status is current and each of these conditions is True."""
    seen = current(obj)
    if not seen.met:
        return seen
    for type_ in types:
        one = condition_of(obj, type_)
        if one.get("status") != "True":
            reason, message = one.get("reason") or f"{type_} is {one.get('status', 'missing')}", one.get("message")
            text = f"{reason}: {message}" if message else str(reason)
            cure = next((cure for marker, cure in WONT_HEAL if marker in text), "")
            return Verdict(met=False, detail=text, final=bool(cure), hint=cure)
    return Verdict(met=True)


def sail_ready(obj: Manifest | None) -> Verdict:
    """Met when a Sail resource is reconciled and its workload is ready, dependencies aside."""
    return _true(obj, "Reconciled", "Ready")


def sail_healthy(obj: Manifest | None) -> Verdict:
    """Met when a Sail resource is healthy in every respect: all conditions, and the state that sums them up."""
    types = (
        ("Reconciled", "Ready")
        if obj and obj.get("kind") == "IstioCNI"
        else ("Reconciled", "Ready", "DependenciesHealthy")
    )
    seen = _true(obj, *types)
    if seen.met and dig(obj, "status", "state") != "Healthy":
        return _waiting(f"its state is {dig(obj, 'status', 'state') or 'not set'}")
    return seen


def not_in_error(obj: Manifest | None) -> Verdict:
    """Met unless the operator's last word on the object, as it is now, is an error."""
    failing = condition_of(obj, "Reconciled").get("reason") == "ReconcileError" and current(obj).met
    return _true(obj, "Reconciled") if failing else Verdict(met=True)


def owners_of_version(obj: Manifest | None) -> list[str]:
    """Return the managers that own `spec.version`."""
    entries = dig(obj, "metadata", "managedFields") or []
    return sorted({str(e.get("manager")) for e in entries if dig(e, "fieldsV1", "f:spec", "f:version") is not None})


def istio_at(version: str, *, healthy: bool) -> Condition:
    """Met when the Istio is ready (or healthy) in this version; what somebody else has changed does not come back."""

    def condition(obj: Manifest | None) -> Verdict:
        now = dig(obj, "spec", "version")
        if obj is None or now == f"v{version}":
            return sail_healthy(obj) if healthy else sail_ready(obj)
        who = ", ".join(owners_of_version(obj)) or "somebody"
        hint = f"settle with {who} which version it is to be, then run this again"
        return Verdict(met=False, detail=f"{who} has set its version to {now}", final=True, hint=hint)

    return condition


def revision_at(version: str, *, healthy: bool) -> Condition:
    """Met when the IstioRevision has this version and is ready (or healthy) itself, not only its Istio's copy."""

    def condition(obj: Manifest | None) -> Verdict:
        if obj is not None and dig(obj, "spec", "version") != f"v{version}":
            return _waiting(f"the active revision is still {dig(obj, 'spec', 'version')}")
        return sail_healthy(obj) if healthy else sail_ready(obj)

    return condition


def rolled_out(obj: Manifest | None) -> Verdict:
    """Met when every replica of a Deployment is new and available; to count ready pods alone would pass too early."""
    seen = current(obj)
    if not seen.met:
        return seen
    wanted = dig(obj, "spec", "replicas")
    wanted = 1 if wanted is None else wanted
    counts = {key: dig(obj, "status", key) or 0 for key in ("replicas", "updatedReplicas", "availableReplicas")}
    if wanted == 0:
        return _waiting("scaled to zero")
    if (
        counts["updatedReplicas"] >= wanted
        and counts["replicas"] == counts["updatedReplicas"] == counts["availableReplicas"]
    ):
        return Verdict(met=True)
    failure = condition_of(obj, "ReplicaFailure").get("message")
    return _waiting(failure or f"{counts['availableReplicas']} of {wanted} pods available")


def daemon_set_rolled_out(obj: Manifest | None) -> Verdict:
    """Met when every pod of a DaemonSet is new and ready."""
    seen = current(obj)
    if not seen.met:
        return seen
    keys = ("desiredNumberScheduled", "updatedNumberScheduled", "numberReady")
    wanted, updated, ready = (dig(obj, "status", key) or 0 for key in keys)
    if wanted and wanted == updated == ready:
        return Verdict(met=True)
    return _waiting(f"{ready} of {wanted} pods ready" if wanted else "no node takes its pods")


def ingress_of(service: Manifest | None) -> list[str]:
    """Return every address of a load balancer, IPs first."""
    entries = dig(service, "status", "loadBalancer", "ingress") or []
    return [e["ip"] for e in entries if e.get("ip")] + [e["hostname"] for e in entries if e.get("hostname")]


def has_address(service: Manifest | None) -> Verdict:
    """Met when the load balancer has handed out an address."""
    if service is None:
        return _waiting("not there yet")
    addresses = ingress_of(service)
    return Verdict(met=bool(addresses), detail=", ".join(addresses) or "the load balancer has not given an address yet")


def token_filled(secret: Manifest | None) -> Verdict:
    """Met when Kubernetes has filled a service account token Secret."""
    filled = bool(dig(secret, "data", "token") and dig(secret, "data", "ca.crt"))
    return Verdict(met=filled, detail="Kubernetes has not filled in the token yet")


def annotated_for(primary: str) -> Condition:
    """Met when the namespace says that the primary's istiod may lead here."""

    def condition(obj: Manifest | None) -> Verdict:
        listed = str(dig(obj, "metadata", "annotations", CONTROL_PLANE_CLUSTERS) or "").split(",")
        return Verdict(
            met=primary in listed or "*" in listed,
            detail=f"istio-system is not annotated {CONTROL_PLANE_CLUSTERS}={primary}",
        )

    return condition


def holds_cluster(cluster: str) -> Condition:
    """Met when the remote secret's only key is the cluster's name; istiod reads it there and nowhere else."""

    def condition(obj: Manifest | None) -> Verdict:
        if obj is None:
            return _waiting("the remote secret is not on the primary")
        keys = sorted(dig(obj, "data") or {})
        strangers = [key for key in keys if key != cluster]
        return Verdict(
            met=keys == [cluster],
            detail=f"the remote secret names {', '.join(keys) or 'nobody'}, not {cluster} alone",
            final=bool(strangers),
            hint="delete that secret on the primary, then run this again" if strangers else "",
        )

    return condition


def ca_bundle_set(obj: Manifest | None) -> Verdict:
    """Met when istiod has written its root into every injection webhook: it has connected, and it leads here."""
    if obj is None:
        return _waiting("the operator has not made the injection webhook yet")
    bundles = [dig(hook, "clientConfig", "caBundle") for hook in obj.get("webhooks") or []]
    return Verdict(
        met=bool(bundles) and all(bundles),
        detail="istiod has not written its root into the webhook: it has not connected, or may not lead there",
    )


def probe_passed(obj: Manifest | None) -> Verdict:
    """Met when the operator's own readiness probe of a remote passes; the reason is shown nowhere else."""
    status, reason = (
        dig(obj, "metadata", "annotations", PROBE_STATUS),
        dig(obj, "metadata", "annotations", PROBE_REASON),
    )
    if status is None:
        return _waiting("the operator has not probed istiod yet")
    cause = next((cause for marker, cause in PROBE_CAUSES if marker in str(reason)), "")
    detail = f"{cause} ({reason})" if cause else str(reason or "istiod answered, but not with 200")
    return Verdict(met=status == "true", detail=detail)
