"""Deployments: a ReplicaSet per template, pods moved from the old ones to the new."""

from datetime import UTC, datetime

from meshctl.lab.api import Api
from meshctl.lab.controllers import kubernetes_rollout as rollout
from meshctl.lab.controllers.reconciling import Feed, Key, owner_key, reconcile
from meshctl.lab.controllers.shapes import (
    annotations_of,
    controlled_by,
    deleting,
    labels_of,
    name_of,
    ref_to,
)
from meshctl.lab.delays import Delays
from meshctl.lab.sites import Site, World
from meshctl.names import DEPLOYMENT, REPLICA_SET
from meshctl.objects import Manifest, Ref, dig

PROGRESS_DEADLINE = 600.0
HISTORY = 10


async def run(world: World, site: Site) -> None:
    """Keep every Deployment of a cluster rolled out."""
    api = site.api("kube-controller-manager")

    async def look(key: Key) -> float | None:
        return await _look(api, Ref(DEPLOYMENT, key[1], key[0]), world.delays)

    await reconcile(api, [Feed(DEPLOYMENT), Feed(REPLICA_SET, owner_key(DEPLOYMENT))], look)


async def _look(api: Api, ref: Ref, delays: Delays) -> float | None:
    deployment = await api.get(ref)
    if deployment is None or deleting(deployment):
        return None
    sets = [s for s in await api.list(REPLICA_SET, ref.namespace) if controlled_by(s, deployment)]
    new = rollout.current(deployment, sets)
    if new is None:
        new = await api.create(rollout.new_replica_set(deployment, rollout.next_revision(sets)))
        sets.append(new)
    new = await _newest(api, deployment, sets, new)
    targets = rollout.plan(deployment, sets, new)
    for replica_set in sets:
        await _scale(api, deployment, replica_set, targets[name_of(replica_set)])
    await _forget(api, sets, new)
    deadline = PROGRESS_DEADLINE / delays.speed if delays.speed > 0 else PROGRESS_DEADLINE
    status = rollout.status(deployment, sets, new, datetime.now(UTC), deadline)
    if status != deployment.get("status"):
        await api.update_status({**deployment, "status": status})
    settled = status["conditions"][1]["reason"] != "ReplicaSetUpdated"
    return None if settled else deadline + 1


async def _newest(api: Api, deployment: Manifest, sets: list[Manifest], new: Manifest) -> Manifest:
    """Give the ReplicaSet of the present template the highest revision, also when it is one that came back."""
    revision = annotations_of(new).get(rollout.REVISION, "1")
    others = [s for s in sets if name_of(s) != name_of(new)]
    highest = str(rollout.next_revision(others))
    if others and int(revision) < int(highest):
        revision = highest
        new = await api.merge(ref_to(REPLICA_SET, new), {"metadata": {"annotations": {rollout.REVISION: revision}}})
        sets[:] = [*others, new]
    if annotations_of(deployment).get(rollout.REVISION) != revision:
        patched = await api.merge(
            ref_to(DEPLOYMENT, deployment), {"metadata": {"annotations": {rollout.REVISION: revision}}}
        )
        deployment["metadata"] = patched["metadata"]
    return new


async def _scale(api: Api, deployment: Manifest, replica_set: Manifest, replicas: int) -> None:
    wanted = rollout.wanted_replicas(deployment)
    notes = {
        rollout.DESIRED: str(wanted),
        rollout.MAXIMUM: str(wanted + rollout.limits(deployment).surge),
    }
    known = annotations_of(replica_set)
    if rollout.wanted_replicas(replica_set) == replicas and notes.items() <= known.items():
        return
    patch = {"metadata": {"annotations": notes}, "spec": {"replicas": replicas}}
    replica_set.update(await api.merge(ref_to(REPLICA_SET, replica_set), patch))


async def _forget(api: Api, sets: list[Manifest], new: Manifest) -> None:
    """Delete empty ReplicaSets beyond the history."""
    empty = [
        s
        for s in sets
        if labels_of(s) != labels_of(new) and not rollout.wanted_replicas(s) and not dig(s, "status", "replicas")
    ]
    empty.sort(key=lambda s: int(annotations_of(s).get(rollout.REVISION, "0")))
    for replica_set in empty[: max(0, len(empty) - HISTORY)]:
        await api.delete(ref_to(REPLICA_SET, replica_set))
