"""Links of every cluster: its API server, its operator, and what the operator installs there."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

CLUSTER_SILENT = Check(
    "MESH-201",
    Category.REACHABILITY,
    Severity.ERROR,
    "the API server does not answer, or not this user",
    "Nothing can be said of a cluster whose API server does not answer, or does not accept your credentials. A mesh "
    "goes on for a while without it: proxies keep what they know, but nothing new comes about, and istiod says "
    "`synced` of a remote all the while.",
    "kubectl --context CONTEXT version, and mend the way to the API server first",
)
OPERATOR_MISSING = Check(
    "MESH-202",
    Category.OPERATOR,
    Severity.ERROR,
    "the Sail operator is not installed",
    "The custom resources Istio and IstioCNI are made real by the Sail operator. Without its CustomResourceDefinitions "
    "the API server does not even know their kinds.",
    "install the Sail operator, then meshctl install",
)
OPERATOR_DOWN = Check(
    "MESH-203",
    Category.OPERATOR,
    Severity.ERROR,
    "no pod of the Sail operator is ready",
    "An operator that does not run repairs nothing, notices nothing and lets go of nothing: statuses stay as they were "
    "when it ended, `Ready` included, and a deletion hangs on its finalizers.",
    "look at its pods; scale its Deployment up where it has been scaled to zero",
)
ISTIO_MISSING = Check(
    "MESH-204",
    Category.CONTROL_PLANE,
    Severity.ERROR,
    "there is no Istio resource",
    "The Istio resource is what the operator installs a control plane from: istiod on the primary, webhooks and a "
    "Service that lead to it on a remote.",
    "meshctl install",
)
ISTIO_REFUSED = Check(
    "MESH-205",
    Category.CONTROL_PLANE,
    Severity.ERROR,
    "the operator cannot apply a resource",
    "Reconciled is False. The operator tries again, but ever more rarely (up to 1000 s), so what has been mended shows "
    "only after a change that wakes it. `Ready` may still be True from before: kubectl wait --for condition=Ready "
    "passes.",
    "remove what the message names, then meshctl install, which wakes the operator",
)
CNI_MISSING = Check(
    "MESH-206",
    Category.CONTROL_PLANE,
    Severity.ERROR,
    "there is no IstioCNI resource",
    "Sidecars get their traffic by a CNI plugin that IstioCNI puts on every node. Without it no injected pod starts, "
    "and Istio still says Ready: only its state is IstioCNINotFound.",
    "meshctl install",
)
CNI_DOWN = Check(
    "MESH-207",
    Category.CONTROL_PLANE,
    Severity.ERROR,
    "the CNI plugin is not on every node",
    "Where the pods of DaemonSet istio-cni-node are not ready, injected pods cannot start, and pods that end cannot "
    "give back their network. Istio still says Ready; only its state is IstioCNINotHealthy.",
    "kubectl -n istio-cni describe daemonset istio-cni-node",
)
ISTIOD_DOWN = Check(
    "MESH-208",
    Category.CONTROL_PLANE,
    Severity.ERROR,
    "istiod is not available",
    "Without istiod no pod that asks for a sidecar can be created on any cluster (its webhook fails closed), and no "
    "proxy gets certificates or configuration. Proxies that run go on with what they know.",
    "kubectl -n istio-system describe pods -l app=istiod",
)
ISTIO_NOT_READY = Check(
    "MESH-209",
    Category.CONTROL_PLANE,
    Severity.ERROR,
    "the Istio resource is not healthy",
    "The operator says so in a condition (Reconciled, Ready, DependenciesHealthy) or in `status.state`, and none of "
    "the causes that meshctl knows is to be seen.",
    "read the condition; kubectl get istiorevision default -o yaml shows it in full",
)
WEBHOOK_MISSING = Check(
    "MESH-210",
    Category.INJECTION,
    Severity.ERROR,
    "there is no injection webhook",
    "Pods are injected because the API server asks istiod by the MutatingWebhookConfiguration istio-sidecar-injector. "
    "Where there is none, pods that ask for a sidecar start without one, and a gateway keeps the image `auto`.",
    "meshctl install",
)
BUNDLE_WRONG = Check(
    "MESH-211",
    Category.TRUST,
    Severity.ERROR,
    "a webhook does not trust the root that istiod serves",
    "The API server calls istiod by TLS and believes the caBundle of the webhook alone. istiod keeps it up to date on "
    "its own cluster and wherever it leads; another root there means that every injected pod is refused (`certificate "
    "signed by unknown authority`).",
    "restart istiod; on a remote, let it read its remote secret again: meshctl repair",
)
ROOT_UNUSED = Check(
    "MESH-212",
    Category.TRUST,
    Severity.ERROR,
    "istiod does not use the certificates in cacerts",
    "istiod reads the Secret cacerts when it starts, and never again. One that was applied later is ignored in "
    "silence, and the certificates of the mesh come from another root.",
    "kubectl -n istio-system rollout restart deployment/istiod, then restart the workloads",
)
INJECTION_FORBIDDEN = Check(
    "MESH-213",
    Category.INJECTION,
    Severity.ERROR,
    "the labels of istio-system forbid injection",
    "A namespace label beats the label of a pod: with istio-injection=disabled, or with another revision in "
    "istio.io/rev, the gateway's pods are not injected, and keep the image `auto`.",
    "take the label away: meshctl repair",
)
INJECTION_FAILS = Check(
    "MESH-214",
    Category.INJECTION,
    Severity.ERROR,
    "the API server cannot have a pod injected",
    "meshctl asks for a gateway pod as a dry run: nothing is stored, but the API server calls istiod as it would for a "
    "real one. This is the only proof that it reaches istiod; Ready proves that the operator does.",
    "the message says where it ends: refused, dropped, or not trusted",
)

CONTROL_PLANE: tuple[Check, ...] = (
    CLUSTER_SILENT,
    OPERATOR_MISSING,
    OPERATOR_DOWN,
    ISTIO_MISSING,
    ISTIO_REFUSED,
    CNI_MISSING,
    CNI_DOWN,
    ISTIOD_DOWN,
    ISTIO_NOT_READY,
    WEBHOOK_MISSING,
    BUNDLE_WRONG,
    ROOT_UNUSED,
    INJECTION_FORBIDDEN,
    INJECTION_FAILS,
)
