"""ReplicaSets: as many pods as wanted, again and again while an admission webhook refuses them."""

import asyncio
from dataclasses import dataclass, field

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.journal import Journal
from meshctl.lab.controllers.kubernetes_rollout import wanted_replicas
from meshctl.lab.controllers.reconciling import Feed, Key, owner_key, reconcile
from meshctl.lab.controllers.shapes import (
    controlled_by,
    deleting,
    name_of,
    namespace_of,
    owner_reference,
    pod_ready,
    ref_to,
    stamp,
    uid_of,
    with_conditions,
)
from meshctl.lab.delays import Delays
from meshctl.lab.sites import Site, World
from meshctl.names import POD, REPLICA_SET
from meshctl.objects import Kind, Manifest, Ref, dig

BACKOFF_FIRST = 1.0
BACKOFF_LAST = 1000.0
WITHOUT_DELAYS = 0.02
"""What the first retry takes in a lab without delays, so that a refusal does not become a busy loop."""


def backoff(failures: int, delays: Delays) -> float:
    """Return after how many seconds to try again, after so many failures in a row."""
    if delays.speed > 0:
        return delays.of(min(BACKOFF_FIRST * 2 ** (failures - 1), BACKOFF_LAST))
    return float(min(WITHOUT_DELAYS * 2 ** (failures - 1), BACKOFF_FIRST))


def pod_of(kind: Kind, owner: Manifest, template: Manifest) -> Manifest:
    """Return a new pod of a ReplicaSet or DaemonSet."""
    meta = template.get("metadata") or {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{name_of(owner)}-",
            "namespace": namespace_of(owner),
            "labels": dict(meta.get("labels") or {}),
            "annotations": dict(meta.get("annotations") or {}),
            "ownerReferences": [owner_reference(kind, owner)],
        },
        "spec": dict(template.get("spec") or {}),
    }


def surplus(pods: list[Manifest], wanted: int) -> list[Manifest]:
    """Return the pods to delete: those that do not work yet first, then the youngest."""

    def worth(pod: Manifest) -> tuple[bool, bool]:
        return bool(dig(pod, "spec", "nodeName")), pod_ready(pod)

    oldest_first = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    keep_first = sorted(oldest_first, key=worth, reverse=True)
    return keep_first[wanted:]


def status(replica_set: Manifest, pods: list[Manifest], failure: str, now: str) -> Manifest:
    """Return a ReplicaSet's status; `failure` is why the last pod could not be made."""
    ready = sum(pod_ready(pod) for pod in pods)
    numbers = {"fullyLabeledReplicas": len(pods), "readyReplicas": ready, "availableReplicas": ready}
    result: Manifest = {
        "replicas": len(pods),
        "observedGeneration": replica_set["metadata"].get("generation", 1),
        **{name: number for name, number in numbers.items() if number},
    }
    if failure:
        refused = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": failure}
        result["conditions"] = with_conditions(dig(replica_set, "status", "conditions") or (), [refused], now)
    return result


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why the last pod could not be made, how often in a row, and when to try again (on the event loop's clock)."""

    message: str
    times: int
    until: float


@dataclass(slots=True)
class _Keeper:
    api: Api
    delays: Delays
    journal: Journal
    refusals: dict[str, _Refusal] = field(default_factory=dict)

    async def look(self, key: Key) -> float | None:
        replica_set = await self.api.get(Ref(REPLICA_SET, key[1], key[0]))
        if replica_set is None or deleting(replica_set):
            return None
        owned = [p for p in await self.api.list(POD, key[0]) if controlled_by(p, replica_set)]
        pods = [p for p in owned if not deleting(p)]
        wanted = wanted_replicas(replica_set)
        await self._grow(replica_set, pods, wanted)
        for pod in surplus(pods, wanted):
            await self.api.delete(ref_to(POD, pod))
            pods.remove(pod)
        refusal = self.refusals.get(uid_of(replica_set))
        state = status(replica_set, pods, refusal.message if refusal else "", stamp())
        if state != replica_set.get("status"):
            await self.api.update_status({**replica_set, "status": state})
        return max(0.0, refusal.until - asyncio.get_running_loop().time()) if refusal else None

    async def _grow(self, replica_set: Manifest, pods: list[Manifest], wanted: int) -> None:
        uid, now = uid_of(replica_set), asyncio.get_running_loop().time()
        before = self.refusals.get(uid)
        if before is not None and now < before.until and len(pods) < wanted:
            return
        self.refusals.pop(uid, None)
        while len(pods) < wanted:
            try:
                pod = await self.api.create(
                    pod_of(REPLICA_SET, replica_set, dig(replica_set, "spec", "template") or {})
                )
            except ApiError as error:
                times = min(before.times + 1, 20) if before else 1
                until = asyncio.get_running_loop().time() + backoff(times, self.delays)
                self.refusals[uid] = _Refusal(error.message, times, until)
                await self.journal.tell(REPLICA_SET, replica_set, "FailedCreate", f"Error creating: {error.message}")
                return
            await self.journal.tell(
                REPLICA_SET, replica_set, "SuccessfulCreate", f"Created pod: {name_of(pod)}", warning=False
            )
            pods.append(pod)


async def run(world: World, site: Site) -> None:
    """Keep every ReplicaSet of a cluster at its number of pods."""
    api = site.api("kube-controller-manager")
    keeper = _Keeper(api, world.delays, Journal(api, "replicaset-controller"))
    await reconcile(api, [Feed(REPLICA_SET), Feed(POD, owner_key(REPLICA_SET))], keeper.look)
