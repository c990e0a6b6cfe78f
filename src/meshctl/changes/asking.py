"""Asks the clusters what an install would do: its objects as dry runs, its repairs foreseen. Nothing is written."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from meshctl.changes.model import ObjectChange, Outcome, Outlook, Repair
from meshctl.changes.object import Asking, Space, Wish, change_of
from meshctl.errors import ClusterError, ForbiddenError, MeshctlError, NotFoundError, StoppedError
from meshctl.names import KINDS, NAMESPACE
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Act, Apply, Clients, Plan, Step, refs_of
from meshctl.spec import Cluster, MeshSpec

AT_ONCE = 8
"""How many questions a cluster is asked at the same time: what a client of Kubernetes' own would."""

MOST = 96
"""Threads for all clusters together."""

UNSEEN = (ForbiddenError, NotFoundError)
"""What no more can be said of: it is not served, not there, or not to be seen."""

A = TypeVar("A")
B = TypeVar("B")
Render = Callable[[str, MeshSpec, Cluster, Mapping[str, str]], list[Manifest]]
Fact = tuple[str, str]
"""A step's key, and the name of one of its facts."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The facts of one Apply as far as they are known, stand-ins otherwise; and which those are."""

    values: Mapping[str, str]
    unknown: frozenset[str]


@dataclass(frozen=True, slots=True)
class Foresight:
    """What it takes to look ahead. The facts in `unasked` count as unknown, whatever the clusters would say."""

    clients: Clients
    render: Render
    force: bool = False
    unasked: frozenset[Fact] = frozenset()

    def of(self, plan: Plan) -> Outlook:
        """Return what performing the plan would do now; raise what keeps a cluster from being asked."""
        applies = [(one, action) for one in plan.steps for action in one.actions if isinstance(action, Apply)]
        acts = [(one, action) for one in plan.steps for action in one.actions if isinstance(action, Act)]
        with ThreadPoolExecutor(max_workers=min(MOST, AT_ONCE * len(self.clients))) as pool:
            known = list(_each(pool, lambda pair: self._answers(*pair), applies))
            wishes = [
                wish
                for pair, answers in zip(applies, known, strict=True)
                for wish in self._wishes(plan, *pair, answers)
            ]
            places = sorted({(wish.on, wish.ref.namespace) for wish in wishes if wish.ref.namespace})
            spaces = dict(zip(places, _each(pool, lambda place: self._space(*place), places), strict=True))
            asking = Asking(self.clients, spaces, force=self.force)
            changes = _each(pool, lambda wish: change_of(asking, wish), wishes)
            repairs = _each(pool, lambda pair: self._foreseen(*pair), acts)
        unknown = {
            (one.key, name) for (one, _), answers in zip(applies, known, strict=True) for name in answers.unknown
        }
        return Outlook(
            plan.mesh, plan.title, tuple(_after_creation(changes)), tuple(filter(None, repairs)), frozenset(unknown)
        )

    def _answers(self, step: Step, action: Apply) -> Answers:
        values, unknown = {}, set()
        for name, fact in action.facts.items():
            values[name] = fact.stand_in
            unknown.add(name)
            if (step.key, name) not in self.unasked:
                try:
                    values[name] = fact.ask(self.clients)
                    unknown.discard(name)
                except StoppedError:
                    raise
                except ClusterError as error:
                    if not isinstance(error, UNSEEN):
                        raise
                except MeshctlError:
                    continue  # the answer comes with what the install makes first
        return Answers(values, frozenset(unknown))

    def _wishes(self, plan: Plan, step: Step, action: Apply, answers: Answers) -> Iterable[Wish]:
        manifests = self.render(action.template, plan.mesh, action.about, answers.values)
        stand_ins = tuple(answers.values[name] for name in sorted(answers.unknown))
        for ref, manifest in zip(refs_of(manifests, KINDS), manifests, strict=True):
            yield Wish(step.key, action.on, action.manager, ref, manifest, stand_ins)

    def _space(self, cluster: str, namespace: str) -> Space:
        try:
            found = self.clients[cluster].get(Ref(NAMESPACE, namespace))
        except ForbiddenError:
            return Space.THERE
        if found is None:
            return Space.ABSENT
        return Space.LEAVING if dig(found, "metadata", "deletionTimestamp") else Space.THERE

    def _foreseen(self, step: Step, act: Act) -> Repair | None:
        if act.foresee is None:
            return None
        try:
            text = act.foresee(self.clients)
        except UNSEEN:
            return None  # what is not served, or may not be seen, is told elsewhere
        return Repair(step.cluster, step.key, text) if text else None


def _each(pool: ThreadPoolExecutor, work: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Do the work for every item at the same time; after the first error nothing new is begun."""
    futures = [pool.submit(work, item) for item in items]
    try:
        return [future.result() for future in futures]
    except BaseException:
        for future in futures:
            future.cancel()
        raise


def _after_creation(changes: Iterable[ObjectChange]) -> Iterable[ObjectChange]:
    """Yield the changes; what is created by one manager is only changed by the next."""
    created: set[tuple[str, Ref]] = set()
    for change in changes:
        place = (change.cluster, change.ref)
        if change.outcome is Outcome.CREATE and place in created:
            # Not counted twice: its fields are all still to come.
            yield ObjectChange(
                change.cluster,
                change.step,
                change.ref,
                change.manager,
                Outcome.UNKNOWN,
                change.fields,
                digest=change.digest,
            )
            continue
        created.update({place} if change.outcome is Outcome.CREATE else set())
        yield change
