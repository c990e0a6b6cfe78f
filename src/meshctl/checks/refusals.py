"""What must be true before `install` writes anything: pure functions of what the survey found, all findings at once."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from urllib.parse import urlsplit

from meshctl.checks.catalog.preflight.network import URL_LOCAL, URL_REPLACED
from meshctl.checks.catalog.preflight.operator import NOT_RUNNING, NOT_SERVED, VERSION_REFUSED
from meshctl.checks.catalog.preflight.reachability import API_SILENT, CLOCK_OFF, NOT_LOGGED_IN, SAME_CLUSTER
from meshctl.checks.finding import Finding, found
from meshctl.checks.identity import identity
from meshctl.checks.kernel import has_old_kernel
from meshctl.checks.rights import lacking
from meshctl.checks.survey import OPERATOR_LABEL, Survey, node_address
from meshctl.checks.trust import cacerts
from meshctl.errors import ClusterError, MeshctlError
from meshctl.objects import Manifest
from meshctl.spec import Cluster, Kernel, MeshSpec

API_PORT = 6443
CLOCK_TOLERANCE = 60.0
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the survey means: findings, the API server URLs that go into remote secrets, and whether kernels are old.

    `versions` are Kubernetes' by the names of the clusters that answered.
    """

    findings: tuple[Finding, ...]
    servers: Mapping[str, str]
    old_kernel: bool
    versions: Mapping[str, str]


def judge(mesh: MeshSpec, surveys: Mapping[str, Survey | MeshctlError], now: datetime) -> Judgement:
    """Judge all clusters together."""
    seen = {name: one for name, one in surveys.items() if isinstance(one, Survey)}
    findings = [
        *(refused(name, one) for name, one in surveys.items() if isinstance(one, MeshctlError)),
        *_same_cluster(seen),
        *(f for name, one in seen.items() for f in lacking(name, one.missing_rights)),
        *(f for cluster in mesh.clusters if cluster.name in seen for f in _operator(seen, cluster, mesh.istio_version)),
        *(f for name in seen for f in _clock(seen[name])),
        *identity(mesh, {name: one.istio for name, one in seen.items()}),
        *cacerts(mesh, seen, mesh_options(mesh), now),
    ]
    servers: dict[str, str] = {}
    for remote in mesh.remotes:
        if remote.name in seen:
            servers[remote.name], told = server_for(remote, seen[remote.name].server, seen[remote.name].nodes)
            findings += told
    nodes = [node for one in seen.values() for node in one.nodes]
    old = mesh.kernel is Kernel.OLD or (mesh.kernel is Kernel.AUTO and has_old_kernel(nodes))
    return Judgement(tuple(findings), servers, old, {name: one.version for name, one in seen.items()})


def refused(cluster: str, why: MeshctlError) -> Finding:
    """Return the finding for a cluster that gave an error for an answer."""
    unknown = isinstance(why, ClusterError) and why.status == UNAUTHORIZED
    text = why.message.removeprefix(f"{cluster}: ")
    return found(NOT_LOGGED_IN if unknown else API_SILENT, cluster, text, why.hint)


def _same_cluster(seen: Mapping[str, Survey]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for name, one in seen.items():
        other = first.setdefault(one.uid, name) if one.uid else name
        if other != name:
            text = f"is the same cluster as {other} (kube-system has the same UID)"
            yield found(SAME_CLUSTER, name, text, "name another context")


def _operator(seen: Mapping[str, Survey], cluster: Cluster, version: str) -> Iterator[Finding]:
    one = seen[cluster.name]
    if one.operator is False:
        look = f"kubectl --context {quote(cluster.context)} get pods -A -l {OPERATOR_LABEL}"
        text = "the Sail operator is installed, but none of its pods is ready"
        yield found(NOT_RUNNING, one.cluster, text, command=look)
    for kind, versions in one.versions.items():
        if versions is None:
            text = f"the Sail operator's {kind} is not served here"
            yield found(NOT_SERVED, one.cluster, text, "install the operator first")
        elif versions and f"v{version}" not in versions:
            offered = ", ".join(sorted(versions, reverse=True))
            yield found(
                VERSION_REFUSED,
                one.cluster,
                f"the operator's {kind} does not accept v{version}; it accepts {offered}",
                "upgrade the operator, or choose another version: --set istioVersion=…",
            )


def _clock(one: Survey) -> Iterator[Finding]:
    if abs(one.clock) > CLOCK_TOLERANCE:
        way = "ahead of" if one.clock > 0 else "behind"
        text = f"its clock is {abs(one.clock):.0f} s {way} this machine's: certificates and tokens may not be valid yet"
        yield found(CLOCK_OFF, one.cluster, text, "let every clock be set by NTP")


def mesh_options(mesh: MeshSpec) -> str:
    """Return the options that name the clusters of a mesh on a command line."""
    ways = [("--east", mesh.primary), *(("--west", cluster) for cluster in mesh.remotes)]
    return " ".join(f"{flag} {quote(cluster.context)}" for flag, cluster in ways)


def server_for(remote: Cluster, server: str, nodes: tuple[Manifest, ...]) -> tuple[str, list[Finding]]:
    """Return the URL by which the primary's istiod reaches a remote's API server, and what there is to say about it.

    `server` is the kubeconfig's, `nodes` are those of the remote.

    A kubeconfig that says 127.0.0.1 (kind, tunnels) is right for this machine alone: then the address of the
    control-plane node is taken, where there is one to see.
    """
    if remote.server:
        return remote.server, []
    host = urlsplit(server).hostname or ""
    if not is_local(host):
        return server, []
    address = node_address(nodes)
    override = f"--server {remote.name}=https://HOST:{API_PORT}"
    if not address:
        text = f"the kubeconfig says {server}, which no pod of another cluster can reach"
        return "", [
            found(URL_LOCAL, remote.name, text, f"give the address that pods of the primary can reach: {override}")
        ]
    named = f"[{address}]" if ":" in address else address
    url = f"https://{named}:{API_PORT}"
    text = f"the kubeconfig says {server}; istiod will use {url}, the address of the control-plane node"
    return url, [found(URL_REPLACED, remote.name, text, f"if pods of the primary cannot reach that: {override}")]


def is_local(host: str) -> bool:
    """Say whether a host means this machine alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
