"""Evidence to a status report: names as they really are, every cluster's part, what is wrong, and what has drifted."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from meshctl.certs.material import Severity
from meshctl.checks import evidence as seen
from meshctl.checks.diagnosis.gathering import case_seen
from meshctl.checks.diagnosis.judging import judge
from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.evidence import Evidence, Sight
from meshctl.checks.finding import Finding
from meshctl.checks.status.judging import problems
from meshctl.checks.status.links import access
from meshctl.checks.status.model import ClusterStatus, Drift, Role, StatusReport, Unjudged
from meshctl.checks.status.seeing import primary_status, remote_status, silent_status
from meshctl.checks.status.trust import trust_problems
from meshctl.names import CACERTS, GATEWAY_DEPLOYMENT, GATEWAY_SERVICE, ISTIOD, THE_CNI, THE_ISTIO
from meshctl.spec import Cluster, MeshSpec

SIGNS_OF_A_MESH = (THE_ISTIO, THE_CNI, ISTIOD, GATEWAY_SERVICE, GATEWAY_DEPLOYMENT)


def status_report(mesh: MeshSpec, evidence: Evidence, now: datetime, options: str) -> StatusReport:
    """Judge a whole mesh; `mesh` is what was asked for by `options`, `evidence` is by its names."""
    case = case_seen(mesh, evidence, options)
    there = case.mesh
    clusters = tuple(_clusters(mesh, there, evidence))
    installed = any(_signs(one) for one in evidence.sights.values())
    found = _problems(clusters, mesh, evidence, now) if installed or evidence.silent else ()
    diagnosis = judge(case) if installed else None
    istios = [one for cluster in clusters if (one := cluster.resource("Istio"))]
    return StatusReport(
        at=now,
        mesh_id=there.mesh_id,
        version=there.istio_version,
        installed=installed,
        managers=tuple(sorted({name for one in istios for name in one.managers})),
        clusters=clusters,
        problems=tuple(sorted(found, key=lambda one: one.severity is not Severity.ERROR)),
        drift=tuple(_drift(mesh, there, clusters)) if installed else (),
        options=options,
        open_links=diagnosis.first if diagnosis else (),
        unjudged=tuple(_unjudged(diagnosis)) if diagnosis else (),
    )


def _unjudged(diagnosis: Diagnosis) -> Iterator[Unjudged]:
    for chain in diagnosis.chains:
        for one in chain.links:
            if one.hidden:
                yield Unjudged(chain.cluster.name, one.whole, one.why)


def _signs(sight: Sight) -> bool:
    # What may not be read may well be there.
    there = any(sight.get(ref) is not None or ref in sight.unseen for ref in SIGNS_OF_A_MESH)
    return there or bool(sight.all(seen.REVISIONS))


def _clusters(mesh: MeshSpec, there: MeshSpec, evidence: Evidence) -> Iterator[ClusterStatus]:
    primary = evidence.sights.get(mesh.primary.name)
    first = _one(mesh.primary, there.primary, Role.PRIMARY, evidence)
    yield first
    live = first.gateway.addresses if first.gateway else ()
    for asked, cluster in zip(mesh.remotes, there.remotes, strict=True):
        sight = evidence.sights.get(asked.name)
        if sight is None:
            shown = _one(asked, cluster, Role.REMOTE, evidence)
            yield replace(shown, access=access(cluster.name, primary, None, evidence.istiods))
        else:
            yield remote_status(cluster, sight, primary, evidence.istiods, live)


def _one(asked: Cluster, cluster: Cluster, role: Role, evidence: Evidence) -> ClusterStatus:
    sight = evidence.sights.get(asked.name)
    if sight is not None:
        return primary_status(cluster, sight)
    why = evidence.silent[asked.name]
    return silent_status(cluster, role, why.message.removeprefix(f"{asked.name}: "), why.hint)


def _problems(
    clusters: tuple[ClusterStatus, ...], mesh: MeshSpec, evidence: Evidence, now: datetime
) -> Iterator[Finding]:
    for cluster in clusters:
        yield from problems(cluster, clusters[0])
    # What may not be read must not look like what is not there.
    secrets = {
        cluster.name: sight.get(CACERTS)
        for asked, cluster in zip(mesh.clusters, clusters, strict=True)
        if (sight := evidence.sights.get(asked.name)) and CACERTS not in sight.unseen
    }
    yield from trust_problems(clusters, secrets, now)


def _drift(mesh: MeshSpec, there: MeshSpec, clusters: tuple[ClusterStatus, ...]) -> Iterator[Drift]:
    for asked, cluster in zip(mesh.clusters, there.clusters, strict=True):
        for what, wanted, found in (
            ("name", asked.name, cluster.name),
            ("network", asked.network, cluster.network),
        ):
            if wanted != found:
                yield Drift(cluster.name, what, wanted, found)
    for cluster_status in clusters:
        for one in cluster_status.resources:
            if one.version and one.version != mesh.istio_version:
                yield Drift(cluster_status.name, f"version of {one.kind}", mesh.istio_version, one.version)
    if mesh.mesh_id != there.mesh_id:
        yield Drift(there.primary.name, "mesh ID", mesh.mesh_id, there.mesh_id)
