"""The rights meshctl needs, as data: what `install`, `verify` and `teardown` really ask of an API server."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from meshctl.cluster import Client
from meshctl.names import CNI_NAMESPACE, ISTIO_SYSTEM, LOCK_NAMESPACE
from meshctl.spec import Cluster, MeshSpec


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; an empty namespace means all of them, or a cluster-scoped resource."""

    verb: str
    group: str
    resource: str
    namespace: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {resource}" + (f" in {self.namespace}" if self.namespace else "")


READ = ("get", "list", "watch")
WRITE = ("create", "patch")
RBAC, ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
SAIL, ISTIO = "sailoperator.io", "networking.istio.io"


def install_rights(mesh: MeshSpec, cluster: Cluster) -> frozenset[Right]:
    """Return what `install` needs on one cluster."""
    both = (ISTIO_SYSTEM,)
    rights = {
        *_rights((*READ, *WRITE), "", "namespaces"),
        *_rights(("get",), "apiextensions.k8s.io", "customresourcedefinitions"),
        *_rights((*READ, *WRITE), SAIL, "istios", "istiocnis"),
        *_rights(READ, SAIL, "istiorevisions"),
        *_rights(("patch",), SAIL, "istiorevisions"),
        *_rights(READ, ADMISSION, "mutatingwebhookconfigurations"),
        *_rights(("list",), "", "nodes"),
        *_rights((*READ, *WRITE), "apps", "deployments", namespaces=both),
        *_rights(("list", "watch"), "apps", "daemonsets", namespaces=(CNI_NAMESPACE,)),
        *_rights((*READ, *WRITE), "", "services", namespaces=both),
        *_rights((*READ, *WRITE), "", "serviceaccounts", namespaces=both),
        *_rights((*READ, *WRITE), "", "secrets", namespaces=both),
        *_rights(READ, "", "configmaps", namespaces=both),
        *_rights(("list", "create"), "", "pods", namespaces=both),
        *_rights(("create", "patch"), RBAC, "roles", "rolebindings", namespaces=both),
        *_rights(("create", "patch"), "policy", "poddisruptionbudgets", namespaces=both),
        *_rights(("create", "patch"), "autoscaling", "horizontalpodautoscalers", namespaces=both),
        *_rights(("get", "create", "update", "delete"), "coordination.k8s.io", "leases", namespaces=(LOCK_NAMESPACE,)),
    }
    if cluster == mesh.primary:
        rights |= {
            *_rights(("create", "patch"), ISTIO, "gateways", "virtualservices", namespaces=both),
            # Over a WebSocket Kubernetes asks for `get` up to 1.34, and for `create` too from 1.35 on.
            *_rights(("get", "create"), "", "pods/exec", namespaces=both),
            *_rights(("delete",), "", "secrets", namespaces=both),
        }
    return frozenset(rights)


def _rights(
    verbs: tuple[str, ...], group: str, *resources: str, namespaces: tuple[str, ...] = ("",)
) -> Iterator[Right]:
    for resource, verb, namespace in product(resources, verbs, namespaces):
        yield Right(verb, group, resource, namespace)


def missing(client: Client, wanted: frozenset[Right]) -> tuple[Right, ...]:
    """Return the rights the user does not have. An administrator is found out by a single question."""
    if client.allowed("*", "*", "*"):
        return ()
    return tuple(right for right in sorted(wanted) if not _allowed(client, right))


def _allowed(client: Client, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    return client.allowed(right.verb, resource, right.group, right.namespace, subresource)
