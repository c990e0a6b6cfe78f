"""Whether Kubernetes, its nodes and its network fit (MESH-140 to MESH-159)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

KUBERNETES_OLD = Check(
    "MESH-140",
    Category.PLATFORM,
    Severity.ERROR,
    "Kubernetes is too old for this Istio",
    "Every minor version of Istio is made for a window of Kubernetes versions, and may use what older ones do not "
    "have. The window of the version that is asked for begins later than this cluster.",
    "Upgrade Kubernetes, or choose an older Istio: `--set istioVersion=...`.",
)

KUBERNETES_NEW = Check(
    "MESH-141",
    Category.PLATFORM,
    Severity.WARNING,
    "Kubernetes is newer than this Istio was tested with",
    "It mostly works, for Kubernetes takes nothing away without years of notice; but nobody has promised it.",
    "Choose a newer Istio, if there is one: `--set istioVersion=...`.",
)

KERNEL_OLD = Check(
    "MESH-142",
    Category.PLATFORM,
    Severity.WARNING,
    "nodes have old kernels, and the mesh file says that they have not",
    "The gateway's pods set the sysctl net.ipv4.ip_unprivileged_port_start, which kernels before 4.11 do not have: on "
    "such a node they never start. meshctl changes the gateway template where it sees such a node, but `kernel: new` "
    "forbids that.",
    "Leave `kernel` at `auto`, or keep the gateways off these nodes.",
)

MULTUS_MISSING = Check(
    "MESH-143",
    Category.PLATFORM,
    Severity.ERROR,
    "Multus is missing",
    "The platform vendor's operator brings istio-cni in by way of Multus: its chart holds a "
    "NetworkAttachmentDefinition. Without that kind the chart fails with `no matches for kind`, and the operator goes "
    "on failing when Multus is installed afterwards, because it has cached which kinds there are.",
    "Install Multus, then restart the operator.",
)

MULTUS_LATE = Check(
    "MESH-144",
    Category.PLATFORM,
    Severity.WARNING,
    "Multus is younger than the running operator",
    "An operator remembers which kinds there were when it looked first. The definition of "
    "NetworkAttachmentDefinition was made after the operator's pod had started, so the operator may not know of it, "
    "and IstioCNI would fail with `no matches for kind`. Not said where an IstioCNI is installed already.",
    "Restart the operator.",
)

CNI_DIRECTORY = Check(
    "MESH-145",
    Category.PLATFORM,
    Severity.WARNING,
    "istio-cni is installed with another directory",
    "IstioCNI is there with another `cniConfDir` than is asked for. Where Multus (or the container runtime) reads its "
    "configuration cannot be seen by the API. With the wrong directory IstioCNI says Ready, and yet no pod is "
    "redirected, or none with a sidecar starts; a change of it changes the nodes under running pods.",
    "Say the one that is there, if that works: `--set cni.confDir=...`.",
)

ARCHITECTURE = Check(
    "MESH-146",
    Category.PLATFORM,
    Severity.ERROR,
    "no node can run Istio's images",
    "Istio's images are built for amd64 and arm64. Every node of this cluster that takes pods has another "
    "architecture.",
    "Add nodes of one of these, or give images of your own: `--set images.hub=...`.",
)

POD_SECURITY = Check(
    "MESH-147",
    Category.PLATFORM,
    Severity.ERROR,
    "Pod Security keeps istio-cni from running",
    "istio-cni installs its plugin on the nodes, so its pods are privileged and mount directories of the host. The "
    "namespace istio-cni enforces `baseline` or `restricted`, which allow neither: the DaemonSet then makes no pods, "
    "and says so only in its events.",
    "Let the namespace enforce `privileged`.",
)

INJECTION_OFF = Check(
    "MESH-148",
    Category.PLATFORM,
    Severity.ERROR,
    "istio-system is closed to injection",
    "The east-west gateway's pods get their image and configuration by injection (`image: auto`). A label on the "
    "namespace istio-system, istio-injection with another value than `enabled` or istio.io/rev with another than "
    "`default`, keeps the webhook away; the pods then fail with `ErrImagePull`, for there is no image `auto`.",
    "Take the label away.",
)

NO_BALANCER = Check(
    "MESH-149",
    Category.PLATFORM,
    Severity.WARNING,
    "nothing shows that there is a load balancer",
    "The east-west gateway is a Service of type LoadBalancer, and an install waits for its address. Here there is no "
    "address pool of MetalLB, no Service that has been given an address, and no node that a cloud has made. That "
    "proves nothing: some load balancers do not show. `meshctl preflight --probe-load-balancer` tries it.",
    "Install a load balancer, or give the gateway's address yourself: `--gateway-address NAME=IP`.",
)

BALANCER_FAILED = Check(
    "MESH-150",
    Category.PLATFORM,
    Severity.ERROR,
    "the load balancer gives no address",
    "With `--probe-load-balancer`, a Service of type LoadBalancer is made in the namespace default, with the "
    "annotations of the gateways, and taken away again whatever happens. It was given no address within "
    "`timeouts.address`, and so would be the gateway. Its events say what the load balancer thinks: a pool that is "
    "used up, a quota, a subnet that is not tagged. What a run that was killed has left behind, the next one sweeps.",
    "See to the load balancer, or give the gateway's address yourself: `--gateway-address NAME=IP`.",
    asked_by="--probe-load-balancer",
)

NO_NODE = Check(
    "MESH-151",
    Category.PLATFORM,
    Severity.ERROR,
    "no node is ready",
    "No node of this cluster is Ready, so no pod will run. On a fresh cluster this means mostly that its network "
    "plugin (CNI) is not installed: nodes then say `cni plugin not initialized`. istio-cni does not replace that one.",
    "Install the cluster's network plugin, and see `kubectl --context CONTEXT describe nodes`.",
)

NO_INFRA_NODE = Check(
    "MESH-152",
    Category.PLATFORM,
    Severity.ERROR,
    "there is no infra node for the gateway",
    "`gateway.infraNodes` binds the gateways to nodes with the label node-role.kubernetes.io/infra; no node has it. "
    "The gateway's pods would stay Pending.",
    "Label the nodes, or say `--set gateway.infraNodes=false`.",
)

CHECKS = (
    KUBERNETES_OLD,
    KUBERNETES_NEW,
    KERNEL_OLD,
    MULTUS_MISSING,
    MULTUS_LATE,
    CNI_DIRECTORY,
    ARCHITECTURE,
    POD_SECURITY,
    INJECTION_OFF,
    NO_BALANCER,
    BALANCER_FAILED,
    NO_NODE,
    NO_INFRA_NODE,
)
