"""Whether the Sail operator is there, and can install what is asked for (MESH-120 to MESH-139)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

NOT_SERVED = Check(
    "MESH-120",
    Category.OPERATOR,
    Severity.ERROR,
    "the operator's resources are not served",
    "meshctl writes the resources Istio and IstioCNI, version v1, and the Sail operator makes a mesh of them. Their "
    "CustomResourceDefinitions are not there, or do not serve v1: the operator is not installed on this cluster, or is "
    "older than its first stable version. Every cluster needs one of its own, the remotes too.",
    "Install the Sail operator on this cluster, then run the same command again.",
)

NOT_RUNNING = Check(
    "MESH-121",
    Category.OPERATOR,
    Severity.ERROR,
    "the operator does not run",
    "The Deployment with the label app.kubernetes.io/component=sail-operator is there, but no pod of it is ready. The "
    "API server takes the resources all the same, and then nothing happens. An operator that is only being restarted "
    "is waited for, as long as `timeouts.contact` says.",
    "Look at its pods and their log: `kubectl --context CONTEXT get pods -A -l "
    "app.kubernetes.io/component=sail-operator`.",
)

VERSION_REFUSED = Check(
    "MESH-122",
    Category.OPERATOR,
    Severity.ERROR,
    "the operator does not accept the Istio version",
    "The definitions of Istio and IstioCNI list the versions they take in `spec.version`, and the API server refuses "
    "any other. Operators of different age offer different versions; the one that is asked for has to be offered on "
    "every cluster, for a mesh has one version.",
    "Upgrade the operator, or choose a version that every cluster accepts: `--set istioVersion=...`.",
)

NOT_INSTALLABLE = Check(
    "MESH-123",
    Category.OPERATOR,
    Severity.WARNING,
    "the operator may have no charts for the Istio version",
    "The definitions accept the version, but neither does the operator's Deployment name images for it (its "
    "annotations `images.v1_28_6.istiod` and so on), nor does the description of the field call it one that can be "
    "installed. So the API server would take the resource, and the operator end with `version not found`. Versions "
    "that are out of support stay in the list, and definitions may be newer than the operator, as after an upgrade "
    "that stopped half-way.",
    "Upgrade the operator, or choose a version that it has charts for: `--set istioVersion=...`.",
)

NO_ISTIO_KINDS = Check(
    "MESH-124",
    Category.OPERATOR,
    Severity.ERROR,
    "Istio's own resources are not served on the primary",
    "On the primary, istiod and the services are exposed by resources of the kinds Gateway and VirtualService "
    "(networking.istio.io). Their CustomResourceDefinitions come with the operator; here they are missing, perhaps "
    "because another installer left them out, or somebody has tidied up.",
    "Install the operator again, with its CustomResourceDefinitions.",
)

UNLIKE_OPERATORS = Check(
    "MESH-125",
    Category.OPERATOR,
    Severity.WARNING,
    "clusters have operators of different projects",
    "One cluster has the platform vendor's build of the Sail operator, another the upstream project's. Both can be "
    "right, but their charts differ in details (validation, Multus, IPv6), and nobody tests them together.",
    "Use one build on all clusters, if you can.",
)

TERMINATING = Check(
    "MESH-126",
    Category.OPERATOR,
    Severity.ERROR,
    "a namespace of the mesh is being deleted",
    "istio-system or istio-cni is in the phase Terminating, so nothing can be made in it. A teardown may be under way; "
    "or it hangs, because something in the namespace has a finalizer whose owner is gone, mostly an operator that was "
    "removed before its resources.",
    "Wait until it is gone. If it hangs, see what is left in it, and bring back whoever has to release that.",
)

FOREIGN_ISTIO = Check(
    "MESH-127",
    Category.OPERATOR,
    Severity.ERROR,
    "an Istio that the operator does not own is in the way",
    "istiod in istio-system, or the webhook istio-sidecar-injector, is there but was made by another installer "
    "(istioctl, Helm, an older service mesh). The operator installs by Helm, and Helm refuses to take over what it did "
    "not make: `invalid ownership metadata`. Workloads may still live on that Istio.",
    "Move its workloads away and remove it with the installer that made it, or install the mesh elsewhere.",
)

OTHER_ISTIO = Check(
    "MESH-128",
    Category.OPERATOR,
    Severity.WARNING,
    "another Istio is on this cluster",
    "There is an istiod in another namespace than istio-system. Two control planes can share a cluster when each has a "
    "revision and namespaces of its own; otherwise both inject, and both write istio-ca-root-cert into every "
    "namespace, where only one of them can be right.",
    "Make sure that it is confined by a revision and discovery selectors, or remove it first.",
)

LEFTOVER = Check(
    "MESH-129",
    Category.OPERATOR,
    Severity.WARNING,
    "something is left of an earlier install",
    "There is no Istio resource, but an IstioRevision or an injection webhook of an earlier mesh. A webhook without "
    "its istiod refuses pods, or lets them through without a sidecar; a revision keeps objects that a new install then "
    "runs into. It comes about when an operator is removed before its resources.",
    "Remove what is left: `meshctl teardown` with the same clusters does.",
)

OLDER_ASKED = Check(
    "MESH-130",
    Category.OPERATOR,
    Severity.ERROR,
    "a newer Istio is there",
    "The Istio resource of this cluster has a newer version than is asked for. Neither operators nor Istio go back.",
    "Say the version that is there (`--set istioVersion=...`), or remove the mesh first with `meshctl teardown`.",
)

WILL_UPGRADE = Check(
    "MESH-131",
    Category.OPERATOR,
    Severity.WARNING,
    "an older Istio is there and will be upgraded",
    "The Istio resource of this cluster has an older version than is asked for. An install upgrades in place: istiod "
    "is replaced, then the gateways; workloads keep their proxies until they are restarted.",
    "Nothing, if that is meant. Else say the version that is there: `--set istioVersion=...`.",
)

UNOWNED_ACCOUNT = Check(
    "MESH-132",
    Category.OPERATOR,
    Severity.ERROR,
    "the reader's account was made by somebody else",
    "The operator's charts make the ServiceAccount istio-reader-service-account in istio-system. One that is there "
    "already, without Helm's labels, stops them for ever: `exists and cannot be imported into the current release: "
    "invalid ownership metadata`. `istioctl create-remote-secret` makes one when it comes before the operator.",
    "Delete the account: the operator makes it again. Tokens of the old one die with it.",
)

CHECKS = (
    NOT_SERVED,
    NOT_RUNNING,
    VERSION_REFUSED,
    NOT_INSTALLABLE,
    NO_ISTIO_KINDS,
    UNLIKE_OPERATORS,
    TERMINATING,
    FOREIGN_ISTIO,
    OTHER_ISTIO,
    LEFTOVER,
    OLDER_ASKED,
    WILL_UPGRADE,
    UNOWNED_ACCOUNT,
)
