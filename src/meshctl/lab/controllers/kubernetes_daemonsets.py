"""DaemonSets: one pod for every node, replaced one by one when the template changes."""

import asyncio

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.journal import Journal
from meshctl.lab.controllers.kubernetes_replicasets import backoff, pod_of
from meshctl.lab.controllers.kubernetes_rollout import template_hash
from meshctl.lab.controllers.reconciling import Feed, Key, Queue, follow, owner_key, reconcile
from meshctl.lab.controllers.shapes import controlled_by, deleting, labels_of, name_of, pod_ready, ref_to
from meshctl.lab.delays import Delays
from meshctl.lab.sites import Site, World
from meshctl.names import DAEMON_SET, NODE, POD
from meshctl.objects import Manifest, Ref, dig

HASH_LABEL = "controller-revision-hash"


def node_wanted_by(pod: Manifest) -> str:
    """Return the node a DaemonSet's pod is made for."""
    required = dig(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    fields = dig(required, "nodeSelectorTerms", 0, "matchFields") or ()
    wanted = next((str(f["values"][0]) for f in fields if f.get("key") == "metadata.name"), "")
    return wanted or str(dig(pod, "spec", "nodeName") or "")


def daemon_pod(daemon_set: Manifest, node: str) -> Manifest:
    """Return the DaemonSet's pod for one node."""
    template = daemon_set["spec"]["template"]
    pod = pod_of(DAEMON_SET, daemon_set, template)
    pod["metadata"]["labels"] = {**pod["metadata"]["labels"], HASH_LABEL: template_hash(template)}
    only = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [only]}}
    pod["spec"]["affinity"] = {"nodeAffinity": required}
    return pod


def fits(daemon_set: Manifest, node: Manifest) -> bool:
    """Say whether a node may carry the DaemonSet's pod."""
    selector = dig(daemon_set, "spec", "template", "spec", "nodeSelector") or {}
    return bool(selector.items() <= labels_of(node).items())


def status(daemon_set: Manifest, nodes: int, pods: list[Manifest]) -> Manifest:
    """Return a DaemonSet's status."""
    ready = sum(pod_ready(pod) for pod in pods)
    newest = template_hash(daemon_set["spec"]["template"])
    updated = sum(labels_of(pod).get(HASH_LABEL) == newest for pod in pods)
    optional = {"updatedNumberScheduled": updated, "numberAvailable": ready, "numberUnavailable": nodes - ready}
    return {
        "currentNumberScheduled": len(pods),
        "desiredNumberScheduled": nodes,
        "numberMisscheduled": 0,
        "numberReady": ready,
        "observedGeneration": daemon_set["metadata"].get("generation", 1),
        **{name: number for name, number in optional.items() if number > 0},
    }


def outdated(daemon_set: Manifest, pods: list[Manifest]) -> Manifest | None:
    """Return the next pod to replace: an old one, as long as all the others work."""
    newest = template_hash(daemon_set["spec"]["template"])
    old = [pod for pod in pods if labels_of(pod).get(HASH_LABEL) != newest]
    broken = [pod for pod in pods if not pod_ready(pod)]
    if not old or any(labels_of(pod).get(HASH_LABEL) == newest for pod in broken):
        return None
    return next((pod for pod in old if pod in broken), old[0])


async def run(world: World, site: Site) -> None:
    """Keep the pods of every DaemonSet of a cluster."""
    api = site.api("kube-controller-manager")
    journal = Journal(api, "daemonset-controller")

    async def look(key: Key) -> float | None:
        return await _look(api, Ref(DAEMON_SET, key[1], key[0]), journal, world.delays)

    async def all_for_nodes(queue: Queue) -> None:
        async for change in follow(api, NODE):
            if change.type != "MODIFIED":
                for daemon_set in await api.list(DAEMON_SET):
                    queue.add((daemon_set["metadata"]["namespace"], name_of(daemon_set)))

    queue = Queue(look)
    async with asyncio.TaskGroup() as group:
        group.create_task(all_for_nodes(queue))
        group.create_task(reconcile(api, [Feed(DAEMON_SET), Feed(POD, owner_key(DAEMON_SET))], look, queue))


async def _look(api: Api, ref: Ref, journal: Journal, delays: Delays) -> float | None:
    daemon_set = await api.get(ref)
    if daemon_set is None or deleting(daemon_set):
        return None
    nodes = [name_of(node) for node in await api.list(NODE) if fits(daemon_set, node)]
    pods = [p for p in await api.list(POD, ref.namespace) if controlled_by(p, daemon_set) and not deleting(p)]
    taken = {node_wanted_by(pod) for pod in pods}
    failed = False
    for node in nodes:
        if node not in taken:
            try:
                pods.append(await api.create(daemon_pod(daemon_set, node)))
            except ApiError as error:
                failed = True
                await journal.tell(DAEMON_SET, daemon_set, "FailedCreate", f"Error creating: {error.message}")
    old = outdated(daemon_set, pods)
    if old is not None and not failed:
        await api.delete(ref_to(POD, old))
    state = status(daemon_set, len(nodes), pods)
    if state != daemon_set.get("status"):
        await api.update_status({**daemon_set, "status": state})
    return backoff(1, delays) if failed else None
