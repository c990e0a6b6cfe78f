"""The last resort: taking the operator's finalizers away when there is no operator any more to do it."""

import time

from meshctl.checks.inventory import PART_OF, is_anothers, listed, ref_of
from meshctl.checks.survey import operator_running
from meshctl.errors import RefusedError
from meshctl.names import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    MUTATING_WEBHOOK,
    NETWORK_ATTACHMENT,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Kind, Ref, dig
from meshctl.plan import Act, Clients, Note
from meshctl.spec import Cluster, MeshSpec

FINALIZER = "sailoperator.io/sail-operator"
GLANCE = 10.0


def rescue(mesh: MeshSpec, cluster: Cluster, kind: Kind) -> Act:
    """Delete this mesh's objects of a kind, and release them from the operator's finalizer, if it is provably gone.

    One that comes back as soon as a cluster is expected to answer does the work itself, and better.
    """
    patience = mesh.timeouts.contact

    def do(clients: Clients) -> Note | None:
        client = clients[cluster.name]
        doomed = [
            ref_of(kind, obj)
            for obj in listed(client, kind)
            if FINALIZER in (dig(obj, "metadata", "finalizers") or []) and not is_anothers(kind, obj)
        ]
        if not doomed:
            return None
        for ref in doomed:
            client.delete(ref)
        give_up = time.monotonic() + patience
        while time.monotonic() < give_up:
            if operator_running(client):
                return Note("the operator runs: it releases what is deleted itself")
            if not any(client.get(ref) for ref in doomed):
                return None
            time.sleep(min(GLANCE, max(0.0, give_up - time.monotonic())))
        if operator_running(client):
            msg = f"{cluster.name}: the operator came back; its finalizers are its own"
            raise RefusedError(msg, hint="run teardown again")
        released = [ref for ref in doomed if release(clients, cluster, ref)]
        sweep(clients, cluster)
        return Note(f"no operator: released {', '.join(map(str, released))} from {FINALIZER}", warning=True)

    return Act("release what a vanished operator holds", do, timeout=patience * 3)


def release(clients: Clients, cluster: Cluster, ref: Ref) -> bool:
    """Take the operator's finalizer, and no other, from an object that is being deleted."""
    client = clients[cluster.name]
    obj = client.get(ref)
    if obj is None or not dig(obj, "metadata", "deletionTimestamp"):
        return False
    others = [one for one in dig(obj, "metadata", "finalizers") or [] if one != FINALIZER]
    client.merge(ref, {"metadata": {"finalizers": others}})
    return True


def sweep(clients: Clients, cluster: Cluster) -> None:
    """Delete what the operator's uninstall would have: cluster-scoped objects by label; namespaces take the rest."""
    client = clients[cluster.name]
    for kind in (MUTATING_WEBHOOK, VALIDATING_WEBHOOK, CLUSTER_ROLE, CLUSTER_ROLE_BINDING):
        for obj in listed(client, kind, labels=f"{PART_OF},managed-by=sail-operator"):
            client.delete(ref_of(kind, obj))
    for obj in listed(client, NETWORK_ATTACHMENT, "default", "managed-by=sail-operator"):
        client.delete(ref_of(NETWORK_ATTACHMENT, obj))
