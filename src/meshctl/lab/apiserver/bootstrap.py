"""What is in a cluster before anybody writes to it: its namespaces, its own Service, the roles everybody counts on."""

import uuid
from collections.abc import Iterator

from meshctl import names
from meshctl.lab.apiserver import defaults
from meshctl.lab.apiserver.addresses import Addresses
from meshctl.lab.apiserver.owners import Owner, difference
from meshctl.lab.apiserver.resources import Catalog
from meshctl.lab.apiserver.store import Store
from meshctl.lab.apiserver.writes import finished
from meshctl.objects import Kind, Manifest

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_SEEN = [
    "configmaps",
    "endpoints",
    "events",
    "persistentvolumeclaims",
    "pods",
    "pods/log",
    "pods/status",
    "replicationcontrollers",
    "serviceaccounts",
    "services",
    "services/status",
]
_HIDDEN = ["secrets", "pods/exec", "pods/portforward", "pods/eviction", "serviceaccounts/token"]
"""What only those may see who may also write."""
_RBAC_LABEL = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def fill(store: Store, addresses: Addresses, now: str) -> None:
    """Put the first objects into an empty store."""
    catalog = Catalog()
    for kind, obj in _objects():
        resource = catalog.find(kind.group, kind.version, kind.plural)
        metadata = {**obj["metadata"], "uid": str(uuid.uuid4()), "creationTimestamp": now}
        full = defaults.fill(
            kind.name, {"apiVersion": kind.api_version, "kind": kind.name, **obj, "metadata": metadata}
        )
        if kind == names.SERVICE:
            full = {**addresses.complete(full, None), "status": {"loadBalancer": {}}}
        if resource is not None:
            owner = Owner("kube-apiserver", "Update", kind.api_version, "", now, frozenset())
            written = {
                key: value for key, value in full.items() if key not in ("spec", "status") or kind == names.SERVICE
            }
            fields = difference({}, written, resource.shape).touched
            owners = (Owner(owner.manager, "Update", owner.api_version, "", now, fields),)
            store.put(kind.resource, finished(full, owners), owners)


def _objects() -> Iterator[tuple[Kind, Manifest]]:
    for name in NAMESPACES:
        yield (
            names.NAMESPACE,
            {
                "metadata": {"name": name},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            },
        )
    labels = {"component": "apiserver", "provider": "kubernetes"}
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}
    yield (
        names.SERVICE,
        {
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
            "spec": {"clusterIP": "10.96.0.1", "ports": [port]},
        },
    )
    for name, rules in _roles().items():
        yield names.CLUSTER_ROLE, {"metadata": {"name": name, "labels": _RBAC_LABEL}, "rules": rules}
    for name, role, group in (
        ("cluster-admin", "cluster-admin", "system:masters"),
        ("system:basic-user", "system:basic-user", "system:authenticated"),
        ("system:discovery", "system:discovery", "system:authenticated"),
        ("system:public-info-viewer", "system:public-info-viewer", "system:authenticated"),
        ("system:public-info-viewer-anonymous", "system:public-info-viewer", "system:unauthenticated"),
    ):
        yield (
            names.CLUSTER_ROLE_BINDING,
            {
                "metadata": {"name": name, "labels": _RBAC_LABEL},
                "roleRef": {"apiGroup": names.CLUSTER_ROLE.group, "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "Group", "name": group}],
            },
        )


def _roles() -> dict[str, list[Manifest]]:
    every = ["*"]
    reviews = ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]
    groups = ["apps", "autoscaling", "batch", "policy", "networking.k8s.io", "discovery.k8s.io"]
    info = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
    discovery = [*info, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]
    return {
        "cluster-admin": [
            {"apiGroups": every, "resources": every, "verbs": every},
            {"nonResourceURLs": every, "verbs": every},
        ],
        "edit": [
            {"apiGroups": [""], "resources": [*_SEEN, *_HIDDEN], "verbs": [*_READ, *_WRITE]},
            {"apiGroups": groups, "resources": every, "verbs": [*_READ, *_WRITE]},
        ],
        "view": [
            {"apiGroups": [""], "resources": [*_SEEN, "namespaces"], "verbs": _READ},
            {"apiGroups": groups, "resources": every, "verbs": _READ},
        ],
        "system:auth-delegator": [
            {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
            {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
        ],
        "system:basic-user": [
            {"apiGroups": ["authorization.k8s.io"], "resources": reviews, "verbs": ["create"]},
            {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
        ],
        "system:discovery": [{"nonResourceURLs": discovery, "verbs": ["get"]}],
        "system:public-info-viewer": [{"nonResourceURLs": info, "verbs": ["get"]}],
    }
