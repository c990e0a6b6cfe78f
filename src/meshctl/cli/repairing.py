"""What `repair` does: diagnose, mend the first broken link if that is safe, and go on as long as something is."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from meshctl.checks.diagnosis.case import Case
from meshctl.checks.diagnosis.introductions import introduction, strangers, unusable
from meshctl.checks.diagnosis.judging import judge
from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.finding import Finding
from meshctl.checks.preflight.network import server_for
from meshctl.cli.diagnosing import case_at_hand, show
from meshctl.cli.resolving import resolve
from meshctl.cli.respecting import respectful
from meshctl.cli.session import Session, Show, session
from meshctl.cluster import Client
from meshctl.errors import Exit, NotReadyError
from meshctl.names import GATEWAY_DEPLOYMENT, INJECTOR, NODE, THE_ISTIO
from meshctl.objects import Verdict
from meshctl.plan import Clients, Plan, Probe
from meshctl.plans.facts import Circumstances
from meshctl.plans.mending import TAKEN_OVER, mending
from meshctl.spec import Cluster, MeshSpec

SETTLING = 30.0
"""Seconds within which the effect of a repair shows."""

MOST = 20
"""How many times at most a mesh is mended and looked at again."""

Findings = tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class RepairOptions:
    """What the command line says besides which mesh."""

    dry_run: bool = False
    force_unlock: bool = False
    force_conflicts: bool = False


def run_repair(mesh: MeshSpec, wanted: RepairOptions, how: Show) -> int:
    """Repair and return the exit code."""
    with session(mesh, how) as one:
        if wanted.dry_run:
            return foretell(one)
        one.reach()
        with one.lock("meshctl repair", force=wanted.force_unlock):
            found = repaired(one, force_conflicts=wanted.force_conflicts)
        show(found, "text", one)
        if one.stop:
            return int(Exit.INTERRUPTED)
    return int(Exit.DONE if found.healthy else Exit.FAILED)


def repaired(one: Session, *, force_conflicts: bool) -> Diagnosis:
    """Mend what can be mended, each link once; return how the mesh is then.

    What somebody has set by hand is mended, what another tool keeps so is a conflict, unless `force_conflicts`.
    """
    done: set[tuple[str, str]] = set()
    case = case_at_hand(one)
    for _ in range(MOST):
        found, due, plan = outlook(one, case, done)
        if plan is None or one.stop:
            return found
        done |= {key(finding) for finding in due}
        clients = renamed_clients(one, case.mesh)
        by_name = replace(one, mesh=case.mesh, clients=clients if force_conflicts else respectful(clients))
        by_hand = any(finding.code in TAKEN_OVER for finding in due)
        ended, _ = by_name.perform(plan, force_conflicts=force_conflicts or by_hand)
        # Where nothing was done there is no effect to wait for.
        case = settled(one, done) if ended.succeeded else case_at_hand(one)
    return judge(case)


def outlook(one: Session, case: Case, done: Collection[tuple[str, str]]) -> tuple[Diagnosis, Findings, Plan | None]:
    """Return how the mesh is, which of its first broken links have not been mended yet, and the plan that does."""
    found = judge(case)
    due = tuple(finding for finding in found.first if key(finding) not in done)
    return found, due, mending(case, found, due, circumstances(one, case)) if due else None


def settled(one: Session, done: Collection[tuple[str, str]]) -> Case:
    """Return the mesh as it is once what was mended has had its effect, or there is something else to mend.

    What follows from a broken link stays broken for a while: an operator probes istiod every three seconds, and a
    refused pod is made again after up to half a minute.
    """
    last: list[Case] = []

    def ask(clients: Clients) -> Verdict:
        del clients
        last[:] = [case_at_hand(one)]
        found, _, plan = outlook(one, last[0], done)
        first = next(iter(found.first), None)
        return Verdict(met=first is None or plan is not None, detail=first.text if first else "")

    triggers = tuple((name, ref) for name in one.clients for ref in (THE_ISTIO, INJECTOR, GATEWAY_DEPLOYMENT))
    with suppress(NotReadyError):  # what is still broken then is the answer
        one.waiter().probe(Probe("the mesh to be whole", ask, SETTLING, triggers))
    return last[0]


def key(finding: Finding) -> tuple[str, str]:
    """Return what tells one broken link from another."""
    return finding.code, finding.cluster


def renamed_clients(one: Session, mesh: MeshSpec) -> Clients:
    """Return the clients by the names that the clusters really have."""
    pairs = zip(one.mesh.clusters, mesh.clusters, strict=True)
    return {found.name: one.clients[asked.name] for asked, found in pairs}


def circumstances(one: Session, case: Case) -> Circumstances:
    """Return the API server URLs for remote secrets: those that are in use, else those that install would use."""
    return Circumstances(resolve, dict(servers(one, case)))


def servers(one: Session, case: Case) -> Iterator[tuple[str, str]]:
    """Yield the URL of each remote's API server, as pods of the primary reach it."""
    clients = renamed_clients(one, case.mesh)
    for remote in case.mesh.remotes:
        if remote.name in case.evidence.sights:
            yield remote.name, there(case, remote) or guessed(clients[remote.name], remote)


def guessed(client: Client, remote: Cluster) -> str:
    """Return the URL that install would give istiod."""
    return server_for(remote, client.server(), tuple(client.list(NODE)))[0]


def there(case: Case, remote: Cluster) -> str:
    """Return the URL by which istiod reaches a remote already, empty when there is none that can be right."""
    if remote.server or case.primary.name not in case.evidence.sights:
        return remote.server
    own = introduction(case, remote)
    usable = [known for known in (*([own] if own else ()), *strangers(case, remote)) if not unusable(known)]
    return usable[0].server if usable else ""


def foretell(one: Session) -> int:
    """Print what a repair would begin with; write nothing."""
    from meshctl.cli.telling import objects_of
    from meshctl.render.plan_text import plan_text

    case = case_at_hand(one)
    found = judge(case)
    show(found, "text", one)
    plan = mending(case, found, found.first, circumstances(one, case))
    if plan is not None:
        one.sink.note(f"\n{plan_text(plan, objects_of(plan.mesh))}")
    elif not found.healthy:
        one.sink.note("\nmeshctl repair would change nothing: this is yours to mend")
    return int(Exit.DONE if found.healthy else Exit.FAILED)
