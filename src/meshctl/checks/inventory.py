"""What of a mesh is on a cluster: asked before a teardown (who else lives on it) and after (what is left)."""

from collections.abc import Iterator
from dataclasses import dataclass

from meshctl.cluster import Client
from meshctl.conditions import namespace_remains
from meshctl.errors import ForbiddenError, NotFoundError
from meshctl.names import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CNI_NAMESPACE,
    CONFIG_MAP,
    FIELD_MANAGER,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION,
    ISTIO_REVISION_TAG,
    ISTIO_SYSTEM,
    LEASE,
    MANAGED_BY,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NETWORK_ATTACHMENT,
    POD,
    SIDECAR_STATUS,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Kind, Manifest, Ref, dig

ROOTS = "istio.io/config=true"
PART_OF = "app.kubernetes.io/part-of=istio"


@dataclass(frozen=True, slots=True)
class Leftover:
    """One object of the mesh that is still there, and why if that is known."""

    cluster: str
    ref: Ref
    why: str = ""

    def __str__(self) -> str:
        return f"{self.cluster}: {self.ref}" + (f" ({self.why})" if self.why else "")


def leftovers(client: Client, *, keep_namespaces: bool = False) -> list[Leftover]:
    """Return everything of the mesh that a teardown should have removed."""
    return [Leftover(client.cluster, ref, why) for ref, why in _found(client, keep_namespaces=keep_namespaces)]


def _found(client: Client, *, keep_namespaces: bool) -> Iterator[tuple[Ref, str]]:
    for kind in (ISTIO, ISTIO_REVISION, ISTIO_REVISION_TAG, ISTIO_CNI):
        yield from ((ref_of(kind, obj), _held(obj)) for obj in listed(client, kind) if not is_anothers(kind, obj))
    if not other_control_planes(client):  # theirs look the same
        for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK, CLUSTER_ROLE, CLUSTER_ROLE_BINDING):
            yield from ((ref_of(kind, obj), "") for obj in listed(client, kind, labels=PART_OF))
        yield from ((ref_of(CONFIG_MAP, obj), "") for obj in listed(client, CONFIG_MAP, labels=ROOTS))
    for obj in listed(client, NETWORK_ATTACHMENT, "default"):
        if obj["metadata"]["name"] == "istio-cni":
            yield ref_of(NETWORK_ATTACHMENT, obj), ""
    for obj in listed(client, LEASE, ISTIO_SYSTEM):
        yield ref_of(LEASE, obj), ""
    for name in (CNI_NAMESPACE, ISTIO_SYSTEM):
        namespace = client.get(Ref(NAMESPACE, name))
        if namespace is not None and dig(namespace, "metadata", "deletionTimestamp"):
            yield Ref(NAMESPACE, name), namespace_remains(namespace) or "Terminating"
        elif namespace is not None and not keep_namespaces:
            yield Ref(NAMESPACE, name), ""


def _held(obj: Manifest) -> str:
    finalizers = dig(obj, "metadata", "finalizers") or []
    return f"being deleted, held by {', '.join(finalizers)}" if dig(obj, "metadata", "deletionTimestamp") else ""


def listed(client: Client, kind: Kind, namespace: str = "", labels: str = "") -> list[Manifest]:
    """List a kind; one that is not served, or may not be seen, has nothing to show."""
    try:
        return client.list(kind, namespace, labels)
    except (NotFoundError, ForbiddenError):
        return []


def ref_of(kind: Kind, obj: Manifest) -> Ref:
    """Return the name of an object of a kind."""
    return Ref(kind, str(dig(obj, "metadata", "name")), str(dig(obj, "metadata", "namespace") or ""))


def is_anothers(kind: Kind, obj: Manifest) -> bool:
    """Say whether an Istio or a revision of one is the control plane of another mesh: it is for another namespace."""
    return kind in (ISTIO, ISTIO_REVISION) and (dig(obj, "spec", "namespace") or ISTIO_SYSTEM) != ISTIO_SYSTEM


def other_control_planes(client: Client) -> list[Manifest]:
    """Return the revisions of other meshes on a cluster."""
    return [one for one in listed(client, ISTIO_REVISION) if is_anothers(ISTIO_REVISION, one)]


def is_own_namespace(client: Client, name: str) -> bool:
    """Say whether a namespace is meshctl's to make and to remove: it did so, or there is none yet."""
    try:
        existing = client.get(Ref(NAMESPACE, name))
    except ForbiddenError:
        return True  # this right will be missing as well
    return existing is None or _made_by_meshctl(existing)


def _made_by_meshctl(obj: Manifest | None) -> bool:
    return bool(dig(obj, "metadata", "labels", MANAGED_BY) == FIELD_MANAGER)


def tenants(client: Client, sample_namespace: str) -> list[str]:
    """Return who else lives on this cluster: meshed pods, namespaces that ask for injection, other control planes."""
    own = {ISTIO_SYSTEM, CNI_NAMESPACE}
    spaces = {n["metadata"]["name"]: n for n in client.list(NAMESPACE)}
    if _made_by_meshctl(spaces.get(sample_namespace)):
        own.add(sample_namespace)
    meshed = [
        str(ref_of(POD, pod))
        for pod in client.list(POD)
        if dig(pod, "metadata", "annotations", SIDECAR_STATUS) and not _own_pod(pod, own, sample_namespace)
    ]
    labelled = [
        f"namespace/{name} (labelled for injection)"
        for name, namespace in spaces.items()
        if name not in own and _asks_for_injection(namespace) and name != sample_namespace
    ]
    others = [
        f"{ref_of(ISTIO_REVISION, one)} (a control plane in {dig(one, 'spec', 'namespace')})"
        for one in other_control_planes(client)
    ]
    return meshed + labelled + others


def _own_pod(pod: Manifest, own: set[str], sample_namespace: str) -> bool:
    namespace, labels = dig(pod, "metadata", "namespace"), dig(pod, "metadata", "labels") or {}
    if namespace == ISTIO_SYSTEM:
        return labels.get("app") in ("istio-eastwestgateway", "istiod")
    return namespace in own or (namespace == sample_namespace and labels.get("app") in ("helloworld", "sleep"))


def _asks_for_injection(namespace: Manifest) -> bool:
    labels = dig(namespace, "metadata", "labels") or {}
    return labels.get("istio-injection") == "enabled" or "istio.io/rev" in labels
