"""A session: clients for every cluster, a way to show what happens, and a wish to stop that Ctrl-C expresses."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from threading import Lock
from types import FrameType

from meshctl.checks.finding import Finding, errors
from meshctl.checks.identity import identity
from meshctl.checks.refusals import mesh_options, refused
from meshctl.checks.rights import Right, lacking
from meshctl.checks.survey import existing_istio, of_all
from meshctl.cluster import Client, Request
from meshctl.errors import ClusterError, Exit, MeshctlError, RefusedError, SpecError, StoppedError
from meshctl.events import Ended, Event, Warned
from meshctl.executor import Executor
from meshctl.lock import Ways, locked
from meshctl.manifests import render
from meshctl.paths import state_dir
from meshctl.patience import patient
from meshctl.plan import Clients, Plan
from meshctl.render.choose import Look, Output, Sink, choose, open_sink, say
from meshctl.render.tree import Record
from meshctl.spec import Cluster, MeshSpec
from meshctl.stopping import Stop
from meshctl.waiting import Waiter

Listener = Callable[[Event], object]


@dataclass(frozen=True, slots=True)
class Show:
    """How to show what happens. `listener` is told every event besides, as it is shown.

    `typed` are the words that named the mesh, for the commands that are shown.
    """

    output: Output = Output.AUTO
    plain: bool = False
    verbose: bool = False
    listener: Listener | None = None
    typed: str = ""

    def look(self) -> Look:
        """Return the look for this terminal and environment."""
        if self.plain and self.output not in (Output.AUTO, Output.PLAIN):
            raise SpecError([f"--plain and --output {self.output} exclude each other"])
        wanted = Output.PLAIN if self.plain else self.output
        return choose(wanted, is_terminal=sys.stderr.isatty(), environ=os.environ)


@dataclass(slots=True)
class Asked:
    """How many requests were sent to the API servers; counted from many threads."""

    requests: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __call__(self, _request: Request) -> None:
        """Count one request."""
        with self._lock:
            self.requests += 1


@dataclass(frozen=True, slots=True)
class Session:
    """One command's run."""

    mesh: MeshSpec
    clients: Clients
    look: Look
    sink: Sink
    stop: Stop
    asked: Asked
    listener: Listener | None = None
    typed: str = ""

    @property
    def words(self) -> str:
        """The words that name this mesh on a command line, for a shell: as they were typed, or else its contexts."""
        return self.typed or mesh_options(self.mesh)

    def tell(self, event: Event) -> None:
        """Show an event, and tell it to whoever listens."""
        if self.listener:
            self.listener(event)
        self.sink(event)

    def warn(self, text: str) -> None:
        """Show a warning that belongs to no step."""
        event = Warned(time.time(), None, text)
        if self.look.output is not Output.LIVE:
            self.tell(event)
            return
        # Outside of a plan there is no picture to keep it in.
        self.sink.note(f"warning: {text}")
        if self.listener:
            self.listener(event)

    def waiter(self) -> Waiter:
        """Return what waits and tries again outside of a plan."""
        return Waiter(self.clients, self.stop, self.sink.note)

    def patient(self) -> Clients:
        """Return clients for questions outside of a plan: they ask again after answers that may pass."""
        return patient(self.clients, self.waiter(), self.mesh.timeouts.contact)

    def reach(self) -> None:
        """Ask every cluster for a sign of life; raise with every one that gives none."""
        answers = of_all(self.patient(), lambda client: client.version())
        silent = [answer for answer in answers.values() if isinstance(answer, MeshctlError)]
        if silent:
            raise ClusterError("\n".join(error.message for error in silent), hint=silent[0].hint)

    def perform(
        self, plan: Plan, *, force_conflicts: bool = False, settle: Callable[[Ended], int] | None = None
    ) -> tuple[Ended, Record]:
        """Perform a plan, showing everything; returns the last event and the record of all.

        `settle` gives the command's exit code where that is not the plan's own, before the end is told to anybody.
        """
        record, last = Record(), None
        executor = Executor(self.clients, render, self.stop, force_conflicts=force_conflicts)
        with self.sink:
            for happened in executor.run(plan):
                event = happened
                if isinstance(event, Ended) and settle:
                    event = replace(event, exit_code=Exit(settle(event)))
                record(event)
                self.tell(event)
                last = event if isinstance(event, Ended) else last
        if not isinstance(last, Ended):
            msg = "a run ended without saying so"
            raise TypeError(msg)
        return last, record

    def sum_up(self, record: Record) -> None:
        """Print the summary, unless programs read."""
        from meshctl.render.summary import summary

        if self.look.output is not Output.JSON:
            sys.stderr.write("\n")
            say(summary(record.tree), sys.stderr, colour=self.look.colour)

    def lacking(self, ask: Callable[[Client], tuple[Right, ...]]) -> list[Finding]:
        """Ask all clusters for missing rights; return what there is to say of them, a cluster's silence included."""
        answers = of_all(self.patient(), ask)
        return [
            finding
            for name, one in answers.items()
            for finding in ([refused(name, one)] if isinstance(one, MeshctlError) else lacking(name, one))
        ]

    def refuse_strangers(self, also: Iterable[Finding] = ()) -> None:
        """Refuse when a cluster is another one than the command line says, by the mesh that is there.

        `also` are findings that stand in the way as well: all of them are told at once.
        """
        answers = of_all(self.patient(), existing_istio)
        istios = {name: answer for name, answer in answers.items() if not isinstance(answer, MeshctlError)}
        found = errors([*also, *identity(self.mesh, istios)])
        if found:
            raise RefusedError("nothing was done, because\n" + "\n".join(map(str, found)))

    @contextmanager
    def lock(self, purpose: str, *, force: bool) -> Iterator[None]:
        """Hold every cluster's lock; whoever takes it over stops this run."""

        def lost(text: str) -> None:
            self.warn(text)
            self.stop.set()

        folder = state_dir() / "runs"
        ways = Ways(lost, self.warn, self.waiter().pause)
        with locked(self.clients, purpose, folder, ways, force=force, patient=self.patient()):
            yield


@contextmanager
def session(mesh: MeshSpec, show: Show) -> Iterator[Session]:
    """Open a session; nothing is asked of any cluster yet."""
    look, stop = show.look(), Stop()
    sink = open_sink(look, stdout=sys.stdout, stderr=sys.stderr)
    asked = Asked()
    observe = _both(asked, _observer(sink)) if show.verbose else asked
    with ExitStack() as stack:
        clients = connect_all(mesh, observe)
        for client in clients.values():
            stack.callback(client.close)
        stack.enter_context(stopping_on_signals(stop))
        yield Session(mesh, clients, look, sink, stop, asked, show.listener, show.typed)


def _both(asked: Asked, observe: Callable[[Request], None]) -> Callable[[Request], None]:
    def tell(request: Request) -> None:
        asked(request)
        observe(request)

    return tell


def _observer(sink: Sink) -> Callable[[Request], None]:
    from meshctl.render.requests import request_line
    from meshctl.render.text import local_zone

    zone = local_zone()
    return lambda request: sink.note(request_line(request, time.time(), zone))


def connect_all(mesh: MeshSpec, observe: Callable[[Request], None] | None) -> dict[str, Client]:
    """Make a client for every cluster at once; every context that cannot be used is reported together."""
    from meshctl.kube import connect

    def connected(cluster: Cluster) -> Client | MeshctlError:
        try:
            return connect(
                cluster.context, cluster.kubeconfig or mesh.kubeconfig, cluster=cluster.name, observe=observe
            )
        except MeshctlError as error:
            return error

    with ThreadPoolExecutor(max_workers=8) as pool:
        made = dict(zip((c.name for c in mesh.clusters), pool.map(connected, mesh.clusters), strict=True))
    failed = [one for one in made.values() if isinstance(one, MeshctlError)]
    if failed:
        texts = [text for one in failed for text in (one.problems if isinstance(one, SpecError) else (one.message,))]
        raise SpecError(list(dict.fromkeys(texts)), hint=failed[0].hint)
    return {name: one for name, one in made.items() if not isinstance(one, MeshctlError)}


@contextmanager
def stopping_on_signals(stop: Stop) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the run in good order, and the second end it at once."""

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if stop:
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        # Written past everything that may hold a lock just now.
        os.write(sys.stderr.fileno(), b"\nstopping; what is being asked ends first (again: stop at once)\n")
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    except KeyboardInterrupt as interrupt:
        msg = "interrupted; what was begun may be half done"
        raise StoppedError(msg, hint="run the same command again to go on") from interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt what waits for a person, who has nothing to lose yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
