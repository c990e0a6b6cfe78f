"""What must be true before `install` writes anything: pure functions of what the survey found, all findings at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from shlex import quote

from meshctl.checks.finding import Finding
from meshctl.checks.identity import identity
from meshctl.checks.kernel import has_old_kernel
from meshctl.checks.preflight import network, operator, platform, trust
from meshctl.checks.preflight.network import Resolve
from meshctl.checks.preflight.reachability import clock, refused, same_cluster, twins
from meshctl.checks.preflight.survey import Survey
from meshctl.checks.rights import lacking
from meshctl.errors import MeshctlError
from meshctl.names import NODE
from meshctl.spec import Kernel, MeshSpec

__all__ = ["Judgement", "judge", "mesh_options", "refused"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the survey means: findings, the API server URLs that go into remote secrets, and whether kernels are old.

    `versions` are Kubernetes' by the names of the clusters that answered.
    """

    findings: tuple[Finding, ...]
    servers: Mapping[str, str]
    old_kernel: bool
    versions: Mapping[str, str]


def judge(
    mesh: MeshSpec,
    surveys: Mapping[str, Survey | MeshctlError],
    now: datetime,
    resolve: Resolve,
    proxies: Mapping[str, str],
) -> Judgement:
    """Judge all clusters together; `proxies` are those of the kubeconfig, by cluster."""
    mesh = _located(mesh)
    seen = {name: one for name, one in surveys.items() if isinstance(one, Survey)}
    distinct = {name: one for name, one in seen.items() if name not in twins(seen)}
    findings = [
        *(refused(name, one) for name, one in surveys.items() if isinstance(one, MeshctlError)),
        *same_cluster(seen),
        *(f for one in seen.values() for f in clock(one)),
        *identity(mesh, {name: one.istio for name, one in seen.items()}),
        *(f for name, one in seen.items() for f in lacking(name, one.missing_rights)),
        *_each(mesh, seen),
        *operator.unlike(seen),
        *trust.trust(mesh, distinct, mesh_options(mesh), now),
    ]
    primary = seen.get(mesh.primary.name)
    known = network.known_servers(mesh, primary)
    servers: dict[str, str] = {}
    for remote in mesh.remotes:
        if remote.name in seen:
            one = seen[remote.name]
            known_url = known.get(remote.name, "")
            servers[remote.name], told = network.server_for(remote, one.server, one.all(NODE.name), known_url)
            findings += told
    findings += network.by_proxy(mesh, proxies)
    if primary:
        findings += [*network.remote_secrets(mesh, primary), *network.gateway_address(mesh, primary, resolve)]
    nodes = [node for one in seen.values() for node in one.all(NODE.name)]
    old = mesh.kernel is Kernel.OLD or (mesh.kernel is Kernel.AUTO and has_old_kernel(nodes))
    return Judgement(tuple(findings), servers, old, {name: one.version for name, one in seen.items()})


def _each(mesh: MeshSpec, seen: Mapping[str, Survey]) -> Iterator[Finding]:
    teardown = f"meshctl teardown {mesh_options(mesh)}"
    for cluster in mesh.clusters:
        if one := seen.get(cluster.name):
            yield from operator.operator(one, cluster, mesh.istio_version)
            yield from operator.in_the_way(one, cluster, teardown)
            yield from platform.platform(one, cluster, mesh)


def _located(mesh: MeshSpec) -> MeshSpec:
    """Return the mesh with every cluster's own kubeconfig, for the commands that findings name."""
    primary, *remotes = (replace(one, kubeconfig=one.kubeconfig or mesh.kubeconfig) for one in mesh.clusters)
    return replace(mesh, primary=primary, remotes=tuple(remotes))


def mesh_options(mesh: MeshSpec) -> str:
    """Return the options that name the clusters of a mesh on a command line."""
    ways = [("--east", mesh.primary), *(("--west", cluster) for cluster in mesh.remotes)]
    config = [f"--kubeconfig {quote(mesh.kubeconfig)}"] if mesh.kubeconfig else []
    return " ".join([*(f"{flag} {quote(cluster.context)}" for flag, cluster in ways), *config])
