"""Links of every east-west gateway, and of what the primary exposes by its own."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

SERVICE_MISSING = Check(
    "MESH-221",
    Category.NETWORK,
    Severity.ERROR,
    "there is no east-west gateway Service",
    "The Service istio-eastwestgateway is the way into a cluster's network: its load balancer's address is where the "
    "other clusters go, and on the primary also where every remote finds istiod.",
    "meshctl repair creates it; its address may be another one, which meshctl repair follows up",
)
NETWORK_LABEL_WRONG = Check(
    "MESH-222",
    Category.NETWORK,
    Severity.ERROR,
    "the gateway Service is not labelled with its network",
    "istiod takes a Service for a way into a network by its label topology.istio.io/network. Without it, pods of that "
    "network are dialled directly from elsewhere, which cannot work; every request is still answered, but only by the "
    "versions at hand.",
    "put the label back: meshctl repair",
)
PORTS_MISSING = Check(
    "MESH-223",
    Category.NETWORK,
    Severity.ERROR,
    "the gateway Service lacks a port",
    "15443 carries the traffic between clusters; on the primary 15012 carries configuration and certificates, and "
    "15017 injection. A port that the Service lacks, or that leads elsewhere, is refused by the load balancer.",
    "put the port back: meshctl repair",
)
ADDRESS_MISSING = Check(
    "MESH-224",
    Category.NETWORK,
    Severity.ERROR,
    "the load balancer has not given the gateway an address",
    "Without an address nobody outside of the cluster reaches the gateway. Most often there is no load balancer "
    "provider, its pool is used up, or it refuses the Service, which it says in an event.",
    "kubectl -n istio-system describe service istio-eastwestgateway; or --gateway-address NAME=IP",
)
GATEWAY_MISSING = Check(
    "MESH-225",
    Category.NETWORK,
    Severity.ERROR,
    "there is no east-west gateway Deployment",
    "The Service is there, but nothing runs behind it.",
    "meshctl repair creates it",
)
GATEWAY_BARE = Check(
    "MESH-226",
    Category.INJECTION,
    Severity.ERROR,
    "the gateway's pods are not injected",
    "A gateway pod is made with the image `auto`, which istiod's webhook replaces. One that was made before the "
    "webhook existed, or while it was away, stays as it is and can never start (ErrImagePull).",
    "replace the pods: meshctl repair",
)
GATEWAY_DOWN = Check(
    "MESH-227",
    Category.NETWORK,
    Severity.ERROR,
    "the east-west gateway is not available",
    "Every request is still answered, by the versions that can be reached: a gateway that is down is silent.",
    "kubectl -n istio-system describe pods -l istio=eastwestgateway",
)
GATEWAY_MISNAMED = Check(
    "MESH-228",
    Category.INJECTION,
    Severity.ERROR,
    "the gateway's pods say that they are another cluster, or on another network",
    "Who a proxy is is decided when its pod is injected, by the webhook's path. A pod that was injected while the path "
    "was wrong keeps the wrong name, and istiod refuses it a certificate: `client claims to be in cluster X`.",
    "restart the gateway: meshctl repair",
)
ISTIOD_NOT_EXPOSED = Check(
    "MESH-229",
    Category.NETWORK,
    Severity.ERROR,
    "istiod is not exposed by the primary's gateway",
    "A Gateway must open 15012 and 15017 with TLS mode PASSTHROUGH, and a VirtualService must lead both to istiod. "
    "Without them no remote reaches the control plane.",
    "apply expose-istiod again: meshctl repair",
)
SERVICES_NOT_EXPOSED = Check(
    "MESH-230",
    Category.NETWORK,
    Severity.ERROR,
    "services are not exposed by the gateways",
    "A Gateway on the primary must open 15443 with TLS mode AUTO_PASSTHROUGH; it counts for the gateways of all "
    "clusters. Without it every request is still answered, but only by the versions at hand.",
    "apply expose-services again: meshctl repair",
)

GATEWAYS: tuple[Check, ...] = (
    SERVICE_MISSING,
    NETWORK_LABEL_WRONG,
    PORTS_MISSING,
    ADDRESS_MISSING,
    GATEWAY_MISSING,
    GATEWAY_BARE,
    GATEWAY_DOWN,
    GATEWAY_MISNAMED,
    ISTIOD_NOT_EXPOSED,
    SERVICES_NOT_EXPOSED,
)
