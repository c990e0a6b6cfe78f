"""Everything a diagnosis asks of the clusters: one evidence, then the trials that only make sense with it in hand."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from meshctl.checks import trials
from meshctl.checks.catalog.links_control_plane import INJECTION_FAILS
from meshctl.checks.diagnosis.case import Case, renamed
from meshctl.checks.diagnosis.introductions import introductions
from meshctl.checks.diagnosis.judging import judge
from meshctl.checks.diagnosis.names import as_witnessed
from meshctl.checks.evidence import GATEWAY_POD_LIST, SAMPLES, SECRETS, Evidence, gather
from meshctl.checks.knocking import DATA_PORT, HEALTH_PORT, WEBHOOK_PORT, XDS_PORT, Door, vantage
from meshctl.checks.probes import is_injected, running
from meshctl.checks.trials import Trials, tried
from meshctl.conditions import ingress_of
from meshctl.names import GATEWAY_SERVICE
from meshctl.objects import Manifest, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster, MeshSpec

Resolve = Callable[[str], list[str]]
"""A hostname's IP addresses, or none when it does not resolve."""


def case_of(clients: Clients, patient: Clients, mesh: MeshSpec, options: str, resolve: Resolve) -> Case:
    """Ask every cluster everything, and return it as a case by the names that the clusters really have.

    Questions are put by `patient` clients. What is tried is tried once: there a failure is the answer.
    """
    evidence = gather(patient, mesh)
    case = case_seen(mesh, evidence, options)
    names = names_in(mesh, case.mesh)
    by_name = {names[name]: client for name, client in clients.items() if name in evidence.sights}
    return replace(case, trials=try_all(by_name, case, resolve))


def case_seen(mesh: MeshSpec, evidence: Evidence, options: str) -> Case:
    """Return the case that objects and istiods make by themselves: nothing has been tried yet, so less is known."""
    there = as_witnessed(mesh, evidence)
    return Case(there, renamed(evidence, names_in(mesh, there)), options)


def names_in(mesh: MeshSpec, there: MeshSpec) -> dict[str, str]:
    """Return what each cluster of the mesh that was asked for is really called."""
    return {asked.name: found.name for asked, found in zip(mesh.clusters, there.clusters, strict=True)}


def try_all(clients: Clients, case: Case, resolve: Resolve) -> Trials:
    """Try what reading does not show, all of it at the same time."""
    where = addresses(case, resolve)
    sights = case.evidence.sights
    injectable = [cluster for cluster in dry_runs(case) if cluster.name in clients]
    known = {one.key: one.token for one in introductions(seen(case, case.primary.name, SECRETS))}
    pods = {name: vantage(sight.all(GATEWAY_POD_LIST)) for name, sight in sights.items()}
    istiods = [view.pod for view in case.evidence.istiods if not view.trouble]
    remotes = [remote.name for remote in case.mesh.remotes if remote.name in clients and known.get(remote.name)]
    with ThreadPoolExecutor(max_workers=5) as pool:
        injections = pool.submit(tried, {one.name: trials.inject(clients, one) for one in injectable})
        tokens = pool.submit(tried, {name: trials.review(clients[name], known[name]) for name in remotes})
        doors = pool.submit(
            tried,
            {
                name: trials.knocked(clients[name], pod, doors_of(case, name, where))
                for name, pod in pods.items()
                if pod
            },
        )
        ways = pool.submit(tried, {pod: trials.known_ways(clients[case.primary.name], pod) for pod in istiods[:1]})
        samples = pool.submit(tried, sample_clients(clients, case))
    return Trials(
        addresses=where,
        injections=injections.result(),
        tokens=tokens.result(),
        doors=doors.result(),
        ways=next(iter(ways.result().values()), None),
        clients=samples.result(),
    )


def dry_runs(case: Case) -> list[Cluster]:
    """Return the clusters where a dry run would tell anything new: it takes long where the way to istiod is blocked."""
    shared, *remotes = judge(case).chains
    if shared.broken_before(INJECTION_FAILS.code):
        return []
    return [chain.cluster for chain in (shared, *remotes) if not chain.broken_before(INJECTION_FAILS.code)]


def seen(case: Case, cluster: str, question: str) -> tuple[Manifest, ...]:
    """Return a collection of a cluster, empty when the cluster does not answer."""
    sight = case.evidence.sights.get(cluster)
    return sight.all(question) if sight else ()


def addresses(case: Case, resolve: Resolve) -> dict[str, tuple[str, ...]]:
    """Return the addresses that lead to each gateway: the one that was given, else the load balancer's, resolved.

    What does not resolve here stays as it is.
    """
    found = {}
    for cluster in case.mesh.clusters:
        sight = case.evidence.sights.get(cluster.name)
        given = ingress_of(sight.get(GATEWAY_SERVICE)) if sight else []
        own = [cluster.gateway_address] if cluster.gateway_address else []
        if own or given:
            found[cluster.name] = tuple(own or [ip for one in given for ip in resolve(one) or [one]])
    return found


def doors_of(case: Case, source: str, where: Mapping[str, tuple[str, ...]]) -> list[Door]:
    """Return what one cluster's gateway has to reach of the others."""
    own = (HEALTH_PORT, XDS_PORT, WEBHOOK_PORT, DATA_PORT)
    return [
        Door(cluster.name, where[cluster.name][0], port)
        for cluster in case.mesh.clusters
        if cluster.name != source and where.get(cluster.name)
        for port in (own if cluster == case.primary else (DATA_PORT,))
    ]


def sample_clients(clients: Clients, case: Case) -> dict[str, Callable[[], frozenset[str]]]:
    """Return the questions to the proxies of the sample's clients, where there are any."""
    found = {}
    for cluster in case.mesh.clusters:
        pods = [pod for pod in running(seen(case, cluster.name, SAMPLES)) if is_injected(pod)]
        sleepers = [pod for pod in pods if dig(pod, "metadata", "labels", "app") == "sleep"]
        if sleepers and cluster.name in clients:
            name = str(dig(sleepers[0], "metadata", "name"))
            found[cluster.name] = trials.known_endpoints(clients[cluster.name], name, case.mesh.sample_namespace)
    return found
