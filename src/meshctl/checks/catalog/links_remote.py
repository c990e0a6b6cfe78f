"""Links between the primary and one remote: who it is, how it finds istiod, and how istiod gets in there."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

PATH_WRONG = Check(
    "MESH-231",
    Category.REMOTE,
    Severity.ERROR,
    "the injection path names another cluster or network",
    "A cluster's name must be the same in its injection path, in the data key of its remote secret and in its proxies. "
    "By a path that names another cluster, pods are injected as members of that one: istiod refuses them certificates. "
    "No status shows it; the remote is Ready and Healthy.",
    "correct spec.values.istiodRemote.injectionPath of the remote's Istio",
)
ADDRESS_DRIFTED = Check(
    "MESH-232",
    Category.REMOTE,
    Severity.ERROR,
    "the remote looks for istiod at another address than the primary's gateway has",
    "spec.values.global.remotePilotAddress of the remote's Istio is where its Service istiod leads. Load balancers "
    "change their addresses when they are made anew, and hostnames change theirs at any time; nothing follows by "
    "itself.",
    "set the address that is in force: meshctl repair",
)
DISCOVERY_BROKEN = Check(
    "MESH-233",
    Category.REMOTE,
    Severity.ERROR,
    "the Service istiod of the remote does not lead to that address",
    "The operator makes a Service without selector and an EndpointSlice with the address. Of a hostname it makes an "
    "ExternalName, by which webhooks are called on port 443: the primary's gateway must then map 443 to 15017.",
    "let the operator apply it again: meshctl install",
)
ANNOTATION_MISSING = Check(
    "MESH-234",
    Category.REMOTE,
    Severity.ERROR,
    "istio-system of the remote does not name the primary as its control plane",
    "istiod leads in a remote (writes its root into the webhook and into every namespace) only if the annotation "
    "topology.istio.io/controlPlaneClusters names it, and looks only when it takes the cluster up. A mesh may work "
    "without until istiod restarts.",
    "annotate the namespace and let istiod read the secret again: meshctl repair",
)
SECRET_MISSING = Check(
    "MESH-235",
    Category.REMOTE,
    Severity.ERROR,
    "the remote secret is missing",
    "istiod gets into a remote by a Secret in its own namespace that holds a kubeconfig. Without it new pods and "
    "endpoints of the remote are not seen and its proxies get no certificates; the remote stays Ready when it was.",
    "make it again: meshctl repair",
)
SECRET_UNLABELLED = Check(
    "MESH-236",
    Category.REMOTE,
    Severity.ERROR,
    "the remote secret is not labelled",
    "istiod reads Secrets with the label istio/multiCluster=true alone.",
    "label it: meshctl repair",
)
SECRET_MISNAMED = Check(
    "MESH-237",
    Category.REMOTE,
    Severity.ERROR,
    "the remote secret names another cluster",
    "istiod takes the data key of the secret for the cluster's name. Under another name than that of the injection "
    "path everything looks well, the remote is Ready and clusterz says `synced`, but its pods are strangers: no "
    "certificates, no endpoints.",
    "replace it by one with the right name: meshctl repair",
)
SECRET_UNUSABLE = Check(
    "MESH-238",
    Category.REMOTE,
    Severity.ERROR,
    "the kubeconfig in the remote secret is of no use to istiod",
    "It must hold the address of the API server as pods of the primary reach it (never 127.0.0.1), its CA, and a "
    "token: istiod runs no programs and reads no files. A kubeconfig that it cannot read is not tried again.",
    "make it again: meshctl repair",
)
TOKEN_REFUSED = Check(
    "MESH-239",
    Category.REMOTE,
    Severity.ERROR,
    "the remote's API server does not accept the token in the remote secret",
    "The token is that of istio-reader-service-account and dies with the account, or with the Secret it came from; "
    "both are made anew when Istio is. clusterz goes on saying `synced`. meshctl has that very token reviewed by the "
    "remote.",
    "give istiod a token that is alive: meshctl repair",
)
NOT_SYNCED = Check(
    "MESH-240",
    Category.REMOTE,
    Severity.ERROR,
    "istiod is not synced with the remote",
    "istiod has read the secret, but cannot list what it needs: the API server is not reachable from its pod (a "
    "firewall, an address for this machine alone), or does not answer. Each istiod pod has its own view.",
    "open the way from the primary's pods to the API server, or give another address: --server NAME=URL",
)
WEBHOOK_PORT_CLOSED = Check(
    "MESH-241",
    Category.NETWORK,
    Severity.ERROR,
    "port 15017 of the primary's gateway cannot be reached from the remote",
    "By this port the remote's API server has pods injected, and its operator probes istiod.",
    "open TCP 15017 from the remote's API server and nodes to the address of the primary's gateway",
)
NOT_LED = Check(
    "MESH-242",
    Category.REMOTE,
    Severity.ERROR,
    "istiod is synced with the remote, but does not lead there",
    "istiod looks at the annotation topology.istio.io/controlPlaneClusters only when it reads the secret. Annotated "
    "later, it says `synced` for ever and writes neither its root into the webhook nor into the namespaces.",
    "let istiod read the secret again: meshctl repair",
)
PROBE_FAILS = Check(
    "MESH-243",
    Category.REMOTE,
    Severity.ERROR,
    "the operator of the remote does not get an answer from istiod",
    "The resource only says RemoteIstiodNotReady; what the probe saw is in an annotation of the webhook "
    "(sailoperator.io/readinessProbe.reason).",
    "the reason says where it ends",
)
ROOT_MISSING = Check(
    "MESH-244",
    Category.TRUST,
    Severity.ERROR,
    "the remote does not have the root that the primary has",
    "Every injected pod mounts the ConfigMap istio-ca-root-cert; without it pods stay ContainerCreating, and with "
    "another root they believe nobody (CERTIFICATE_VERIFY_FAILED). istiod writes it wherever it leads.",
    "let istiod read the secret again: meshctl repair",
)

REMOTES: tuple[Check, ...] = (
    PATH_WRONG,
    ADDRESS_DRIFTED,
    DISCOVERY_BROKEN,
    ANNOTATION_MISSING,
    SECRET_MISSING,
    SECRET_UNLABELLED,
    SECRET_MISNAMED,
    SECRET_UNUSABLE,
    TOKEN_REFUSED,
    NOT_SYNCED,
    WEBHOOK_PORT_CLOSED,
    NOT_LED,
    PROBE_FAILS,
    ROOT_MISSING,
)
