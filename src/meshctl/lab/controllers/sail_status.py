"""What the Sail operator writes into the status of its resources, as pure functions of what it saw."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from meshctl.lab.sites import Flavour
from meshctl.names import PROBE_STATUS
from meshctl.objects import Manifest, dig

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as the operator decides it; when it last changed is the status's business."""

    type: str
    status: Truth = "True"
    reason: str = ""
    message: str = ""

    def manifest(self, since: str) -> Manifest:
        """Return the entry of `status.conditions`; empty fields are left out, as the operator does."""
        fields = {"lastTransitionTime": since, "message": self.message, "reason": self.reason}
        return {**{key: value for key, value in fields.items() if value}, "status": self.status, "type": self.type}


def reconciled(problem: str = "") -> Condition:
    """Return whether the charts could be installed."""
    if not problem:
        return Condition("Reconciled")
    return Condition("Reconciled", "False", "ReconcileError", problem)


def cni_ready(daemon_set: Manifest | None) -> Condition:
    """Return the readiness of IstioCNI; the operator looks at what is scheduled now, not at what is desired."""
    scheduled = dig(daemon_set, "status", "currentNumberScheduled") or 0
    if daemon_set is None:
        text = "istio-cni-node DaemonSet not found"
    elif scheduled == 0:
        text = "no istio-cni-node pods are currently scheduled"
    elif (dig(daemon_set, "status", "numberReady") or 0) < scheduled:
        text = "not all istio-cni-node pods are ready"
    else:
        return Condition("Ready")
    return Condition("Ready", "False", "DaemonSetNotReady", text)


def primary_ready(deployment: Manifest | None) -> Condition:
    """Return the readiness of a control plane that runs here."""
    replicas = dig(deployment, "status", "replicas") or 0
    if deployment is None:
        text = "istiod Deployment not found"
    elif replicas == 0:
        text = "istiod Deployment is scaled to zero replicas"
    elif (dig(deployment, "status", "readyReplicas") or 0) < replicas:
        text = "not all istiod pods are ready"
    else:
        return Condition("Ready")
    return Condition("Ready", "False", "IstiodNotReady", text)


def remote_ready(webhook: Manifest | None, name: str) -> Condition:
    """Return the readiness of a control plane that runs elsewhere: the verdict of the probe on the webhook."""
    verdict = dig(webhook, "metadata", "annotations", PROBE_STATUS)
    if webhook is None:
        text = f"MutatingWebhookConfiguration {name} not found"
    elif verdict == "true":
        return Condition("Ready")
    elif verdict == "false":
        text = "readiness probe on remote istiod failed"
    else:
        text = f"invalid or missing annotation {PROBE_STATUS} on MutatingWebhookConfiguration {name}"
    return Condition("Ready", "False", "RemoteIstiodNotReady", text)


def dependencies(cni: Manifest | None, *, needed: bool) -> Condition:
    """Return whether IstioCNI is there and healthy, when this control plane depends on it."""
    if needed and cni is None:
        return Condition("DependenciesHealthy", "False", "IstioCNINotFound", "IstioCNI resource does not exist")
    if needed and dig(cni, "status", "state") != "Healthy":
        text = "IstioCNI resource status indicates that the component is not healthy"
        return Condition("DependenciesHealthy", "False", "IstioCNINotHealthy", text)
    return Condition("DependenciesHealthy")


def in_use(*, referenced: bool) -> Condition:
    """Return whether anything on this cluster uses the revision."""
    if referenced:
        return Condition("InUse", "True", "ReferencedByWorkloads", "Referenced by at least one pod or namespace")
    return Condition("InUse", "False", "NotReferencedByAnything", "Not referenced by any pod or namespace")


def revision_missing() -> tuple[Condition, ...]:
    """Return what an Istio says while its IstioRevision cannot be seen."""
    text = "active IstioRevision not found"
    return tuple(Condition(kind, "False", "ActiveRevisionNotFound", text) for kind in ("Reconciled", "Ready"))


def istio_failed(problem: str) -> tuple[Condition, ...]:
    """Return what an Istio says when its IstioRevision cannot be made."""
    unknown = "cannot determine readiness due to reconciliation error"
    return (reconciled(problem), Condition("Ready", "Unknown", "ReconcileError", unknown))


def copied(revision: Manifest) -> tuple[Condition, ...]:
    """Return an Istio's conditions, copied from its IstioRevision; what that does not say yet is Unknown."""
    known = {str(entry["type"]): entry for entry in dig(revision, "status", "conditions") or []}
    return tuple(
        Condition(kind, entry.get("status", "Unknown"), entry.get("reason", ""), entry.get("message", ""))
        for kind in ("Reconciled", "Ready", "DependenciesHealthy")
        for entry in [known.get(kind, {})]
    )


def spoken(conditions: Iterable[Condition], flavour: Flavour) -> tuple[Condition, ...]:
    """Return the conditions as a flavour words them: upstream repeats the type as the reason of a True one."""
    if flavour is Flavour.VENDOR:
        return tuple(conditions)
    return tuple(
        replace(one, reason=one.type) if one.status == "True" and not one.reason else one for one in conditions
    )


def state(conditions: Sequence[Condition]) -> str:
    """Return the summary: the reason of the first condition that is not True (InUse does not count), else Healthy."""
    return next((one.reason for one in conditions if one.status != "True" and one.type != "InUse"), "Healthy")


def status(before: Manifest | None, generation: int, conditions: Sequence[Condition], now: str) -> Manifest:
    """Return a whole status: known conditions in place, new ones appended, times kept while a verdict stays."""
    entries = {str(entry["type"]): entry for entry in dig(before, "conditions") or []}
    for one in conditions:
        old = entries.get(one.type)
        since = old.get("lastTransitionTime", now) if old and old.get("status") == one.status else now
        entries[one.type] = one.manifest(since)
    after: Manifest = {**(before or {}), "conditions": list(entries.values()), "observedGeneration": generation}
    after.pop("state", None)
    summary = state(conditions)
    return {**after, "state": summary} if summary else after


def difference(before: Manifest | None, after: Manifest) -> Manifest:
    """Return the merge patch that turns one status into another; empty when nothing changed."""
    old = before or {}
    return {
        key: after.get(key) for key in (*after, *(k for k in old if k not in after)) if old.get(key) != after.get(key)
    }
