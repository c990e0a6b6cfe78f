"""Everything a diagnosis asks of the clusters: one evidence, then the trials that only make sense with it in hand."""

from collections.abc import Callable
from dataclasses import replace

from meshctl.checks import trials
from meshctl.checks.diagnosis.case import Case, renamed
from meshctl.checks.diagnosis.introductions import introductions
from meshctl.checks.diagnosis.names import as_witnessed
from meshctl.checks.evidence import SECRETS, Evidence, gather
from meshctl.checks.trials import Trials, tried
from meshctl.conditions import ingress_of
from meshctl.names import GATEWAY_SERVICE
from meshctl.plan import Clients
from meshctl.spec import MeshSpec

Resolve = Callable[[str], list[str]]
"""A hostname's IP addresses, or none when it does not resolve."""


def case_of(clients: Clients, mesh: MeshSpec, options: str, resolve: Resolve) -> Case:
    """Ask every cluster everything, and return it as a case by the names that the clusters really have."""
    evidence = gather(clients, mesh)
    there = as_witnessed(mesh, evidence)
    names = {asked.name: found.name for asked, found in zip(mesh.clusters, there.clusters, strict=True)}
    case = Case(there, renamed(evidence, names), options)
    by_name = {names[name]: client for name, client in clients.items() if name in evidence.sights}
    return replace(case, trials=try_all(by_name, case, resolve))


def try_all(clients: Clients, case: Case, resolve: Resolve) -> Trials:
    """Try what reading does not show."""
    primary = case.evidence.sights.get(case.primary.name)
    known = {one.key: one for one in introductions(primary.all(SECRETS) if primary else ())}
    remotes = [remote.name for remote in case.mesh.remotes if remote.name in clients]
    answering = [cluster for cluster in case.mesh.clusters if cluster.name in clients]
    return Trials(
        addresses=addresses(case.evidence, resolve),
        injections=tried({one.name: trials.inject(clients, one) for one in answering}),
        tokens=tried(
            {
                name: trials.review(clients[name], known[name].token)
                for name in remotes
                if name in known and known[name].token
            }
        ),
    )


def addresses(evidence: Evidence, resolve: Resolve) -> dict[str, tuple[str, ...]]:
    """Return the IPs that lead to each gateway; a load balancer's hostname is resolved."""
    return {
        name: tuple(ip for given in ingress_of(sight.get(GATEWAY_SERVICE)) for ip in resolve(given) or [given])
        for name, sight in evidence.sights.items()
    }
