"""Whether clusters reach each other where the mesh needs it, as far as URLs, secrets and addresses tell."""

import ipaddress
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterator, Mapping

import yaml

from meshctl import documents
from meshctl.checks.catalog.preflight import network as catalog
from meshctl.checks.finding import Finding, found
from meshctl.checks.preflight.operator import kubectl
from meshctl.checks.preflight.survey import REMOTE_SECRETS, Survey
from meshctl.checks.preflight.versions import minor
from meshctl.checks.survey import node_address
from meshctl.conditions import ingress_of
from meshctl.names import GATEWAY_SERVICE, ISTIO_SYSTEM, remote_secret
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster, MeshSpec
from meshctl.spec.addresses import bracketed, host_of, server_problem

API_PORT = 6443
Resolve = Callable[[str], list[str]]


def server_for(remote: Cluster, server: str, nodes: tuple[Manifest, ...], known: str = "") -> tuple[str, list[Finding]]:
    """Return the URL by which the primary's istiod reaches a remote's API server, and what there is to say about it.

    A kubeconfig that says 127.0.0.1 (kind, tunnels) is right for this machine alone: then the address of the
    control-plane node is taken, where there is one to see. `server` is the
    kubeconfig's URL, `nodes` are those of the remote, and `known` is the URL that istiod uses already.
    """
    if remote.server:
        return remote.server, []
    host = host_of(server)
    override = f"--server {remote.name}=https://HOST:{API_PORT}"
    if not is_local(host):
        problem = server_problem(server)
        text = f"istiod cannot use the kubeconfig's URL of the API server: it {problem}"
        hint = f"give the API server's own URL, as pods of the primary reach it: {override}"
        return server, [found(catalog.URL_BY_PROXY, remote.name, text, hint)] if problem else []
    address = node_address(nodes)
    if not address:
        text = f"the kubeconfig says {server}, which no pod of another cluster can reach"
        hint = f"give the address that pods of the primary can reach: {override}"
        return "", [found(catalog.URL_LOCAL, remote.name, text, hint)]
    url = f"https://{bracketed(address)}:{API_PORT}"
    if url == known:
        return url, []
    text = f"the kubeconfig says {server}; istiod will use {url}, the address of the control-plane node"
    return url, [
        found(catalog.URL_REPLACED, remote.name, text, f"if pods of the primary cannot reach that: {override}")
    ]


def is_local(host: str) -> bool:
    """Say whether a host means this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def known_servers(mesh: MeshSpec, primary: Survey | None) -> dict[str, str]:
    """Return the URLs in the remote secrets of this mesh, by the remote's name."""
    if primary is None:
        return {}
    secrets = {dig(one, "metadata", "name"): one for one in primary.all(REMOTE_SECRETS)}
    found_ = {one.name: secrets.get(remote_secret(one.name).name) for one in mesh.remotes}
    configs = {name: next(iter(_kubeconfigs(secret).values()), {}) for name, secret in found_.items() if secret}
    return {name: str(dig(config, "clusters", 0, "cluster", "server") or "") for name, config in configs.items()}


def by_proxy(mesh: MeshSpec, proxies: Mapping[str, str]) -> Iterator[Finding]:
    """Find the remotes that this machine reaches by a proxy; `proxies` are the kubeconfig's, by cluster."""
    for remote in mesh.remotes:
        if proxies.get(remote.name) and not remote.server:
            text = f"the kubeconfig goes through the proxy {proxies[remote.name]}, and istiod will not"
            hint = f"if pods of the primary need another URL: --server {remote.name}=https://HOST:{API_PORT}"
            yield found(catalog.PROXY_NOT_USED, remote.name, text, hint)


def remote_secrets(mesh: MeshSpec, primary: Survey) -> Iterator[Finding]:
    """Find the remote secrets on the primary that istiod would not or could not use."""
    for secret in primary.all(REMOTE_SECRETS):
        name = str(dig(secret, "metadata", "name"))
        for key, config in _kubeconfigs(secret).items():
            if problem := _unusable(config):
                text = f"istiod cannot use secret/{name} in {ISTIO_SYSTEM}, for cluster {key}: {problem}"
                command = f"{kubectl(mesh.primary)} -n {ISTIO_SYSTEM} delete secret {name}"
                yield found(catalog.SECRET_UNUSABLE, primary.cluster, text, "install makes a proper one:", command)


def gateway_address(mesh: MeshSpec, primary: Survey, resolve: Resolve) -> Iterator[Finding]:
    """Judge the address of the primary's gateway, where it is known already."""
    given = [mesh.primary.gateway_address] if mesh.primary.gateway_address else ingress_of(primary.get(GATEWAY_SERVICE))
    hostname = next((one for one in given if not _version_of(one)), "")
    ips = [one for one in given if _version_of(one)]
    override = f"--gateway-address {mesh.primary.name}=IP"
    if hostname and not ips:
        ips = resolve(hostname)
        if not ips:
            text = f"the gateway's load balancer gives the hostname {hostname}, which does not resolve here"
            yield found(catalog.HOSTNAME_UNKNOWN, primary.cluster, text, f"give an IP that leads to it: {override}")
    if ips and all(_version_of(ip) == 6 for ip in ips) and not _takes_ipv6(mesh.istio_version, vendor=primary.vendor):
        text = (
            f"the gateway has only an IPv6 address ({ips[0]}), and Istio {mesh.istio_version} takes it for a hostname"
        )
        hint = f"give an IPv4 address: {override}; or choose a newer Istio: --set istioVersion=…"
        yield found(catalog.IPV6_ONLY, primary.cluster, text, hint)


def _takes_ipv6(istio: str, *, vendor: bool) -> bool:
    numbers = [int(part) for part in istio.split(".") if part.isdecimal()]
    return (minor(istio) or (0, 0)) >= (1, 30) or (vendor and numbers >= [1, 28, 6])


def _version_of(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def _unusable(config: Manifest) -> str:
    """Say why istiod does not take a kubeconfig; the sentence holds nothing of it but the URL."""
    user, cluster = (dig(config, part, 0, one) or {} for part, one in (("users", "user"), ("clusters", "cluster")))
    plugin = next((name for name in ("exec", "auth-provider") if user.get(name)), "")
    server = str(cluster.get("server") or "")
    rules = (
        (bool(plugin), f"it has a credential plugin ({plugin})"),
        (not cluster.get("certificate-authority-data"), "it has no certificate authority in it"),
        (is_local(host_of(server)), f"its URL {server} leads to the pod itself"),
    )
    return next((text for broken, text in rules if broken), "")


def _kubeconfigs(secret: Manifest) -> dict[str, Manifest]:
    """Return the kubeconfigs of a remote secret by the name of their cluster; what is none counts as empty."""
    configs = {}
    for key, value in (dig(secret, "data") or {}).items():
        try:
            read = documents.read(b64decode(value, validate=True))
        except (NotBase64, yaml.YAMLError, ValueError):
            read = None
        configs[str(key)] = read if isinstance(read, dict) else {}
    return configs
