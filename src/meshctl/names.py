"""The kinds meshctl touches and the objects it owns, each named once."""

from meshctl.objects import Kind, Ref

# --- kinds ---------------------------------------------------------------------------------------------------------
NAMESPACE = Kind("Namespace", "namespaces", namespaced=False)
NODE = Kind("Node", "nodes", namespaced=False)
POD = Kind("Pod", "pods")
SERVICE = Kind("Service", "services")
SERVICE_ACCOUNT = Kind("ServiceAccount", "serviceaccounts")
SECRET = Kind("Secret", "secrets")
CONFIG_MAP = Kind("ConfigMap", "configmaps")
EVENT = Kind("Event", "events")
DEPLOYMENT = Kind("Deployment", "deployments", group="apps")
REPLICA_SET = Kind("ReplicaSet", "replicasets", group="apps")
DAEMON_SET = Kind("DaemonSet", "daemonsets", group="apps")
ROLE = Kind("Role", "roles", group="rbac.authorization.k8s.io")
ROLE_BINDING = Kind("RoleBinding", "rolebindings", group="rbac.authorization.k8s.io")
CLUSTER_ROLE = Kind("ClusterRole", "clusterroles", group="rbac.authorization.k8s.io", namespaced=False)
CLUSTER_ROLE_BINDING = Kind(
    "ClusterRoleBinding", "clusterrolebindings", group="rbac.authorization.k8s.io", namespaced=False
)
POD_DISRUPTION_BUDGET = Kind("PodDisruptionBudget", "poddisruptionbudgets", group="policy")
HPA = Kind("HorizontalPodAutoscaler", "horizontalpodautoscalers", version="v2", group="autoscaling")
LEASE = Kind("Lease", "leases", group="coordination.k8s.io")
ENDPOINT_SLICE = Kind("EndpointSlice", "endpointslices", group="discovery.k8s.io")
CRD = Kind("CustomResourceDefinition", "customresourcedefinitions", group="apiextensions.k8s.io", namespaced=False)
MUTATING_WEBHOOK = Kind(
    "MutatingWebhookConfiguration",
    "mutatingwebhookconfigurations",
    group="admissionregistration.k8s.io",
    namespaced=False,
)
VALIDATING_WEBHOOK = Kind(
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    group="admissionregistration.k8s.io",
    namespaced=False,
)
ISTIO = Kind("Istio", "istios", group="sailoperator.io", namespaced=False)
ISTIO_CNI = Kind("IstioCNI", "istiocnis", group="sailoperator.io", namespaced=False)
ISTIO_REVISION = Kind("IstioRevision", "istiorevisions", group="sailoperator.io", namespaced=False)
ISTIO_REVISION_TAG = Kind("IstioRevisionTag", "istiorevisiontags", group="sailoperator.io", namespaced=False)
GATEWAY = Kind("Gateway", "gateways", group="networking.istio.io")
VIRTUAL_SERVICE = Kind("VirtualService", "virtualservices", group="networking.istio.io")
NETWORK_ATTACHMENT = Kind("NetworkAttachmentDefinition", "network-attachment-definitions", group="k8s.cni.cncf.io")
IP_ADDRESS_POOL = Kind("IPAddressPool", "ipaddresspools", version="v1beta1", group="metallb.io")
RULES_REVIEW = Kind("SelfSubjectRulesReview", "selfsubjectrulesreviews", group="authorization.k8s.io", namespaced=False)
ACCESS_REVIEW = Kind(
    "SelfSubjectAccessReview", "selfsubjectaccessreviews", group="authorization.k8s.io", namespaced=False
)
TOKEN_REVIEW = Kind("TokenReview", "tokenreviews", group="authentication.k8s.io", namespaced=False)

KINDS: tuple[Kind, ...] = tuple(kind for kind in list(vars().values()) if isinstance(kind, Kind))
"""Every kind above, in that order."""

REVIEWS = (ACCESS_REVIEW, RULES_REVIEW, TOKEN_REVIEW)
"""Those that are questions: nothing of them is stored."""

# --- namespaces ----------------------------------------------------------------------------------------------------
ISTIO_SYSTEM = "istio-system"
CNI_NAMESPACE = "istio-cni"
LOCK_NAMESPACE = "default"

# --- objects, as the guide names them ------------------------------------------------------------------------------
THE_ISTIO = Ref(ISTIO, "default")
THE_REVISION = Ref(ISTIO_REVISION, "default")
THE_CNI = Ref(ISTIO_CNI, "default")
CNI_DAEMON_SET = Ref(DAEMON_SET, "istio-cni-node", CNI_NAMESPACE)
ISTIOD = Ref(DEPLOYMENT, "istiod", ISTIO_SYSTEM)
INJECTOR = Ref(MUTATING_WEBHOOK, "istio-sidecar-injector")
INJECTOR_TEMPLATES = Ref(CONFIG_MAP, "istio-sidecar-injector", ISTIO_SYSTEM)
GATEWAY_SERVICE = Ref(SERVICE, "istio-eastwestgateway", ISTIO_SYSTEM)
GATEWAY_DEPLOYMENT = Ref(DEPLOYMENT, "istio-eastwestgateway", ISTIO_SYSTEM)
CACERTS = Ref(SECRET, "cacerts", ISTIO_SYSTEM)
READER_ACCOUNT = Ref(SERVICE_ACCOUNT, "istio-reader-service-account", ISTIO_SYSTEM)
READER_TOKEN = Ref(SECRET, "istio-reader-service-account-istio-remote-secret-token", ISTIO_SYSTEM)
ROOT_CERT = Ref(CONFIG_MAP, "istio-ca-root-cert", ISTIO_SYSTEM)
ISTIOD_GATEWAY = Ref(GATEWAY, "istiod-gateway", ISTIO_SYSTEM)
ISTIOD_ROUTE = Ref(VIRTUAL_SERVICE, "istiod-vs", ISTIO_SYSTEM)
SERVICES_GATEWAY = Ref(GATEWAY, "cross-network-gateway", ISTIO_SYSTEM)
LOCK = Ref(LEASE, "meshctl", LOCK_NAMESPACE)

# --- labels and annotations ----------------------------------------------------------------------------------------
NETWORK_LABEL = "topology.istio.io/network"
CONTROL_PLANE_CLUSTERS = "topology.istio.io/controlPlaneClusters"
PROBE_STATUS = "sailoperator.io/readinessProbe.status"
PROBE_REASON = "sailoperator.io/readinessProbe.reason"
SIDECAR_STATUS = "sidecar.istio.io/status"
MANAGED_BY = "app.kubernetes.io/managed-by"
FIELD_MANAGER = "meshctl"
GATEWAY_PODS = "app=istio-eastwestgateway,istio=eastwestgateway"


def remote_secret(cluster_name: str) -> Ref:
    """Return the Secret on the primary that lets istiod into the remote `cluster_name`."""
    return Ref(SECRET, f"istio-remote-secret-{cluster_name}", ISTIO_SYSTEM)


def injection_path(cluster_name: str, network: str) -> str:
    """Return the path by which a remote's API server asks istiod for injection."""
    return f"/inject/cluster/{cluster_name}/net/{network}"
