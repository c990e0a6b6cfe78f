"""The links of the chain from the API servers to a request that is answered (MESH-2xx), cause before effect."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

CLUSTER_SILENT = Check(
    "MESH-201",
    Category.REACHABILITY,
    Severity.ERROR,
    "the API server does not answer",
    "Nothing can be said of a cluster whose API server does not answer. A mesh goes on for a while without it: proxies "
    "keep what they know, but nothing new comes about, and istiod says `synced` of a remote all the while.",
    "kubectl --context CONTEXT version, and mend the way to the API server first",
)

DIAGNOSIS: tuple[Check, ...] = (CLUSTER_SILENT,)
