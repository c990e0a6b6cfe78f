"""Whether clusters can reach each other as the mesh needs it, as far as names and URLs tell (MESH-180 to MESH-199)."""

from meshctl.certs.material import Severity
from meshctl.checks.catalog.check import Category, Check

URL_LOCAL = Check(
    "MESH-180",
    Category.NETWORK,
    Severity.ERROR,
    "the remote's API server has no address for other clusters",
    "The primary's istiod watches the API server of every remote, at the URL that goes into the remote secret. The "
    "kubeconfig's URL is right for this machine alone (127.0.0.1, localhost: kind, k3d, tunnels), and no control-plane "
    "node shows an address that could stand in for it. With such a URL istiod would ask itself.",
    "Give a URL that pods of the primary can reach: `--server NAME=https://HOST:6443`.",
    essential=True,
)

URL_REPLACED = Check(
    "MESH-181",
    Category.NETWORK,
    Severity.WARNING,
    "the remote's API server will be reached at its node",
    "The kubeconfig's URL is right for this machine alone, so istiod is given the address of the control-plane node, "
    "port 6443. On kind that is right; on clusters that do not share a network with the primary it is not. "
    "`--probe-from-primary` of `meshctl preflight` tries it.",
    "If pods of the primary cannot reach that address: `--server NAME=https://HOST:6443`.",
)

CHECKS = (URL_LOCAL, URL_REPLACED)
