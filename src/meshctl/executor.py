"""Runs a plan: what needs nothing of each other runs at the same time, and everything that happens is an event.

One thread per running step; all of them put events into one queue, and the caller's thread yields them. So readers of
events need no locks, and the stream ends when every step has its Finished.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from graphlib import TopologicalSorter
from queue import Empty, SimpleQueue

from meshctl.conditions import gone
from meshctl.errors import Exit, MeshctlError, NotReadyError, StoppedError
from meshctl.events import Ended, Event, Failure, Finished, Outcome, Planned, Progressed, Started, StepInfo, Warned
from meshctl.objects import Manifest
from meshctl.patience import until
from meshctl.plan import Act, Action, Apply, Awaited, Clients, Delete, Plan, Probe, Step, Wait
from meshctl.spec import Cluster, MeshSpec
from meshctl.stopping import Stop
from meshctl.waiting import Waiter

StepEvent = Started | Progressed | Warned | Finished
Queue = SimpleQueue[StepEvent | None]

Render = Callable[[str, MeshSpec, Cluster, Mapping[str, str]], list[Manifest]]
"""Template, mesh, cluster and facts → objects."""


@dataclass(frozen=True, slots=True)
class Executor:
    """What it takes to perform plans: clients by cluster name, the renderer of templates, and the wish to stop.

    `grace` is how long, in seconds, steps in the middle of a request may take after that wish.
    """

    clients: Clients
    render: Render
    stop: Stop = field(default_factory=Stop)
    force_conflicts: bool = False
    grace: float = 5.0

    def run(self, plan: Plan) -> Iterator[Event]:
        """Perform a plan. An exception that is not ours is raised after the last event, with its traceback."""
        begun = time.time()
        infos = {one.key: StepInfo(one.key, one.cluster, one.title, one.needs) for one in plan.steps}
        yield Planned(begun, plan.title, tuple(c.name for c in plan.mesh.clusters), tuple(infos.values()))
        finished: dict[str, Finished] = {}
        bugs: list[BaseException] = []
        for event in self._events(plan, infos, bugs):
            if isinstance(event, Finished):
                finished[event.step.key] = event
            yield event
        yield ended(begun, [finished[key] for key in infos])
        if bugs:
            raise bugs[0]

    def _events(self, plan: Plan, infos: Mapping[str, StepInfo], bugs: list[BaseException]) -> Iterator[Event]:
        events: Queue = SimpleQueue()
        with self.stop.waking(lambda: events.put(None)):
            yield from self._scheduled(plan, infos, bugs, events)

    def _scheduled(
        self, plan: Plan, infos: Mapping[str, StepInfo], bugs: list[BaseException], events: "Queue"
    ) -> Iterator[Event]:
        steps = {one.key: one for one in plan.steps}
        sorter = TopologicalSorter(plan.graph)
        sorter.prepare()
        blamed: dict[str, str] = {}
        running: dict[str, float] = {}
        patience: float | None = None
        while sorter.is_active():
            for key in sorter.get_ready():
                culprit = next((blamed[need] for need in steps[key].needs if need in blamed), "")
                if self.stop:
                    events.put(Finished(time.time(), infos[key], Outcome.SKIPPED, 0, "the run was stopped"))
                elif culprit and not steps[key].always:
                    events.put(Finished(time.time(), infos[key], Outcome.SKIPPED, 0, f"needs {culprit}"))
                    blamed[key] = culprit
                else:
                    running[key] = time.time()
                    run = Performing(self, plan.mesh, steps[key], infos[key], events, bugs)
                    threading.Thread(target=run.perform, name=key, daemon=True).start()
            if self.stop and patience is None:
                patience = time.monotonic() + self.grace
            event = _next(events, running, infos, patience)
            if event is None:
                continue
            yield event
            if isinstance(event, Finished):
                running.pop(event.step.key, None)
                if event.outcome is not Outcome.SUCCEEDED:
                    blamed.setdefault(event.step.key, event.step.key)
                sorter.done(event.step.key)


def _next(
    events: "Queue", running: Mapping[str, float], infos: Mapping[str, StepInfo], patience: float | None
) -> StepEvent | None:
    """Return the next event, None when there is none to tell; after a stop, steps that hang are given up in the end.

    A request to an API server that hangs cannot be called back; its thread ends with the process.
    """
    try:
        event = events.get(timeout=None if patience is None else max(0.0, patience - time.monotonic()))
    except Empty:
        key, begun = next(iter(running.items()))
        now = time.time()
        return Finished(now, infos[key], Outcome.INTERRUPTED, now - begun, "given up: its cluster does not answer")
    skipped = isinstance(event, Finished) and event.outcome is Outcome.SKIPPED
    return event if event and event.step and (skipped or event.step.key in running) else None


@dataclass(frozen=True, slots=True)
class Performing:
    """One step on its thread."""

    executor: Executor
    mesh: MeshSpec
    step: Step
    info: StepInfo
    events: "Queue"
    bugs: list[BaseException]

    def perform(self) -> None:
        """Perform every action and put exactly one Finished, whatever happens."""
        begun = time.time()
        self.events.put(Started(begun, self.info))
        outcome, text, failure = Outcome.SUCCEEDED, "", None
        try:
            done = [self._act(action) for action in self.step.actions]
            text = "; ".join(filter(None, done))
        except StoppedError:
            outcome, text = Outcome.INTERRUPTED, "stopped"
        except MeshctlError as error:
            outcome, text, failure = Outcome.FAILED, "", failure_of(error)
        except BaseException as error:
            # A bug: the run must still end, and say so.
            self.bugs.append(error)
            outcome, failure = Outcome.FAILED, Failure(f"a bug in meshctl: {error!r}", "", "", Exit.FAILED)
        now = time.time()
        self.events.put(Finished(now, self.info, outcome, now - begun, text, failure))

    def _act(self, action: Action) -> str:
        reason = partial(self._report, waiting_for=awaited(action))
        waiter = Waiter(self.executor.clients, self.executor.stop, reason)
        clients = until(self.executor.clients, waiter, action.timeout)
        match action:
            case Apply():
                return self._apply(action, clients)
            case Wait():
                waiter.wait(action)
                return ""
            case Probe():
                return waiter.probe(action)
            case Delete():
                return self._delete(action, clients, waiter)
            case Act():
                return self._do(action, clients)

    def _apply(self, action: Apply, clients: Clients) -> str:
        facts = {name: fact.ask(clients) for name, fact in action.facts.items()}
        for manifest in self.executor.render(action.template, self.mesh, action.about, facts):
            clients[action.on].apply(manifest, force=self.executor.force_conflicts, manager=action.manager)
        return ""

    def _delete(self, action: Delete, clients: Clients, waiter: Waiter) -> str:
        deleted = [ref for ref in action.find(clients) if clients[action.on].delete(ref)]
        if deleted:
            objects = tuple(Awaited(action.on, ref, gone) for ref in deleted)
            waiter.wait(Wait(awaited(action), objects, action.timeout, action.hint))
        return f"deleted {action.what} ({len(deleted)})" if deleted else ""

    def _do(self, action: Act, clients: Clients) -> str:
        note = action.do(clients)
        if note is None:
            return ""
        if note.warning:
            self.events.put(Warned(time.time(), self.info, note.text))
            return ""
        self._report(note.text)
        return note.text

    def _report(self, text: str, waiting_for: str = "") -> None:
        self.events.put(Progressed(time.time(), self.info, text, waiting_for))


def awaited(action: Action) -> str:
    """Return what an action waits for, as in `waiting for …`, while it has something to report."""
    match action:
        case Wait() | Probe():
            return action.what
        case Delete():
            return f"{action.what} to be gone"
        case Apply() | Act():
            # Neither waits for anything but an answer that may pass, which is asked for again.
            return "the API server to take a request"


def failure_of(error: MeshctlError) -> Failure:
    """Return an error as event data. For a deadline, what was last seen stands apart from the sentence."""
    message, _, seen = (
        error.message.partition("; last seen: ") if isinstance(error, NotReadyError) else (error.message, "", "")
    )
    return Failure(message, seen, error.hint, error.exit_code)


def ended(begun: float, finished: list[Finished]) -> Ended:
    """Sum up: a stop beats failures, and the first failure in plan order decides the exit code."""
    outcomes = [one.outcome for one in finished]
    failures = [one.failure for one in finished if one.failure is not None]
    stopped = Outcome.INTERRUPTED in outcomes or any(
        o is Outcome.SKIPPED and f.text == "the run was stopped" for o, f in zip(outcomes, finished, strict=True)
    )
    code = Exit.INTERRUPTED if stopped else failures[0].exit_code if failures else Exit.DONE
    now = time.time()
    return Ended(
        now, now - begun, code, outcomes.count(Outcome.SUCCEEDED), len(failures), outcomes.count(Outcome.SKIPPED)
    )
