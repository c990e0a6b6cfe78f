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

CHECKS = (NOT_SERVED, NOT_RUNNING, VERSION_REFUSED, OLDER_ASKED, WILL_UPGRADE)
