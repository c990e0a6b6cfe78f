"""Why a version does not answer a cluster: in the order of cause and effect, the first thing that is open is named.

Missing pieces of a mesh are silent, so this asks every piece; what it asks is gathered first, then judged purely.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from meshctl import conditions as is_
from meshctl.checks.inventory import listed
from meshctl.checks.probes import is_injected, is_leaving, istiod_views, running, sync_problem, webhook_cause
from meshctl.checks.survey import of_all
from meshctl.cluster import Client
from meshctl.errors import MeshctlError
from meshctl.manifests import version_of
from meshctl.names import (
    DEPLOYMENT,
    GATEWAY,
    GATEWAY_DEPLOYMENT,
    GATEWAY_PODS,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    NETWORK_LABEL,
    POD,
    ROOT_CERT,
    SERVICE,
    injection_path,
)
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster, MeshSpec
from meshctl.verification import Matrix

XDS_PORT, WEBHOOK_PORT, DATA_PORT = 15012, 15017, 15443
MODES: Mapping[int, str] = MappingProxyType(
    {XDS_PORT: "PASSTHROUGH", WEBHOOK_PORT: "PASSTHROUGH", DATA_PORT: "AUTO_PASSTHROUGH"}
)
"""The TLS mode in which a Gateway must open each port of the east-west gateways."""

AGAIN = "run meshctl install again"


@dataclass(frozen=True, slots=True)
class Side:
    """What one cluster contributes to traffic, as its API server tells it."""

    namespace: Manifest | None
    service: Manifest | None
    server: Manifest | None
    client: Manifest | None
    pods: tuple[Manifest, ...]
    gateway_service: Manifest | None
    gateway: Manifest | None
    gateway_pods: tuple[Manifest, ...]
    injector: Manifest | None
    root: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the judgement is made of.

    `known` is what one istiod says about clusters, None when none answers; `ports` are those that Gateways open on the
    east-west gateways, None when they could not be asked for.
    """

    sides: Mapping[str, Side]
    silent: Mapping[str, str]
    istiod: Manifest | None
    known: Mapping[str, Mapping[str, str]] | None
    ports: frozenset[int] | None


def explain(clients: Clients, mesh: MeshSpec, matrix: Matrix) -> dict[tuple[str, str], str]:
    """Return, for every missing pair, what is likely open."""
    if matrix.complete():
        return {}
    evidence = gather(clients, mesh)
    by_version = {version_of(mesh, cluster): cluster for cluster in mesh.clusters}
    by_name = {cluster.name: cluster for cluster in mesh.clusters}
    return {
        (source, version): why_missing(mesh, evidence, by_name[source], by_version[version])
        for source, version in matrix.missing()
    }


def gather(clients: Clients, mesh: MeshSpec) -> Evidence:
    """Ask all clusters at the same time."""
    versions = {cluster.name: version_of(mesh, cluster) for cluster in mesh.clusters}
    answers = of_all(clients, lambda client: side(client, mesh.sample_namespace, versions[client.cluster]))
    primary = clients[mesh.primary.name]
    try:
        istiod = primary.get(ISTIOD)
        ports = frozenset(port for gateway in listed(primary, GATEWAY, ISTIO_SYSTEM) for port in _opened(gateway))
        views = istiod_views(primary)
    except MeshctlError:
        istiod, ports, views = None, None, {}
    return Evidence(
        sides={name: one for name, one in answers.items() if isinstance(one, Side)},
        silent={name: one.message for name, one in answers.items() if isinstance(one, MeshctlError)},
        istiod=istiod,
        known=next(iter(views.values()), None),
        ports=ports,
    )


def side(client: Client, namespace: str, version: str) -> Side:
    """Ask one cluster."""
    return Side(
        namespace=client.get(Ref(NAMESPACE, namespace)),
        service=client.get(Ref(SERVICE, "helloworld", namespace)),
        server=client.get(Ref(DEPLOYMENT, f"helloworld-{version}", namespace)),
        client=client.get(Ref(DEPLOYMENT, "sleep", namespace)),
        pods=tuple(client.list(POD, namespace)),
        gateway_service=client.get(GATEWAY_SERVICE),
        gateway=client.get(GATEWAY_DEPLOYMENT),
        gateway_pods=tuple(client.list(POD, ISTIO_SYSTEM, labels=GATEWAY_PODS)),
        injector=client.get(INJECTOR),
        root=str(dig(client.get(ROOT_CERT), "data", "root-cert.pem") or "").strip(),
    )


def _opened(gateway: Manifest) -> Iterator[int]:
    """Yield the ports that a Gateway opens, in the mode that the port must have."""
    for server in dig(gateway, "spec", "servers") or []:
        number = dig(server, "port", "number")
        if number in MODES and dig(server, "tls", "mode") == MODES[number]:
            yield number


def why_missing(mesh: MeshSpec, evidence: Evidence, source: Cluster, target: Cluster) -> str:
    """Return the first open link between a client on `source` and the server on `target`."""
    for name in (target.name, source.name):
        if name in evidence.silent:
            return f"{name} does not answer: {evidence.silent[name]}"
    causes = (
        _control(mesh, evidence, target),
        _control(mesh, evidence, source),
        _webhook(mesh, evidence, target),
        _webhook(mesh, evidence, source),
        _workload(mesh, evidence, target, "helloworld"),
        _workload(mesh, evidence, source, "sleep"),
        _service(evidence, source, "the name does not resolve there"),
        _service(evidence, target, "its pods are nobody's endpoints"),
        *(_across(mesh, evidence, source, target) if source != target else ()),
    )
    return next(filter(None, causes), "nothing that an API server shows is missing: look at the client's proxy")


def _across(mesh: MeshSpec, evidence: Evidence, source: Cluster, target: Cluster) -> Iterator[str]:
    yield _sync(mesh, evidence, target)
    yield _sync(mesh, evidence, source)
    yield _gateway(evidence, target)
    yield _closed(mesh, evidence, "the services", DATA_PORT)
    yield _roots(evidence, source, target)
    address = ", ".join(is_.ingress_of(evidence.sides[target.name].gateway_service))
    yield f"port 15443 of {target.name}'s gateway at {address} may not be reachable from {source.name}: a firewall?"


def _control(mesh: MeshSpec, evidence: Evidence, cluster: Cluster) -> str:
    """Return what keeps the samples of a cluster from starting: the way of its webhook and its proxies to istiod."""
    one = evidence.sides[cluster.name]
    if all(is_.rolled_out(deployment).met for deployment in (one.server, one.client)):
        return ""
    istiod = is_.rolled_out(evidence.istiod)
    if evidence.ports is not None and not istiod.met:
        return f"istiod on {mesh.primary.name} is not available: {istiod.detail}"
    if cluster == mesh.primary or mesh.primary.name not in evidence.sides:
        return ""
    return (
        _gateway(evidence, mesh.primary)
        or _closed(mesh, evidence, "istiod", XDS_PORT, WEBHOOK_PORT)
        or (_sync(mesh, evidence, cluster) if is_.ca_bundle_set(one.injector).met else "")
    )


def _closed(mesh: MeshSpec, evidence: Evidence, what: str, *ports: int) -> str:
    closed = [str(port) for port in ports if evidence.ports is not None and port not in evidence.ports]
    numbers = " and ".join(closed)
    return f"{mesh.primary.name} does not expose {what} (no Gateway for {numbers}): {AGAIN}" if closed else ""


def _webhook(mesh: MeshSpec, evidence: Evidence, cluster: Cluster) -> str:
    if cluster == mesh.primary:
        return ""
    one = evidence.sides[cluster.name]
    if one.injector is None:
        return f"{cluster.name} has no injection webhook: {AGAIN}"
    # A webhook by URL leads to an istiod in a way of its own, of which the path says nothing.
    called = [dig(hook, "clientConfig", "service") for hook in one.injector.get("webhooks") or []]
    paths = {service.get("path") for service in called if service is not None}
    wanted = injection_path(cluster.name, cluster.network)
    if strange := sorted(map(str, paths - {wanted})):
        cure = f"spec.values.istiodRemote.injectionPath of its Istio must be {wanted}"
        return f"the webhook of {cluster.name} has pods injected for another cluster, by {', '.join(strange)}: {cure}"
    if is_.ca_bundle_set(one.injector).met:
        return ""
    status = (evidence.known or {}).get(cluster.name, {}).get("syncStatus")
    if status == "synced":
        return (
            f"istiod took up {cluster.name} before istio-system was annotated there, and leads nothing there: {AGAIN}"
        )
    problem = sync_problem(evidence.known or {}, cluster.name)
    return f"istiod has not written its root into the webhook of {cluster.name}: {problem}; {AGAIN}"


def _workload(mesh: MeshSpec, evidence: Evidence, cluster: Cluster, app: str) -> str:
    one = evidence.sides[cluster.name]
    deployment = one.server if app == "helloworld" else one.client
    labels = dig(one.namespace, "metadata", "labels") or {}
    if one.namespace is not None and labels.get("istio-injection") != "enabled" and "istio.io/rev" not in labels:
        name = dig(one.namespace, "metadata", "name")
        return f"namespace {name} on {cluster.name} is not labelled istio-injection=enabled: its pods have no sidecar"
    if deployment is None:
        return f"{app} is not deployed on {cluster.name}"
    pods = [pod for pod in one.pods if dig(pod, "metadata", "labels", "app") == app and not is_leaving(pod)]
    verdict = is_.rolled_out(deployment)
    if not verdict.met:
        return f"{app} is not available on {cluster.name}: {verdict.detail}{_way(mesh, cluster, verdict.detail, pods)}"
    bare = [pod for pod in running(pods) if not is_injected(pod)]
    return f"{app} on {cluster.name} has no sidecar: restart it" if bare else ""


def _way(mesh: MeshSpec, cluster: Cluster, detail: str, pods: list[Manifest]) -> str:
    """Return what may be in the way of a pod that is refused, or of a proxy that waits."""
    gateway = f"{mesh.primary.name}'s gateway"
    if "failed calling webhook" in detail:
        port = "" if cluster == mesh.primary else f", by port {WEBHOOK_PORT} of {gateway}"
        return f" ({webhook_cause(detail) or 'istiod does not answer'}{port})"
    if any(is_injected(pod) and is_.condition_of(pod, "Ready").get("status") != "True" for pod in pods):
        port = "" if cluster == mesh.primary else f", by port {XDS_PORT} of {gateway}: a firewall?"
        return f" (its proxy waits for istiod{port})"
    return ""


def _service(evidence: Evidence, cluster: Cluster, consequence: str) -> str:
    missing = evidence.sides[cluster.name].service is None
    return f"there is no Service helloworld on {cluster.name}: {consequence}" if missing else ""


def _sync(mesh: MeshSpec, evidence: Evidence, cluster: Cluster) -> str:
    if cluster == mesh.primary:
        return ""
    if evidence.known is None:
        return f"no istiod answers on {mesh.primary.name}"
    problem = sync_problem(evidence.known, cluster.name)
    return f"{problem} (the remote secret on {mesh.primary.name}): {AGAIN}" if problem else ""


def _gateway(evidence: Evidence, cluster: Cluster) -> str:
    one = evidence.sides[cluster.name]
    if one.gateway_service is None:
        return f"{cluster.name} has no east-west gateway Service: {AGAIN}"
    if dig(one.gateway_service, "metadata", "labels", NETWORK_LABEL) != cluster.network:
        return f"the gateway Service of {cluster.name} lacks the label {NETWORK_LABEL}={cluster.network}: {AGAIN}"
    address = is_.has_address(one.gateway_service)
    if not address.met and not cluster.gateway_address:
        return f"the gateway of {cluster.name} has no address: {address.detail}"
    if one.gateway is None:
        return f"{cluster.name} has no east-west gateway Deployment: {AGAIN}"
    verdict = is_.rolled_out(one.gateway)
    if not verdict.met:
        return f"the east-west gateway of {cluster.name} is not available: {verdict.detail}"
    if not any(is_injected(pod) for pod in running(one.gateway_pods)):
        return f"the gateway pods of {cluster.name} are not injected: {AGAIN}"
    return ""


def _roots(evidence: Evidence, source: Cluster, target: Cluster) -> str:
    roots = {evidence.sides[name].root for name in (source.name, target.name)}
    if "" in roots:
        return f"istiod's root certificate is missing on {source.name} or {target.name}"
    return f"{source.name} and {target.name} trust different roots" if len(roots) > 1 else ""
