"""Whether every cluster answers, and is the one that was meant (MESH-101 to MESH-109)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

API_SILENT = Check(
    "MESH-101",
    Category.REACHABILITY,
    Severity.ERROR,
    "the API server does not answer",
    "meshctl asks every cluster for its version before anything else. What does not answer that answers nothing: the "
    "address or the port in the kubeconfig is wrong, a VPN or a tunnel is down, a proxy stands in between, or the API "
    "server itself is away. Nothing more was asked of such a cluster, so there may be more to say about it later.",
    "Run `kubectl --context CONTEXT version`, and mend the kubeconfig or the way there until that answers.",
    essential=True,
)

NOT_LOGGED_IN = Check(
    "MESH-102",
    Category.REACHABILITY,
    Severity.ERROR,
    "the credentials are not accepted",
    "The API server answers, but with 401: it does not know who asks. A token has expired, a client certificate is "
    "that of another cluster, or the credential plugin of the kubeconfig failed. This is not about rights: those are "
    "MESH-110.",
    "Log in again as your platform has it, until `kubectl --context CONTEXT auth whoami` answers.",
    essential=True,
)

SAME_CLUSTER = Check(
    "MESH-103",
    Category.REACHABILITY,
    Severity.ERROR,
    "two contexts lead to the same cluster",
    "A cluster is known by the UID of its namespace kube-system, whatever its address and the name of its context. One "
    "cluster cannot be two members of a mesh: it would be made the primary, and then the remote of itself. It comes "
    "about by a kubeconfig that was copied, by two names of one load balancer, or by a slip of the hand.",
    "Name another context: `kubectl config get-contexts` lists them.",
    essential=True,
)

CLOCK_OFF = Check(
    "MESH-104",
    Category.REACHABILITY,
    Severity.WARNING,
    "a clock is off",
    "The time that an API server gives to a new object is compared with this machine's; more than a minute is told. "
    "Certificates and tokens are valid from one moment to another: where clocks differ, a certificate that istiod has "
    "just signed is `not yet valid` for the cluster next door, and connections fail for a while or for ever. If every "
    "cluster is told of, the clock of this machine is the wrong one.",
    "Let every node, and this machine, take the time from NTP.",
)

ANOTHER_MEMBER = Check(
    "MESH-105",
    Category.REACHABILITY,
    Severity.ERROR,
    "the cluster is already another member of a mesh",
    "meshctl has installed a mesh here before, and by the Istio resource that is there this cluster was then another "
    "one: the primary, or a remote with another name or network. Names follow the order of `--west`, so contexts in "
    "another order give clusters other names. Names are written into certificates, secrets and webhooks: changing them "
    "on a mesh that lives breaks it.",
    "Name the contexts in the order of the first install, or remove the mesh first with `meshctl teardown`.",
)

OTHER_MESH_ID = Check(
    "MESH-106",
    Category.REACHABILITY,
    Severity.ERROR,
    "the mesh that is there has another ID",
    "`meshID` is what telemetry and policies know a mesh by, and every proxy is configured with it. The primary "
    "has an Istio resource with another one than is asked for.",
    "Say the one that is there (`--set meshID=...`), or remove the mesh first with `meshctl teardown`.",
)

CHECKS = (API_SILENT, NOT_LOGGED_IN, SAME_CLUSTER, CLOCK_OFF, ANOTHER_MEMBER, OTHER_MESH_ID)
