"""Links that only traffic uses: ports from the other side, and what istiod and proxies know of the other clusters."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

XDS_PORT_CLOSED = Check(
    "MESH-251",
    Category.NETWORK,
    Severity.ERROR,
    "port 15012 of the primary's gateway cannot be reached from the remote",
    "By this port the remote's proxies get certificates and configuration. The remote is Ready without it, for nothing "
    "probes it; proxies that start never become ready.",
    "open TCP 15012 from the remote's nodes to the address of the primary's gateway",
)
DATA_PORT_CLOSED = Check(
    "MESH-252",
    Category.NETWORK,
    Severity.ERROR,
    "port 15443 of a gateway cannot be reached from another cluster",
    "By this port traffic goes from cluster to cluster, each way by the other side's gateway. When it is closed, "
    "requests are still answered by the versions at hand; some take the time of an attempt to connect.",
    "open TCP 15443 between the clusters' nodes and each other's gateway addresses",
)
HEALTH_PORT_CLOSED = Check(
    "MESH-253",
    Category.NETWORK,
    Severity.ERROR,
    "nothing of a gateway can be reached from another cluster",
    "Not even port 15021, where a gateway says whether it is well: the address itself does not lead there, or "
    "everything is blocked.",
    "look at the load balancer, and at what lies between the clusters",
)
NETWORK_UNKNOWN = Check(
    "MESH-254",
    Category.TRAFFIC,
    Severity.ERROR,
    "istiod does not know the way into a network",
    "debug/networkz of istiod lists one gateway for each network. One that is missing, or has another address, sends "
    "clients nowhere.",
    "the gateway Service needs its label and an address that istiod can resolve",
)
ENDPOINTS_UNKNOWN = Check(
    "MESH-255",
    Category.TRAFFIC,
    Severity.ERROR,
    "a client's proxy does not know the endpoints of the other clusters",
    "istiod gives a client the other cluster's gateway as an endpoint of a service that has pods there. Missing: the "
    "pods are not injected, mTLS is off for them, or a Sidecar, exportTo or discovery selector hides the service.",
    "look at the service's DestinationRules, Sidecars and exportTo",
)
VALIDATOR_UNTRUSTED = Check(
    "MESH-281",
    Category.TRUST,
    Severity.WARNING,
    "Istio's own objects cannot be written on the remote",
    "Newer operators make the webhook istiod-default-validator on remotes too, and nobody fills in its caBundle there: "
    "every Gateway, VirtualService and the like is refused. In this topology they belong on the primary, the only "
    "cluster where istiod reads them, so the mesh is well.",
    "apply Istio's objects on the primary",
)
NAMESPACE_UNLABELLED = Check(
    "MESH-282",
    Category.NETWORK,
    Severity.WARNING,
    "istio-system is not labelled with the cluster's network",
    "Pods with a sidecar say themselves which network they are on. Pods without one get the network of this label; "
    "without it, clients of other clusters dial them directly, in vain.",
    "kubectl label namespace istio-system topology.istio.io/network=NETWORK",
)

TRAFFIC: tuple[Check, ...] = (
    XDS_PORT_CLOSED,
    DATA_PORT_CLOSED,
    HEALTH_PORT_CLOSED,
    NETWORK_UNKNOWN,
    ENDPOINTS_UNKNOWN,
    VALIDATOR_UNTRUSTED,
    NAMESPACE_UNLABELLED,
)
