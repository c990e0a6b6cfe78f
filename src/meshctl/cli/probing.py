"""The probes of a preflight, carried out: what they make is taken away again whatever happens."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from meshctl.checks.catalog.preflight.network import PROBE_FAILED, URL_REPLACED
from meshctl.checks.catalog.preflight.platform import BALANCER_FAILED, NO_BALANCER
from meshctl.checks.finding import Finding, found
from meshctl.checks.preflight import probes
from meshctl.checks.survey import of_all
from meshctl.cli.session import Session
from meshctl.cluster import Client
from meshctl.conditions import has_address, ingress_of
from meshctl.errors import ClusterError, MeshctlError, NotReadyError
from meshctl.names import GATEWAY_SERVICE, POD, SERVICE
from meshctl.objects import Kind, Manifest, Ref, dig
from meshctl.plan import Awaited, Wait
from meshctl.spec import Cluster

START = 90.0
"""Seconds in which a probe pod must run; pulling its image takes most of them."""

AT_ONCE = 8


def probe_from_primary(one: Session, servers: Mapping[str, str], findings: list[Finding]) -> list[Finding]:
    """Have a pod of the primary ask every remote's API server; what is proved by that is not doubted any more.

    `servers` are the URLs that go into remote secrets.
    """
    mesh = one.mesh
    urls = {remote.name: servers[remote.name] for remote in mesh.remotes if servers.get(remote.name)}
    client = one.clients[mesh.primary.name]
    try:
        sweep(client)
        asked = {name: one.clients[name] for name in urls}
        pems = {name: pem for name, pem in of_all(asked, authority).items() if isinstance(pem, str) and pem}
        with made(client, POD, probes.url_pod(mesh, pems)) as pod:
            awaited = Awaited(mesh.primary.name, Ref(POD, pod, probes.NAMESPACE), probes.pod_runs)
            one.waiter().wait(Wait("the probe pod to run", (awaited,), START))

            def ask(remote: Cluster) -> list[Finding]:
                argv = probes.command(remote.name, urls[remote.name], trusts=remote.name in pems)
                limit = float(probes.ALTOGETHER + probes.CONNECT)
                answer = client.exec(pod, probes.NAMESPACE, probes.CONTAINER, argv, limit)
                return probes.reached(remote, mesh.primary, urls[remote.name], answer)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                asked_remotes = [remote for remote in mesh.remotes if remote.name in urls]
                told = [each for some in pool.map(ask, asked_remotes) for each in some]
    except (ClusterError, NotReadyError) as error:
        return [*findings, not_made(mesh.primary.name, "the probe from the primary", error)]
    return [each for each in findings if not (each.code == URL_REPLACED.code and each.cluster in urls)] + told


def authority(client: Client) -> str:
    """Return the authority that signs a cluster's API server, as every namespace has it."""
    return str(dig(client.get(probes.CLUSTER_AUTHORITY), "data", "ca.crt") or "")


def probe_load_balancers(one: Session, findings: list[Finding]) -> list[Finding]:
    """Ask every load balancer for an address; what is proved by that is not doubted any more."""
    clusters = {cluster.name: cluster for cluster in one.mesh.clusters if not cluster.gateway_address}
    asked = {name: client for name, client in one.clients.items() if name in clusters}
    answers = of_all(asked, lambda client: probe_load_balancer(one, client, clusters[client.cluster]))
    settled = {name for name, answer in answers.items() if not isinstance(answer, MeshctlError)}
    kept = [each for each in findings if not (each.code == NO_BALANCER.code and each.cluster in settled)]
    for name, answer in answers.items():
        if isinstance(answer, Finding):
            kept.append(answer)
        elif isinstance(answer, MeshctlError):
            kept.append(not_made(name, "the probe of the load balancer", answer))
    return kept


def probe_load_balancer(one: Session, client: Client, cluster: Cluster) -> Finding | None:
    """Ask one load balancer for an address, unless it has given the gateway one already."""
    if ingress_of(client.get(GATEWAY_SERVICE)):
        return None
    sweep(client)
    annotations = {**one.mesh.gateway.annotations, **cluster.gateway_annotations}
    with made(client, SERVICE, probes.balancer_service(annotations)) as name:
        awaited = Awaited(cluster.name, Ref(SERVICE, name, probes.NAMESPACE), has_address)
        try:
            one.waiter().wait(Wait("the load balancer to give an address", (awaited,), one.mesh.timeouts.address))
        except NotReadyError as error:
            text = error.message.removeprefix(f"{cluster.name}: ")
            hint = f"see to the load balancer, or give the address: --gateway-address {cluster.name}=IP"
            return found(BALANCER_FAILED, cluster.name, text, hint)
    return None


@contextmanager
def made(client: Client, kind: Kind, manifest: Manifest) -> Iterator[str]:
    """Make a probe for as long as the block lasts; yields its name."""
    name = str(dig(client.create(manifest), "metadata", "name"))
    try:
        yield name
    finally:
        client.delete(Ref(kind, name, probes.NAMESPACE), grace_period=0)


def sweep(client: Client) -> None:
    """Take away what runs that are dead have left behind."""
    now = datetime.now(UTC)
    for kind in probes.PROBES:
        for one in probes.forgotten(client.list(kind, probes.NAMESPACE, probes.LABEL), now):
            client.delete(Ref(kind, str(dig(one, "metadata", "name")), probes.NAMESPACE), grace_period=0)


def not_made(cluster: str, what: str, error: MeshctlError) -> Finding:
    """Return the finding for a probe that found nothing out."""
    text = f"{what} could not be made: {error.message.removeprefix(f'{cluster}: ')}"
    return found(PROBE_FAILED, cluster, text, error.hint or "see the reason; nothing was found out")
