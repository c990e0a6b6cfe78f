"""The rights meshctl needs, as data: what its commands really ask of an API server."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from meshctl.checks.catalog.preflight.rights import RIGHT_MISSING
from meshctl.checks.finding import Finding, found
from meshctl.names import CNI_NAMESPACE, ISTIO_SYSTEM, LOCK_NAMESPACE
from meshctl.spec import Cluster, Kernel, MeshSpec


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource; an empty namespace means all of them, or a cluster-scoped resource.

    `resource` may have a subresource, as in `pods/exec`. `name` is set where the verb on one object is enough.
    """

    verb: str
    group: str
    resource: str
    namespace: str = ""
    name: str = ""

    def __str__(self) -> str:
        resource = f"{self.resource}.{self.group}" if self.group else self.resource
        named = f" called {self.name}" if self.name else ""
        return f"{self.verb} {resource}{named}" + (f" in {self.namespace}" if self.namespace else "")


Rights = frozenset[Right]

READ = ("get", "list", "watch")
WRITE = ("create", "patch")
FOLLOW = ("list", "watch")
REMOVE = (*FOLLOW, "delete")
EXEC = ("get", "create")
"""Over a WebSocket Kubernetes asks for `get` on pods/exec up to 1.34, and for `create` too from 1.35 on."""

RBAC, ADMISSION = "rbac.authorization.k8s.io", "admissionregistration.k8s.io"
SAIL, ISTIO = "sailoperator.io", "networking.istio.io"


def install_rights(mesh: MeshSpec, cluster: Cluster) -> Rights:
    """Return what `install` needs on one cluster."""
    both = (ISTIO_SYSTEM,)
    rights = {
        *LOCKING,
        *_rights((*FOLLOW, "create"), "", "namespaces"),
        *_named("patch", "namespaces", ISTIO_SYSTEM, CNI_NAMESPACE),
        *_rights(("get",), "apiextensions.k8s.io", "customresourcedefinitions"),
        *_rights((*READ, *WRITE), SAIL, "istios", "istiocnis"),
        *_rights((*READ, "patch"), SAIL, "istiorevisions"),
        *_rights(FOLLOW, ADMISSION, "mutatingwebhookconfigurations"),
        *_rights(("list",), "", "nodes"),
        *_rights((*READ, *WRITE), "apps", "deployments", namespaces=both),
        *_rights(FOLLOW, "apps", "daemonsets", namespaces=(CNI_NAMESPACE,)),
        *_rights((*READ, *WRITE), "", "services", "secrets", namespaces=both),
        *_rights(WRITE, "", "serviceaccounts", namespaces=both),
        *_rights(FOLLOW, "", "configmaps", namespaces=both),
        *_rights(("list", "create", "delete"), "", "pods", namespaces=both),
        # Whoever makes a Role must have what it grants: here get, list and watch of secrets, as above.
        *_rights(WRITE, RBAC, "roles", "rolebindings", namespaces=both),
        *_rights(WRITE, "policy", "poddisruptionbudgets", namespaces=both),
        *_rights(WRITE, "autoscaling", "horizontalpodautoscalers", namespaces=both),
    }
    if cluster == mesh.primary:
        rights |= {
            *_rights(WRITE, ISTIO, "gateways", "virtualservices", namespaces=both),
            *_rights(EXEC, "", "pods/exec", namespaces=both),
            *_rights(("delete",), "", "secrets", namespaces=both),
        }
        if mesh.kernel is not Kernel.NEW:
            rights |= {*_rights(("get",), "", "configmaps", namespaces=both)}
    else:
        rights |= {
            *_rights(("get",), ADMISSION, "mutatingwebhookconfigurations"),
            *_rights(FOLLOW, "", "serviceaccounts", namespaces=both),
        }
    return frozenset(rights)


def plan_rights(mesh: MeshSpec, cluster: Cluster) -> Rights:
    """Return what `plan` needs on one cluster: a dry run asks for what the real one does, and it reads all of it."""
    both, dry = (ISTIO_SYSTEM,), ("get", *WRITE)
    rights = {
        *_rights(("get", "create"), "", "namespaces"),
        *_named("patch", "namespaces", ISTIO_SYSTEM, CNI_NAMESPACE),
        *_rights(("get",), "apiextensions.k8s.io", "customresourcedefinitions"),
        *_rights(dry, SAIL, "istios", "istiocnis"),
        *_rights(("get",), SAIL, "istiorevisions"),
        *_rights(("list",), "", "nodes"),
        *_rights(dry, "apps", "deployments", namespaces=both),
        *_rights(dry, "", "services", "serviceaccounts", "secrets", namespaces=both),
        *_rights(("list",), "", "pods", namespaces=both),
        # Whoever makes a Role must have what it grants, in a dry run as well.
        *_rights(READ, "", "secrets", namespaces=both),
        *_rights(dry, RBAC, "roles", "rolebindings", namespaces=both),
        *_rights(dry, "policy", "poddisruptionbudgets", namespaces=both),
        *_rights(dry, "autoscaling", "horizontalpodautoscalers", namespaces=both),
    }
    if cluster != mesh.primary:
        return frozenset({*rights, *_rights(("get",), ADMISSION, "mutatingwebhookconfigurations")})
    rights |= {
        *_rights(dry, ISTIO, "gateways", "virtualservices", namespaces=both),
        *_rights(EXEC, "", "pods/exec", namespaces=both),
    }
    if mesh.kernel is not Kernel.NEW:
        rights |= {*_rights(("get",), "", "configmaps", namespaces=both)}
    return frozenset(rights)


def remote_secret_rights(mesh: MeshSpec, cluster: Cluster) -> Rights:
    """Return what `remote-secret --apply` needs on one cluster; all of it is among what `install` needs."""
    both = (ISTIO_SYSTEM,)
    rights = {*LOCKING, *_rights(("get",), SAIL, "istios")}
    if cluster == mesh.primary:
        rights |= {
            *_rights(("get", "create", "patch", "delete"), "", "secrets", namespaces=both),
            *_rights(("list",), "", "pods", namespaces=both),
            *_rights(EXEC, "", "pods/exec", namespaces=both),
        }
    else:
        rights |= {
            *_rights(FOLLOW, SAIL, "istios"),
            *_rights(FOLLOW, "", "serviceaccounts", namespaces=both),
            *_rights((*READ, *WRITE), "", "secrets", namespaces=both),
            *_rights(("get",), ADMISSION, "mutatingwebhookconfigurations"),
            *_rights(("list",), "", "nodes"),
        }
    return frozenset(rights)


def survey_rights(mesh: MeshSpec, cluster: Cluster) -> Rights:
    """Return what is looked at before an install besides, to judge more; what may not be seen is not judged."""
    both = (ISTIO_SYSTEM,)
    rights = {
        # Of everybody: which operator runs, whose istiods there are, and whom a load balancer has given an address.
        *_rights(("list",), "apps", "deployments"),
        *_rights(("list",), "", "pods", "services", "namespaces"),
        *_rights(("list",), SAIL, "istiorevisions"),
        *_rights(("list",), ADMISSION, "mutatingwebhookconfigurations"),
        *_rights(("list",), "metallb.io", "ipaddresspools"),
        *_rights(("list",), "", "serviceaccounts", namespaces=both),
        *_rights(("get",), "", "configmaps", namespaces=both),
    }
    if cluster == mesh.primary:
        rights |= {*_rights(("list",), ISTIO, "gateways", "virtualservices", namespaces=both)}
    return frozenset(rights)


def verify_rights(mesh: MeshSpec, *, deploy: bool = True, remove: bool = True, namespace: bool = True) -> Rights:
    """Return what `verify` needs on every cluster.

    It may deploy the samples, remove them again, and do both with their namespace as well, unless that is not its own.
    """
    where = (mesh.sample_namespace,)
    rights = {
        *LOCKING,
        *_rights(("get",), SAIL, "istios"),
        *_rights(("list",), "", "pods", namespaces=where),
        *_rights(EXEC, "", "pods/exec", namespaces=where),
    }
    if deploy:
        rights |= {
            *_rights(("get",), "", "namespaces"),
            *(_sample_namespace(mesh, "patch") if namespace else ()),
            *_rights((*READ, *WRITE), "apps", "deployments", namespaces=where),
            *_rights(("get", *WRITE), "", "services", "serviceaccounts", namespaces=where),
        }
    if deploy and namespace:
        rights |= {*_rights(("create",), "", "namespaces")}
    if deploy and remove:
        rights |= {
            *_removal_of_samples(mesh, namespace=namespace),
            *_rights(("list",), "apps", "deployments", namespaces=where),
            *_rights(("list",), "", "pods", namespaces=where),
        }
    return frozenset(rights)


def explain_rights(mesh: MeshSpec, cluster: Cluster) -> Rights:
    """Return what `verify` needs besides to say why a version does not answer; without them it says so instead."""
    both = (ISTIO_SYSTEM,)
    rights = {
        *_rights(("get",), "", "namespaces"),
        *_rights(("get",), "", "services", namespaces=(ISTIO_SYSTEM, mesh.sample_namespace)),
        *_rights(("get",), "apps", "deployments", namespaces=(ISTIO_SYSTEM, mesh.sample_namespace)),
        *_rights(("list",), "apps", "deployments"),
        *_rights(("list",), "", "pods", namespaces=(ISTIO_SYSTEM, mesh.sample_namespace)),
        *_rights(("create",), "", "pods", namespaces=both),  # as a dry run: is a pod injected?
        *_rights(("get",), "", "configmaps", "serviceaccounts", namespaces=both),
        *_rights(("get", "list"), "", "secrets", namespaces=both),
        *_rights(("get",), "apps", "daemonsets", namespaces=(CNI_NAMESPACE,)),
        *_rights(("get",), SAIL, "istios", "istiocnis"),
        *_rights(("list",), SAIL, "istiorevisions"),
        *_rights(("list",), "discovery.k8s.io", "endpointslices", namespaces=both),
        *_rights(("list",), ISTIO, "gateways", "virtualservices", namespaces=both),
        *_rights(("get",), ADMISSION, "mutatingwebhookconfigurations"),
        *_rights(("list",), ADMISSION, "validatingwebhookconfigurations"),
        *_rights(EXEC, "", "pods/exec", namespaces=both),
    }
    if cluster != mesh.primary:
        rights |= {*_rights(("create",), "authentication.k8s.io", "tokenreviews")}
    return frozenset(rights)


def teardown_rights(
    mesh: MeshSpec,
    cluster: Cluster,
    *,
    keep_system: bool = False,
    keep_namespaces: bool = False,
    rescue: bool = False,
    namespace: bool = True,
) -> Rights:
    """Return what `teardown` needs on one cluster.

    `keep_system` spares istio-system, `keep_namespaces` istio-cni as well; `rescue` releases what an operator that is
    gone still holds; `namespace` removes the samples' namespace, which may be somebody else's.
    """
    both = (ISTIO_SYSTEM,)
    rights = {
        *LOCKING,
        *_removal_of_samples(mesh, namespace=namespace),
        *_rights(READ, "", "namespaces"),
        *_named("delete", "namespaces", *((ISTIO_SYSTEM,) if not keep_system else ())),
        *_named("delete", "namespaces", *((CNI_NAMESPACE,) if not keep_namespaces else ())),
        *_rights(("get", "patch", *REMOVE), SAIL, "istios"),
        *_rights(REMOVE, SAIL, "istiocnis", "istiorevisions"),
        *_rights(("list",), SAIL, "istiorevisiontags"),
        *_rights(FOLLOW, ADMISSION, "mutatingwebhookconfigurations"),
        *_rights(("list",), ADMISSION, "validatingwebhookconfigurations"),
        *_rights(("list",), RBAC, "clusterroles", "clusterrolebindings"),
        # Of everybody: who else lives in the mesh, which operator runs, and istiod's root in every namespace.
        *_rights(("list",), "", "pods"),
        *_rights(("list",), "apps", "deployments"),
        *_rights(REMOVE, "", "configmaps"),
        *_rights(("watch", "delete"), "", "pods", namespaces=(ISTIO_SYSTEM, CNI_NAMESPACE)),
        *_rights(("watch", "delete"), "apps", "deployments", namespaces=both),
        *_rights(READ, "apps", "daemonsets", namespaces=(CNI_NAMESPACE,)),
        *_rights(REMOVE, "", "services", "serviceaccounts", namespaces=both),
        *_rights(REMOVE, RBAC, "roles", "rolebindings", namespaces=both),
        *_rights(REMOVE, "policy", "poddisruptionbudgets", namespaces=both),
        *_rights(REMOVE, "autoscaling", "horizontalpodautoscalers", namespaces=both),
        *_rights(("list",), "coordination.k8s.io", "leases", namespaces=both),
        *_rights(("list",), "k8s.cni.cncf.io", "network-attachment-definitions", namespaces=("default",)),
    }
    if cluster == mesh.primary:
        rights |= {
            *_rights(REMOVE, ISTIO, "gateways", "virtualservices", namespaces=both),
            *_rights(REMOVE, "", "secrets", namespaces=both),
        }
    if keep_system:
        rights |= {
            *_named("patch", "namespaces", ISTIO_SYSTEM),
            *_rights(("delete",), "", "secrets", namespaces=both),
            *_rights(("delete",), "coordination.k8s.io", "leases", namespaces=both),
        }
    if rescue:
        rights |= {
            *_rights(("get", "patch"), SAIL, "istiocnis", "istiorevisions"),
            *_rights(("delete",), ADMISSION, "mutatingwebhookconfigurations", "validatingwebhookconfigurations"),
            *_rights(("delete",), RBAC, "clusterroles", "clusterrolebindings"),
            *_rights(("delete",), "k8s.cni.cncf.io", "network-attachment-definitions", namespaces=("default",)),
        }
    return frozenset(rights)


def _removal_of_samples(mesh: MeshSpec, *, namespace: bool) -> Iterator[Right]:
    """Yield what it takes to remove the samples; `verify` adds the lists that `teardown` makes of whole clusters."""
    where = (mesh.sample_namespace,)
    yield from _rights(("watch", "delete"), "apps", "deployments", namespaces=where)
    yield from _rights(REMOVE, "", "services", "serviceaccounts", namespaces=where)
    yield from _rights(("get", "watch", "delete"), "", "pods", namespaces=where)
    yield from _rights(("get",), "apps", "daemonsets", namespaces=(CNI_NAMESPACE,))
    if namespace:
        yield from _rights(READ, "", "namespaces")
        yield from _sample_namespace(mesh, "delete")


def _sample_namespace(mesh: MeshSpec, verb: str) -> Iterator[Right]:
    return _named(verb, "namespaces", mesh.sample_namespace)


def _rights(
    verbs: tuple[str, ...], group: str, *resources: str, namespaces: tuple[str, ...] = ("",)
) -> Iterator[Right]:
    for resource, verb, namespace in product(resources, verbs, namespaces):
        yield Right(verb, group, resource, namespace)


def _named(verb: str, resource: str, *names: str) -> Iterator[Right]:
    for name in names:
        yield Right(verb, "", resource, name=name)


LOCKING: Rights = frozenset(
    _rights(("get", "create", "update", "delete"), "coordination.k8s.io", "leases", namespaces=(LOCK_NAMESPACE,))
)
"""What the lock of a cluster takes."""


def lacking(cluster: str, rights: tuple[Right, ...]) -> list[Finding]:
    """Return the finding that names every right a user does not have on one cluster, none when there are all."""
    if not rights:
        return []
    text = f"no permission to {'; '.join(map(str, rights))}"
    return [found(RIGHT_MISSING, cluster, text, "ask for these rights, or use another context")]
