"""Why a version does not answer a cluster: the first broken link of the mesh, or else what is wrong with the samples.

Missing pieces of a mesh are silent. What is broken of the mesh itself is for the diagnosis to judge; the samples are
only asked when that finds nothing.
"""

from dataclasses import dataclass

from meshctl import conditions as is_
from meshctl.checks.catalog.links_traffic import ENDPOINTS_UNKNOWN
from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.finding import Finding
from meshctl.checks.probes import is_injected, is_leaving, running
from meshctl.checks.survey import of_all
from meshctl.cluster import Client
from meshctl.errors import MeshctlError
from meshctl.manifests import version_of
from meshctl.names import DEPLOYMENT, NAMESPACE, POD, SERVICE
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster, MeshSpec
from meshctl.verification import Matrix

CLIENT, SERVER = "sleep", "helloworld"


@dataclass(frozen=True, slots=True)
class Side:
    """The samples of one cluster, as its API server tells them."""

    namespace: Manifest | None
    service: Manifest | None
    server: Manifest | None
    client: Manifest | None
    pods: tuple[Manifest, ...]


Sides = dict[str, Side | MeshctlError]
"""The samples by cluster, or why a cluster does not answer."""


def explain(clients: Clients, mesh: MeshSpec, matrix: Matrix, found: Diagnosis | None) -> dict[tuple[str, str], str]:
    """Return, for every missing pair, what is likely open; `found` is the mesh itself, judged."""
    if matrix.complete():
        return {}
    sides = gather(clients, mesh)
    by_version = {version_of(mesh, cluster): cluster for cluster in mesh.clusters}
    by_name = {cluster.name: cluster for cluster in mesh.clusters}
    return {
        (source, version): why_missing(mesh, sides, found, by_name[source], by_version[version])
        for source, version in matrix.missing()
    }


def gather(clients: Clients, mesh: MeshSpec) -> Sides:
    """Ask all clusters at the same time."""
    versions = {cluster.name: version_of(mesh, cluster) for cluster in mesh.clusters}
    return of_all(clients, lambda client: side(client, mesh.sample_namespace, versions[client.cluster]))


def side(client: Client, namespace: str, version: str) -> Side:
    """Ask one cluster."""
    return Side(
        namespace=client.get(Ref(NAMESPACE, namespace)),
        service=client.get(Ref(SERVICE, SERVER, namespace)),
        server=client.get(Ref(DEPLOYMENT, f"{SERVER}-{version}", namespace)),
        client=client.get(Ref(DEPLOYMENT, CLIENT, namespace)),
        pods=tuple(client.list(POD, namespace)),
    )


def why_missing(mesh: MeshSpec, sides: Sides, found: Diagnosis | None, source: Cluster, target: Cluster) -> str:
    """Return what is open between a client on `source` and the server on `target`."""
    broken = _broken(mesh, found, source, target) if found else None
    named = _told(broken)
    # What a proxy does not know may be a matter of the samples, and these say more.
    sure = broken is not None and broken.code != ENDPOINTS_UNKNOWN.code
    causes = (
        named if sure else "",
        _workload(sides, target, SERVER),
        _workload(sides, source, CLIENT),
        _service(sides, source, "the name does not resolve there"),
        _service(sides, target, "its pods are nobody's endpoints"),
        named,
    )
    return next(filter(None, causes), "nothing that can be asked for is missing: look at the client's proxy")


def _told(broken: Finding | None) -> str:
    advice = (broken.command or broken.hint) if broken else ""
    return f"{broken.code}: {broken.text}" + (f": {advice}" if advice else "") if broken else ""


def _broken(mesh: MeshSpec, found: Diagnosis, source: Cluster, target: Cluster) -> Finding | None:
    """Return the first broken link on the way: of what all clusters share, else of the target, else of the source."""
    asked = dict(zip((cluster.name for cluster in mesh.clusters), found.chains, strict=True))
    ways = (found.chains[0], asked[target.name], asked[source.name])
    return next((chain.first for chain in ways if chain.first), None)


def _workload(sides: Sides, cluster: Cluster, app: str) -> str:
    one = sides[cluster.name]
    if isinstance(one, MeshctlError):
        return f"{cluster.name} does not answer: {one.message}"
    deployment = one.server if app == SERVER else one.client
    labels = dig(one.namespace, "metadata", "labels") or {}
    if one.namespace is not None and labels.get("istio-injection") != "enabled" and "istio.io/rev" not in labels:
        name = dig(one.namespace, "metadata", "name")
        return f"namespace {name} on {cluster.name} is not labelled istio-injection=enabled: its pods have no sidecar"
    if deployment is None:
        return f"{app} is not deployed on {cluster.name}"
    pods = [pod for pod in one.pods if dig(pod, "metadata", "labels", "app") == app and not is_leaving(pod)]
    verdict = is_.rolled_out(deployment)
    if not verdict.met:
        return f"{app} is not available on {cluster.name}: {verdict.detail}"
    bare = [pod for pod in running(pods) if not is_injected(pod)]
    return f"{app} on {cluster.name} has no sidecar: restart it" if bare else ""


def _service(sides: Sides, cluster: Cluster, consequence: str) -> str:
    one = sides[cluster.name]
    missing = isinstance(one, Side) and one.service is None
    return f"there is no Service helloworld on {cluster.name}: {consequence}" if missing else ""
