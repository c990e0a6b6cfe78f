"""Small repairs that a run makes on its way, so that running it again is the cure for a run that was cut short."""

from meshctl.checks.probes import is_injected, istiod_views
from meshctl.conditions import ca_bundle_set, condition_of
from meshctl.names import GATEWAY_DEPLOYMENT, GATEWAY_PODS, INJECTOR, ISTIO_SYSTEM, POD, remote_secret
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Act, Clients, Note
from meshctl.spec import Cluster, MeshSpec

NUDGE = "meshctl.io/nudge"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def nudge(cluster: Cluster, *refs: Ref) -> Act:
    """Wake an operator that backs off after an error (up to 1000 s) by a change that leaves no trace."""

    def do(clients: Clients) -> Note | None:
        client = clients[cluster.name]
        stuck = [ref for ref in refs if in_error(client.get(ref))]
        for ref in stuck:
            client.merge(ref, {"metadata": {"annotations": {NUDGE: "now"}}})
            client.merge(ref, {"metadata": {"annotations": {NUDGE: None}}})
        return (
            Note(f"nudged {', '.join(map(str, stuck))}: the operator was backing off after an error") if stuck else None
        )

    return Act("nudge the operator if it backs off", do)


def in_error(obj: Manifest | None) -> bool:
    """Say whether the operator has given an error as its last word on this object."""
    return condition_of(obj, "Reconciled").get("reason") == "ReconcileError"


def forget_unled(mesh: MeshSpec, remote: Cluster) -> Act:
    """Delete a remote secret that istiod read before the namespace was annotated, so that it is read anew.

    istiod looks at the annotation only when it takes up a cluster: without it, it says `synced` and never writes its
    root into the webhook, and no later annotation helps.
    """

    def do(clients: Clients) -> Note | None:
        primary, secret = clients[mesh.primary.name], remote_secret(remote.name)
        webhook = clients[remote.name].get(INJECTOR)
        if webhook is None or ca_bundle_set(webhook).met or primary.get(secret) is None:
            return None
        views = istiod_views(primary)
        if not any(known.get(remote.name, {}).get("syncStatus") == "synced" for known in views.values()):
            return None
        primary.delete(secret)
        return Note(f"istiod took up {remote.name} before it was allowed to lead there: its secret is made anew")

    return Act("make istiod read a secret again that it read too early", do)


def recycle_gateway(cluster: Cluster) -> Act:
    """Replace gateway pods that were made without the webhook; restart a Deployment whose pods were refused."""

    def do(clients: Clients) -> Note | None:
        client = clients[cluster.name]
        pods = client.list(POD, ISTIO_SYSTEM, labels=GATEWAY_PODS)
        bare = [p for p in pods if not is_injected(p) and not dig(p, "metadata", "deletionTimestamp")]
        for pod in bare:
            client.delete(Ref(POD, pod["metadata"]["name"], ISTIO_SYSTEM), uid=pod["metadata"]["uid"])
        deployment = client.get(GATEWAY_DEPLOYMENT)
        if dig(deployment, "spec", "replicas") == 0:
            # The autoscaler leaves a Deployment alone that has been scaled to zero.
            client.merge(GATEWAY_DEPLOYMENT, {"spec": {"replicas": 1}})
            return Note("the gateway had been scaled to zero: started one pod")
        refused = condition_of(deployment, "ReplicaFailure")
        if refused.get("status") == "True":
            stamp = str(refused.get("lastTransitionTime", "now"))
            restart = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}}
            client.merge(GATEWAY_DEPLOYMENT, restart)
            return Note("restarted the gateway: its pods had been refused")
        return Note(f"replaced {len(bare)} gateway pod(s) that had not been injected") if bare else None

    return Act("replace gateway pods that were not injected", do)
