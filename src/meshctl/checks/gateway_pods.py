"""Whether the pods behind a gateway are what istiod's webhook makes of them, and if not, why not."""

from meshctl.checks.probes import is_injected, running
from meshctl.conditions import condition_of, rolled_out
from meshctl.names import GATEWAY_DEPLOYMENT, GATEWAY_PODS, ISTIO_SYSTEM, POD
from meshctl.objects import Manifest, Verdict, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster, MeshSpec

NORMAL = ("ContainerCreating", "PodInitializing")


def gateway_up(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> Verdict:
    """Ask whether the gateway is rolled out and every running pod of it injected; `image: auto` means that none is."""
    client = clients[cluster.name]
    deployment = client.get(GATEWAY_DEPLOYMENT)
    pods = client.list(POD, ISTIO_SYSTEM, labels=GATEWAY_PODS)
    bare = [pod["metadata"]["name"] for pod in running(pods) if not is_injected(pod)]
    if bare:
        return Verdict(met=False, detail=f"not injected: {', '.join(bare)}")
    state = rolled_out(deployment)
    if state.met:
        count = len(running(pods))
        return Verdict(
            met=count > 0, detail=f"{count} injected gateway pod(s)" if count else "no gateway pod is running"
        )
    why = next(filter(None, (obstacle(pod, mesh, cluster) for pod in pods)), "")
    return Verdict(met=False, detail=f"{state.detail}; {why}" if why else state.detail)


def obstacle(pod: Manifest, mesh: MeshSpec, cluster: Cluster) -> str:
    """Return what keeps a gateway pod from being ready, empty when nothing does or nothing can be seen."""
    name = dig(pod, "metadata", "name")
    if dig(pod, "metadata", "deletionTimestamp") or condition_of(pod, "Ready").get("status") == "True":
        return ""
    scheduled = condition_of(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{name} finds no node: {scheduled.get('message')}"
    states = [dig(one, "state", "waiting") or {} for one in dig(pod, "status", "containerStatuses") or []]
    waiting = next((one for one in states if one.get("reason") and one["reason"] not in NORMAL), None)
    if waiting:
        return f"{name}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    if dig(pod, "status", "phase") != "Running":
        return ""
    way = "" if cluster == mesh.primary else f", by port 15012 of {mesh.primary.name}'s gateway: is that reachable?"
    return f"{name} runs, but its proxy still waits for istiod{way}"
