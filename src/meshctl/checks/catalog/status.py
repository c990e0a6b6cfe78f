"""What only a status shows: a mesh that works, and yet deserves a look (MESH-3xx)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

HIDDEN = Check(
    "MESH-301",
    Category.RIGHTS,
    Severity.ERROR,
    "an object of the mesh may not be read",
    "The user may not read an object that a status needs, so nothing is known of it: it may be well, or not be there "
    "at all. An exit code of 0 is a promise that all is well, and nobody can promise what he does not see.",
    "Ask for the right to read it, or use another context.",
)

PROXY_OF_ANOTHER_VERSION = Check(
    "MESH-302",
    Category.CONTROL_PLANE,
    Severity.WARNING,
    "a gateway's proxy is of another version than istiod",
    "A proxy gets its version when its pod is injected. After an upgrade of istiod it stays what it is until the pod "
    "is made anew. One minor version apart is supported; the gap grows with every upgrade.",
    "Restart the gateway's Deployment: its pods come back with the new proxy.",
)

ISTIO_OF_ANOTHER_VERSION = Check(
    "MESH-303",
    Category.CONTROL_PLANE,
    Severity.WARNING,
    "a remote's Istio is of another version than the primary's",
    "The remote has no istiod, but its charts bring the webhooks and the reader's rights of their version, and the "
    "primary's istiod relies on these. They should be upgraded together.",
    "Run `meshctl install` with the same options: it gives every cluster the same version.",
)

ROOT_OF_ITS_OWN = Check(
    "MESH-304",
    Category.TRUST,
    Severity.WARNING,
    "istiod signs with a root that it made by itself",
    "The primary has no cacerts. The mesh works, for every cluster trusts what its istiod serves; but the root's key "
    "is in a Secret of the cluster, no other primary can ever share it, and it cannot be replaced without a break.",
    "Give the mesh certificates of its own before it matters: `meshctl certs generate`, then `meshctl certs apply`.",
)

STATUS: tuple[Check, ...] = (HIDDEN, PROXY_OF_ANOTHER_VERSION, ISTIO_OF_ANOTHER_VERSION, ROOT_OF_ITS_OWN)
