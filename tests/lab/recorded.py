"""What the real operator said, when, and in which order it removed things, as measured; for the lab to be held against.

One primary and one remote, from an empty cluster to the end of the removal, with the vendor's build for Istio 1.28.6
and with the upstream operator 1.30.3.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from meshctl.lab.delays import Delays
from meshctl.lab.sites import Flavour

CNI_NOT_SCHEDULED = "Ready=False DaemonSetNotReady no istio-cni-node pods are currently scheduled"
CNI_NOT_READY = "Ready=False DaemonSetNotReady not all istio-cni-node pods are ready"
NO_REVISION = "ActiveRevisionNotFound active IstioRevision not found"
ISTIOD_NOT_READY = "Ready=False IstiodNotReady not all istiod pods are ready"
UNCOUNTED = "Ready=False IstiodNotReady istiod Deployment is scaled to zero replicas"
UNPROBED = (
    "Ready=False RemoteIstiodNotReady invalid or missing annotation sailoperator.io/readinessProbe.status "
    "on MutatingWebhookConfiguration istio-sidecar-injector"
)
REMOTE_NOT_READY = "Ready=False RemoteIstiodNotReady readiness probe on remote istiod failed"
CNI_NOT_HEALTHY = (
    "DependenciesHealthy=False IstioCNINotHealthy IstioCNI resource status indicates that the component is not healthy"
)
TOO_EARLY = {ISTIOD_NOT_READY: UNCOUNTED, REMOTE_NOT_READY: UNPROBED}
"""What the operator says when it looks before kube-controller-manager, or its own probe, has done its part."""
UNUSED = "InUse=False NotReferencedByAnything Not referenced by any pod or namespace"
USED = "InUse=True ReferencedByWorkloads Referenced by at least one pod or namespace"


@dataclass(frozen=True, slots=True)
class Said:
    """One status: its state, and its conditions in their order.

    `passing` is what was not seen in every run: it depends on which of two controllers is quicker.
    """

    state: str | None
    conditions: tuple[str, ...]
    passing: bool = False


CONFLICT = (
    'Reconciled=False ReconcileError failed to update IstioRevision "default": Operation cannot be fulfilled on '
    'istiorevisions.sailoperator.io "default": the object has been modified; please apply your changes to the latest '
    "version and try again"
)
UNSURE = "Ready=Unknown ReconcileError cannot determine readiness due to reconciliation error"


@dataclass(frozen=True, slots=True)
class Words:
    """How an operator says that a condition is true."""

    reconciled: str
    ready: str
    healthy: str


VENDOR = Words("Reconciled=True", "Ready=True", "DependenciesHealthy=True")
UPSTREAM = Words("Reconciled=True Reconciled", "Ready=True Ready", "DependenciesHealthy=True DependenciesHealthy")
UNKNOWN = Said(None, ("Reconciled=Unknown", "Ready=Unknown", "DependenciesHealthy=Unknown"), passing=True)
UNSEEN = Said("ActiveRevisionNotFound", (f"Reconciled=False {NO_REVISION}", f"Ready=False {NO_REVISION}"), passing=True)


OUTRUN = Said("ReconcileError", (CONFLICT, UNSURE), passing=True)  # upstream writes its revision twice in a row
OUTRUN_LATER = replace(OUTRUN, conditions=(*OUTRUN.conditions, "DependenciesHealthy=Unknown"))  # what was said stays


def _cni(words: Words) -> tuple[Said, ...]:
    return (
        Said("DaemonSetNotReady", (words.reconciled, CNI_NOT_SCHEDULED)),
        Said("DaemonSetNotReady", (words.reconciled, CNI_NOT_READY)),
        Said("Healthy", (words.reconciled, words.ready)),
    )


def _istio(words: Words, waiting: str, *, needs_cni: bool) -> tuple[Said, ...]:
    looks = (TOO_EARLY[waiting], waiting)
    cni = (CNI_NOT_HEALTHY, words.healthy) if needs_cni else (words.healthy,)
    state = waiting.split()[1]
    waits = [Said(state, (words.reconciled, look, one), passing=True) for one in cni for look in looks]
    return (
        UNSEEN,
        UNKNOWN,
        *((OUTRUN, OUTRUN_LATER, UNKNOWN) if words is UPSTREAM else ()),
        *waits[:-1],
        replace(waits[-1], passing=False),
        Said("Healthy", (words.reconciled, words.ready, words.healthy)),
    )


def _revision(words: Words, waiting: str, *, needs_cni: bool) -> tuple[Said, ...]:
    healthy = (words.reconciled, words.ready, words.healthy)
    copied = [
        one for one in _istio(words, waiting, needs_cni=needs_cni) if one not in (UNSEEN, UNKNOWN, OUTRUN, OUTRUN_LATER)
    ]
    return (
        *(Said(one.state, (*one.conditions, UNUSED), passing=one.passing) for one in copied),
        Said("Healthy", (*healthy, USED)),
    )


def _installed(words: Words, *, needs_cni: bool) -> Mapping[tuple[str, str], tuple[Said, ...]]:
    sides = (("east", ISTIOD_NOT_READY), ("west", REMOTE_NOT_READY))
    return {
        **{(cluster, "IstioCNI"): _cni(words) for cluster, _ in sides},
        **{(cluster, "Istio"): _istio(words, waiting, needs_cni=needs_cni) for cluster, waiting in sides},
        **{(cluster, "IstioRevision"): _revision(words, waiting, needs_cni=needs_cni) for cluster, waiting in sides},
    }


INSTALLED: Mapping[Flavour, Mapping[tuple[str, str], tuple[Said, ...]]] = {
    Flavour.VENDOR: _installed(VENDOR, needs_cni=True),
    Flavour.UPSTREAM: _installed(UPSTREAM, needs_cni=False),  # it asks for a CNI on OpenShift only
}
"""What each resource of each cluster says, from nothing to an installed mesh with a gateway."""

NO_SECRET_REASON = (
    "webhooks[].clientConfig.caBundle hasn't been set; check if the remote istiod can access this cluster"
)
"""The probe's reason while the primary has no remote secret: West then stays at the last but two of its statuses."""

READER = "istio-reader-service-account"
ORDERS = (
    (
        ("east", "MutatingWebhookConfiguration", "istio-sidecar-injector"),
        ("east", "ConfigMap", "istio-leader"),
        ("east", "ConfigMap", "istio-ca-root-cert"),
    ),
    (
        ("west", "ServiceAccount", READER),
        ("west", "Secret", f"{READER}-istio-remote-secret-token"),
        ("east", "Secret", "istio-remote-secret-cluster2"),
        ("west", "ConfigMap", "istio-namespace-controller-election"),
        ("west", "ConfigMap", "istio-ca-root-cert"),
    ),
)
"""What appears in which order: cluster, kind and name of what operator, istiod and the user make."""

UNINSTALLED = (
    "Service",
    "HorizontalPodAutoscaler",
    "Deployment",
    "RoleBinding",
    "Role",
    "ClusterRoleBinding",
    "ClusterRole",
    "ConfigMap",
    "ServiceAccount",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)
"""The kinds of the istiod chart's objects on the primary, in the order in which the operator removes them."""

UNINSTALLED_CNI = (
    "DaemonSet",
    "ClusterRoleBinding",
    "ClusterRole",
    "ConfigMap",
    "ServiceAccount",
    "NetworkAttachmentDefinition",
)
"""The same of the CNI chart."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How many seconds something took: the shortest and the longest of the recordings, and what the lab gives it."""

    what: str
    shortest: float
    longest: float
    lab: float


_DELAYS = Delays()
_CHARTS_FIRST = 2 * (_DELAYS.charts / 2)  # istiod's and the base chart, each half
MEASURED = (
    Measured("IstioCNI made, to its first status", 0.18, 0.47, _DELAYS.reconcile + _DELAYS.charts / 4),
    Measured(
        "istio-cni-node's pods made, to IstioCNI Healthy",
        2.23,
        2.43,
        _DELAYS.cni_ready + _DELAYS.reconcile + _DELAYS.charts / 4,
    ),
    Measured(
        "Istio made, to its first status about istiod", 0.93, 1.2, _DELAYS.reconcile + _CHARTS_FIRST + _DELAYS.status
    ),
    Measured("IstioRevision's status, to Istio's", 0.0, 0.26, _DELAYS.status),
    Measured("istiod's Deployment made, to caBundles in its webhooks", 3.0, 3.7, _DELAYS.istiod_start),
    Measured("istiod's Deployment made, to its pod ready", 4.57, 6.7, _DELAYS.istiod_start + _DELAYS.istiod_ready),
    Measured("remote secret made, to the remote's caBundle", 0.04, 0.3, _DELAYS.sync),
    Measured("a remote's caBundle made, to its probe passed", 0.09, 3.6, _DELAYS.probe_period),
)
