"""Whether the user may do everything that an install does (MESH-110)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

RIGHT_MISSING = Check(
    "MESH-110",
    Category.RIGHTS,
    Severity.ERROR,
    "rights are missing",
    "Every verb that an install needs on this cluster is asked for, before it is needed. First whether you may do "
    "everything; else for the rules that hold for you, namespace by namespace (SelfSubjectRulesReview); and where the "
    "API server says that this list may be incomplete, as with a webhook that authorizes, right by right "
    "(SelfSubjectAccessReview). Without this an install would end half-way.",
    "Ask for the rights that are listed, or use another context. `kubectl --context CONTEXT auth can-i VERB RESOURCE "
    "-n NAMESPACE` asks for one of them.",
)

CHECKS = (RIGHT_MISSING,)
