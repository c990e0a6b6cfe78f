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

URL_BY_PROXY = Check(
    "MESH-182",
    Category.NETWORK,
    Severity.ERROR,
    "the remote's API server is behind a proxy's URL",
    "The URL in the kubeconfig has a path, as management platforms have it, or something else that istiod cannot use. "
    "istiod would send the token of a service account of the remote, and trust the remote's own authority; a proxy "
    "mostly knows no such token, and shows another certificate.",
    "Give the API server's own URL, as pods of the primary reach it: `--server NAME=https://HOST:6443`.",
)

PROXY_NOT_USED = Check(
    "MESH-183",
    Category.NETWORK,
    Severity.WARNING,
    "the kubeconfig goes through a proxy, istiod will not",
    "The context has a `proxy-url`. It is for whoever uses the kubeconfig; the remote secret has none, and istiod "
    "connects directly. From here the API server can be reached only by the proxy, and so perhaps from the primary.",
    "Make sure that pods of the primary reach the URL without a proxy, or give another: "
    "`--server NAME=https://HOST:6443`.",
)

SECRET_UNUSABLE = Check(
    "MESH-184",
    Category.NETWORK,
    Severity.WARNING,
    "a remote secret is there that istiod cannot use",
    "istiod takes kubeconfigs with a token and a certificate authority. One with a credential plugin (exec, "
    "auth-provider) it refuses, for nobody wants secrets that run programs in the control plane; one without an "
    "authority, or for a loopback address, leads nowhere. It comes about when somebody's own kubeconfig is put into a "
    "secret by hand.",
    "Delete the secret: `meshctl install` makes a proper one.",
)

HOSTNAME_UNKNOWN = Check(
    "MESH-185",
    Category.NETWORK,
    Severity.WARNING,
    "the gateway's hostname does not resolve here",
    "The load balancer has given the primary's gateway a hostname. Remotes need an IP, so meshctl resolves it, on this "
    "machine; here it does not resolve (yet). An install waits for it as long as `timeouts.address` says.",
    "Give an IP that leads to it: `--gateway-address NAME=IP`.",
)

IPV6_ONLY = Check(
    "MESH-186",
    Category.NETWORK,
    Severity.ERROR,
    "the primary's gateway has only an IPv6 address",
    "The charts of this Istio version take an IPv6 address for a hostname, and make of the remote's Service istiod one "
    "of type ExternalName, which API servers refuse for webhooks. The upstream charts know better from 1.30.0 on, the "
    "platform vendor's from 1.28.6 on.",
    "Give an IPv4 address: `--gateway-address NAME=IP`; or choose a newer Istio: `--set istioVersion=...`.",
)

URL_UNREACHABLE = Check(
    "MESH-188",
    Category.NETWORK,
    Severity.ERROR,
    "pods of the primary do not reach a remote's API server",
    "With `--probe-from-primary`, a pod is started on the primary (namespace default, the image of the samples' "
    "client, no privileges, two minutes to live), asks every remote's API server for its version at the URL that goes "
    "into the remote secret, and trusts only the remote's own authority, as istiod does. The pod is taken away again "
    "whatever happens. No answer means a firewall, a route, or the wrong URL; a certificate that is not trusted means "
    "a proxy in between. istiod would stay `syncing` with this remote for ever.",
    "Open the way, or give the URL that pods of the primary reach: `--server NAME=https://HOST:6443`.",
    asked_by="--probe-from-primary",
)

PROBE_FAILED = Check(
    "MESH-189",
    Category.NETWORK,
    Severity.WARNING,
    "a probe could not be made",
    "A probe that was asked for could not be carried out: the pod did not start (its image could not be pulled, an "
    "admission policy refused it), or the user may not make it. So nothing was found out, neither good nor bad.",
    "See the reason; `--set images.registry=...` names a registry that has the image.",
    asked_by="--probe-from-primary, --probe-load-balancer",
)

CHECKS = (
    URL_LOCAL,
    URL_REPLACED,
    URL_BY_PROXY,
    PROXY_NOT_USED,
    SECRET_UNUSABLE,
    HOSTNAME_UNKNOWN,
    IPV6_ONLY,
    URL_UNREACHABLE,
    PROBE_FAILED,
)
