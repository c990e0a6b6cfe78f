"""What a cluster is like, asked before anything is written."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from meshctl.checks.rights import Right, missing
from meshctl.cluster import Client
from meshctl.errors import ConflictError, ForbiddenError, InvalidError, MeshctlError, NotFoundError, StoppedError
from meshctl.names import CACERTS, CRD, DEPLOYMENT, ISTIO, ISTIO_CNI, LEASE, LOCK_NAMESPACE, NAMESPACE, NODE, THE_ISTIO
from meshctl.objects import Kind, Manifest, Ref, dig
from meshctl.plan import Clients

OPERATOR_LABEL = "app.kubernetes.io/component=sail-operator"
KUBE_SYSTEM = Ref(NAMESPACE, "kube-system")
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Survey:
    """One cluster as it was found.

    `versions` holds what each CRD accepts, by kind: an empty set when it does not say, None when there is no CRD.
    `operator` says whether a Sail operator runs, None when none is to be seen. `clock` is by how many seconds the
    server's clock is ahead of this machine's.
    """

    cluster: str
    server: str
    version: str
    uid: str
    versions: dict[str, frozenset[str] | None]
    cacerts: Manifest | None
    istio: Manifest | None
    nodes: tuple[Manifest, ...]
    missing_rights: tuple[Right, ...]
    operator: bool | None = None
    clock: float = 0.0


def survey(client: Client, wanted: frozenset[Right]) -> Survey:
    """Ask one cluster everything; raises what the API server refuses, except what counts as an answer."""
    version = client.version()  # first of all: whoever does not answer this answers nothing
    lacking = missing(client, wanted)
    cacerts, hidden = visible(client, CACERTS)
    return Survey(
        cluster=client.cluster,
        server=client.server(),
        version=version,
        uid=str(dig(_unless_forbidden(lambda: client.get(KUBE_SYSTEM), None), "metadata", "uid") or ""),
        versions={kind.name: accepted(client, kind) for kind in (ISTIO, ISTIO_CNI)},
        cacerts=cacerts,
        istio=existing_istio(client),
        nodes=tuple(_unless_forbidden(lambda: client.list(NODE), [])),
        missing_rights=tuple(sorted({*lacking, *hidden})),
        operator=_unless_forbidden(lambda: operator_running(client), None),
        clock=clock_offset(client),
    )


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


def _unless_forbidden(ask: Callable[[], T], otherwise: T) -> T:
    # What the user may not see is reported as a missing right, once.
    try:
        return ask()
    except ForbiddenError:
        return otherwise


def accepted(client: Client, kind: Kind) -> frozenset[str] | None:
    """Return the versions that the CRD of a kind accepts, none when it does not say; None when it is not served."""
    try:
        crd = client.get(Ref(CRD, kind.resource))
    except ForbiddenError:
        return frozenset()
    served = [v for v in dig(crd, "spec", "versions") or [] if v.get("name") == kind.version and v.get("served")]
    if not served:
        return None
    field = dig(served[0], "schema", "openAPIV3Schema", "properties", "spec", "properties", "version", "enum")
    return frozenset(map(str, field or ()))


def operator_running(client: Client) -> bool | None:
    """Say whether a Sail operator runs: True, False (installed, nothing ready), None (not installed)."""
    deployments = client.list(DEPLOYMENT, labels=OPERATOR_LABEL)
    if not deployments:
        return None
    return any((dig(one, "status", "readyReplicas") or 0) > 0 for one in deployments)


def node_address(nodes: tuple[Manifest, ...]) -> str:
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
