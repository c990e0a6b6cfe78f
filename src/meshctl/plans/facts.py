"""Facts: what a step asks the clusters for at the moment it needs the answer."""

import base64
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from meshctl.checks.kernel import edited_template
from meshctl.conditions import ingress_of
from meshctl.errors import MeshctlError, NotReadyError
from meshctl.manifests import remote_kubeconfig
from meshctl.names import GATEWAY_SERVICE, INJECTOR_TEMPLATES, READER_TOKEN, THE_ISTIO
from meshctl.objects import dig
from meshctl.plan import Clients, Fact
from meshctl.spec import Cluster, MeshSpec
from meshctl.spec.addresses import is_ip

Resolve = Callable[[str], list[str]]
"""A hostname's IP addresses, or none when it does not resolve."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was found out about the clusters beforehand: API server URLs by remote, and whether kernels are old."""

    resolve: Resolve
    servers: Mapping[str, str] = field(default_factory=dict)
    old_kernel: bool = False


def gateway_addresses(clients: Clients, cluster: Cluster, resolve: Resolve) -> tuple[list[str], str]:
    """Return the IPs that lead to a cluster's gateway, and the hostname they come from, if they come from one.

    The override of the spec beats the load balancer. IPv4 comes first: most charts take IPv6 for a hostname.
    """
    if cluster.gateway_address:
        return [cluster.gateway_address], ""
    given = ingress_of(clients[cluster.name].get(GATEWAY_SERVICE))
    ips = [one for one in given if is_ip(one)]
    hostname = "" if ips else next((one for one in given if not is_ip(one)), "")
    if hostname:
        ips = resolve(hostname)
        if not ips:
            msg = f"{cluster.name}: the load balancer hands out the hostname {hostname}, which does not resolve here"
            raise MeshctlError(msg, hint=f"give an IP that leads to it: --gateway-address {cluster.name}=IP")
    if not ips:
        msg = f"{cluster.name}: the load balancer has not given the east-west gateway an address"
        raise NotReadyError(msg)
    return sorted(ips, key=lambda one: ipaddress.ip_address(one).version), hostname


def discovery_address(mesh: MeshSpec, remote: Cluster, resolve: Resolve) -> Fact:
    """Return the IP by which `remote` reaches istiod (the guide's DISCOVERY_ADDRESS).

    A hostname is resolved: a name would make the operator render a Service of type ExternalName, which sends webhook
    calls to port 443. An address that is already in use stays, as long as it is one of those handed out now.
    """

    def ask(clients: Clients) -> str:
        addresses, _ = gateway_addresses(clients, mesh.primary, resolve)
        used = dig(clients[remote.name].get(THE_ISTIO), "spec", "values", "global", "remotePilotAddress")
        return used if used in addresses else addresses[0]

    return Fact(f"address of {GATEWAY_SERVICE} on {mesh.primary.name}", ask)


def discovery_hostname(mesh: MeshSpec, resolve: Resolve) -> Fact:
    """Return the hostname behind the discovery address, empty when the load balancer gives IPs."""
    return Fact(
        f"hostname of {GATEWAY_SERVICE} on {mesh.primary.name}, if it has one",
        lambda clients: gateway_addresses(clients, mesh.primary, resolve)[1],
    )


def reader_kubeconfig(remote: Cluster, server: str) -> Fact:
    """Return the kubeconfig by which istiod reads `remote`, from the reader's token there."""

    def ask(clients: Clients) -> str:
        secret = clients[remote.name].get(READER_TOKEN)
        token, ca = dig(secret, "data", "token"), dig(secret, "data", "ca.crt")
        if not token or not ca:
            msg = f"{remote.name}: {READER_TOKEN} holds no token"
            raise NotReadyError(msg)
        return remote_kubeconfig(remote.name, server, base64.b64decode(ca), base64.b64decode(token).decode())

    return Fact(f"kubeconfig of {server or 'its API server'} with the token of {READER_TOKEN} on {remote.name}", ask)


def old_kernel_template(primary: Cluster) -> Fact:
    """Return the gateway injection template without the sysctl that kernels before 4.11 do not have."""

    def ask(clients: Clients) -> str:
        config = clients[primary.name].get(INJECTOR_TEMPLATES)
        return edited_template(str(dig(config, "data", "config") or ""))

    return Fact(f"gateway template of {INJECTOR_TEMPLATES} on {primary.name}, without its sysctl", ask)
