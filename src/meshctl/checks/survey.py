"""Single questions to a cluster, and how all clusters are asked at the same time."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from meshctl.checks.rights import Right
from meshctl.cluster import Client
from meshctl.errors import ConflictError, ForbiddenError, InvalidError, MeshctlError, NotFoundError, StoppedError
from meshctl.names import DEPLOYMENT, LEASE, LOCK_NAMESPACE, NAMESPACE, THE_ISTIO
from meshctl.objects import Kind, Manifest, Ref, dig
from meshctl.plan import Clients

OPERATOR_LABEL = "app.kubernetes.io/component=sail-operator"
KUBE_SYSTEM = Ref(NAMESPACE, "kube-system")
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
T = TypeVar("T")


def visible(client: Client, ref: Ref) -> tuple[Manifest | None, tuple[Right, ...]]:
    """Return an object and the right that was missing to see it: what a review grants may be refused all the same."""
    try:
        return client.get(ref), ()
    except ForbiddenError:
        return None, (Right("get", ref.kind.group, ref.kind.plural, ref.namespace),)


def clock_offset(client: Client) -> float:
    """Return by how many seconds a server's clock is ahead, from the date it would give a new object."""
    metadata = {"name": "meshctl-clock", "namespace": LOCK_NAMESPACE}
    lease: Manifest = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata}
    before = time.time()
    try:
        made = client.create(lease, dry_run=True)
    except (ForbiddenError, InvalidError, ConflictError):
        return 0.0
    stamp = str(dig(made, "metadata", "creationTimestamp") or "")
    try:
        return datetime.fromisoformat(stamp).timestamp() - (before + time.time()) / 2
    except ValueError:
        return 0.0


def existing_istio(client: Client) -> Manifest | None:
    """Return the Istio that is there; what may not be seen, or is not served, is not there."""
    try:
        return client.get(THE_ISTIO)
    except (ForbiddenError, NotFoundError):
        return None  # no right, or no operator: each is told by itself


def accepted(crd: Manifest | None, kind: Kind) -> frozenset[str] | None:
    """Return the versions that a kind's CRD accepts, none when it does not say; None when the kind is not served."""
    found = version_field(crd, kind)
    return None if found is None else frozenset(map(str, found.get("enum") or ()))


def version_field(crd: Manifest | None, kind: Kind) -> Manifest | None:
    """Return the schema of `spec.version`, empty when there is none; None when the kind is not served."""
    served = [v for v in dig(crd, "spec", "versions") or [] if v.get("name") == kind.version and v.get("served")]
    if not served:
        return None
    path = ("schema", "openAPIV3Schema", "properties", "spec", "properties", "version")
    found: Manifest = dig(served[0], *path) or {}
    return found


def operators(client: Client) -> list[Manifest]:
    """Return the Deployments of Sail operators, in whatever namespace."""
    return client.list(DEPLOYMENT, labels=OPERATOR_LABEL)


def running(deployments: Iterable[Manifest]) -> bool | None:
    """Say whether one of these runs: True, False (there, but nothing ready), None (there is none)."""
    ready = [(dig(one, "status", "readyReplicas") or 0) > 0 for one in deployments]
    return any(ready) if ready else None


def operator_running(client: Client) -> bool | None:
    """Say whether a Sail operator runs: True, False (installed, nothing ready), None (not installed)."""
    return running(operators(client))


def node_address(nodes: Iterable[Manifest]) -> str:
    """Return the InternalIP of a control-plane node, empty when there is none to see (a managed cluster)."""
    for node in nodes:
        if CONTROL_PLANE in (dig(node, "metadata", "labels") or {}):
            for address in dig(node, "status", "addresses") or []:
                if address.get("type") == "InternalIP":
                    return str(address.get("address"))
    return ""


def of_all(clients: Clients, ask: Callable[[Client], T]) -> dict[str, T | MeshctlError]:
    """Ask all clusters at the same time; what one answers, or why it could not, by cluster name."""

    def asked(client: Client) -> T | MeshctlError:
        try:
            return ask(client)
        except StoppedError:
            raise
        except MeshctlError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, len(clients))) as pool:
        return dict(zip(clients, pool.map(asked, clients.values()), strict=True))
