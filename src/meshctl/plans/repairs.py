"""Small repairs that a run makes on its way, so that running it again is the cure for a run that was cut short.

Each asks first what is to be done, and does that: so `meshctl plan` can say it without doing it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from meshctl.checks.probes import is_injected, is_leaving, istiod_views
from meshctl.cluster import Client
from meshctl.conditions import ca_bundle_set, condition_of
from meshctl.names import GATEWAY_DEPLOYMENT, GATEWAY_PODS, INJECTOR, ISTIO_SYSTEM, POD, remote_secret
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Act, Clients, Note
from meshctl.spec import Cluster, MeshSpec

NUDGE = "meshctl.io/nudge"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def nudge(cluster: Cluster, *refs: Ref) -> Act:
    """Wake an operator that backs off after an error (up to 1000 s) by a change that leaves no trace."""

    def stuck(clients: Clients) -> list[Ref]:
        return [ref for ref in refs if in_error(clients[cluster.name].get(ref))]

    def do(clients: Clients) -> Note | None:
        client, found = clients[cluster.name], stuck(clients)
        for ref in found:
            client.merge(ref, {"metadata": {"annotations": {NUDGE: "now"}}})
            client.merge(ref, {"metadata": {"annotations": {NUDGE: None}}})
        return (
            Note(f"nudged {', '.join(map(str, found))}: the operator was backing off after an error") if found else None
        )

    def foresee(clients: Clients) -> str:
        found = ", ".join(map(str, stuck(clients)))
        return f"nudge {found}: the operator backs off after an error" if found else ""

    return Act("nudge the operator if it backs off", do, foresee=foresee)


def in_error(obj: Manifest | None) -> bool:
    """Say whether the operator has given an error as its last word on this object."""
    return condition_of(obj, "Reconciled").get("reason") == "ReconcileError"


def forget_unled(mesh: MeshSpec, remote: Cluster) -> Act:
    """Delete a remote secret that istiod read before the namespace was annotated, so that it is read anew.

    istiod looks at the annotation only when it takes up a cluster: without it, it says `synced` and never writes its
    root into the webhook, and no later annotation helps.
    """
    secret = remote_secret(remote.name)

    def read_too_early(clients: Clients) -> bool:
        primary = clients[mesh.primary.name]
        webhook = clients[remote.name].get(INJECTOR)
        if webhook is None or ca_bundle_set(webhook).met or primary.get(secret) is None:
            return False
        views = istiod_views(primary)
        return any(known.get(remote.name, {}).get("syncStatus") == "synced" for known in views.values())

    def do(clients: Clients) -> Note | None:
        if not read_too_early(clients):
            return None
        clients[mesh.primary.name].delete(secret)
        return Note(f"istiod took up {remote.name} before it was allowed to lead there: its secret is made anew")

    def foresee(clients: Clients) -> str:
        return (
            f"make {secret} anew: istiod read it before it was allowed to lead there" if read_too_early(clients) else ""
        )

    return Act("make istiod read a secret again that it read too early", do, foresee=foresee)


@dataclass(frozen=True, slots=True)
class GatewayState:
    """What is wrong with a gateway that applying it does not mend. `refused` is since when its pods are refused."""

    bare: tuple[Manifest, ...]
    scaled_to_zero: bool
    refused: str


def gateway_state(client: Client) -> GatewayState:
    """Look at the pods of a gateway, and at its Deployment."""
    pods = client.list(POD, ISTIO_SYSTEM, labels=GATEWAY_PODS)
    deployment = client.get(GATEWAY_DEPLOYMENT)
    failure = condition_of(deployment, "ReplicaFailure")
    return GatewayState(
        bare=tuple(pod for pod in pods if not is_injected(pod) and not is_leaving(pod)),
        scaled_to_zero=dig(deployment, "spec", "replicas") == 0,
        refused=str(failure.get("lastTransitionTime", "now")) if failure.get("status") == "True" else "",
    )


def recycle_gateway(cluster: Cluster) -> Act:
    """Replace gateway pods that were made without the webhook; restart a Deployment whose pods were refused."""

    def do(clients: Clients) -> Note | None:
        client = clients[cluster.name]
        found = gateway_state(client)
        for pod in found.bare:
            client.delete(Ref(POD, pod["metadata"]["name"], ISTIO_SYSTEM), uid=pod["metadata"]["uid"])
        if found.scaled_to_zero:
            # The autoscaler leaves a Deployment alone that has been scaled to zero.
            client.merge(GATEWAY_DEPLOYMENT, {"spec": {"replicas": 1}})
            return Note("the gateway had been scaled to zero: started one pod")
        if found.refused:
            restart = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: found.refused}}}}}
            client.merge(GATEWAY_DEPLOYMENT, restart)
            return Note("restarted the gateway: its pods had been refused")
        bare = len(found.bare)
        return Note(f"replaced {bare} gateway pod(s) that had not been injected") if bare else None

    def foresee(clients: Clients) -> str:
        found = gateway_state(clients[cluster.name])
        bare = len(found.bare)
        parts = [
            f"replace {bare} gateway pod(s) that were not injected" if bare else "",
            "start a pod of the gateway, which is scaled to zero" if found.scaled_to_zero else "",
            "restart the gateway, whose pods are refused" if found.refused and not found.scaled_to_zero else "",
        ]
        return "; ".join(filter(None, parts))

    return Act("replace gateway pods that were not injected", do, foresee=foresee)


def restart_gateway(cluster: Cluster) -> Act:
    """Restart the gateway, whose pods were injected for another cluster."""

    def do(clients: Clients) -> Note | None:
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        restart = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}}
        clients[cluster.name].merge(GATEWAY_DEPLOYMENT, restart)
        return Note("restarted the gateway: its pods had another cluster's name")

    return Act("restart the gateway", do)
