"""Whether the pods behind a gateway are what istiod's webhook makes of them."""

from meshctl.checks.probes import is_injected, running
from meshctl.names import GATEWAY_PODS, ISTIO_SYSTEM, POD
from meshctl.objects import Verdict
from meshctl.plan import Clients
from meshctl.spec import Cluster


def gateway_injected(clients: Clients, cluster: Cluster) -> Verdict:
    """Ask whether every running gateway pod is injected; `image: auto` means that none has looked at it."""
    pods = running(clients[cluster.name].list(POD, ISTIO_SYSTEM, labels=GATEWAY_PODS))
    bare = [pod["metadata"]["name"] for pod in pods if not is_injected(pod)]
    if bare:
        return Verdict(met=False, detail=f"not injected: {', '.join(bare)}")
    return Verdict(
        met=bool(pods), detail=f"{len(pods)} injected gateway pod(s)" if pods else "no gateway pod is running"
    )
