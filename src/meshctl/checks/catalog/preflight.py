"""What is asked before anything is written (MESH-1xx)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

API_SILENT = Check(
    "MESH-101",
    Category.REACHABILITY,
    Severity.ERROR,
    "the API server does not answer",
    "meshctl asks every cluster for its version before anything else. What does not answer that answers nothing: the "
    "address or the port in the kubeconfig is wrong, a VPN or a tunnel is down, a proxy stands in between, or the API "
    "server itself is away.",
    "kubectl --context CONTEXT version, and mend the kubeconfig or the way there until that answers",
)

PREFLIGHT: tuple[Check, ...] = (API_SILENT,)
