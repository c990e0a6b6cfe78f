"""Waits that watch: threads read watches into one queue, and the waiter looks at conditions whenever something comes.

An idle wait costs no requests; a change is acted upon as soon as the stream delivers it.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import TypeVar

from meshctl.cluster import Watch
from meshctl.errors import ClusterError, MeshctlError, NotReadyError, StoppedError, TransientError
from meshctl.objects import Manifest, Ref, Verdict
from meshctl.plan import Awaited, Clients, Probe, Wait
from meshctl.stopping import Stop

Report = Callable[[str], None]
"""Takes the sentence to show meanwhile."""

FIRST_RETRY, LAST_RETRY = 0.25, 10.0
LOOK_UP = 1.0  # how often a wait looks whether its watches are in trouble; this asks no cluster
CERTAINTY = 3.0  # how long nothing must change before a wait believes that waiting is in vain
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watch delivered: the object at `index` as it is now."""

    index: int
    obj: Manifest | None


News = Seen | BaseException | None
"""Something was seen, a watch broke for good, or (None) the run is to stop."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """What every wait needs: the clients, the wish to stop, and where to report."""

    clients: Clients
    stop: Stop
    report: Report

    def wait(self, wait: Wait) -> None:
        """Return once every condition holds at the same time; raise NotReadyError at the deadline."""
        deadline = time.monotonic() + wait.timeout
        objects: dict[int, Manifest | None] = {}
        verdict = Verdict(met=False, detail="asking")
        shown, lost = "", 0.0
        with self.watching([(one.cluster, one.ref) for one in wait.objects]) as (news, watches):
            while not verdict.met:
                seen = self._next(news, min(deadline, time.monotonic() + LOOK_UP))
                if seen is not None:
                    objects[seen.index] = seen.obj
                    verdict = verdict_of(wait.objects, objects)
                # A status may be left over from before its cause was cured: only what stays is final.
                lost = (lost or time.monotonic()) if verdict.final and not verdict.met else 0.0
                if lost and time.monotonic() - lost >= CERTAINTY:
                    raise given_up(wait.what, verdict, wait.hint)
                # A watch mends itself in silence; while it cannot, that is what there is to say.
                trouble = next((watch.trouble for watch in watches if watch.trouble), "")
                detail = trouble or verdict.detail
                telling = trouble or len(objects) == len(wait.objects)
                if not verdict.met and telling and detail != shown:
                    shown = detail
                    self.report(shown)
                if not verdict.met and time.monotonic() >= deadline:
                    # A server that hangs breaks no watch: what was seen last may long not be true any more.
                    trouble = trouble or self._silence(one.cluster for one in wait.objects)
                    hint = wait.hint if trouble else verdict.hint or wait.hint
                    raise timed_out(wait.what, wait.timeout, trouble or verdict.detail, hint)

    def probe(self, probe: Probe) -> str:
        """Return once the verdict is met: asked at once, at every change of a trigger, else every `probe.every` s."""
        deadline = time.monotonic() + probe.timeout
        shown = ""
        with self.watching(probe.triggers) as (news, _):
            # What is there already is no news: only what changes after the first question is.
            self._first_of_each(news, len(probe.triggers), deadline)
            after = FIRST_RETRY
            while True:
                over = time.monotonic() >= deadline
                verdict, wanted = self._ask(probe, after)
                # An answer that may pass (429, a reset) is no verdict: it is asked for again before the usual pause.
                after = min(after * 2, LAST_RETRY) if wanted else FIRST_RETRY
                if verdict.met:
                    return verdict.detail
                if verdict.final:
                    raise given_up(probe.what, verdict, probe.hint)
                if verdict.detail != shown:
                    shown = verdict.detail
                    self.report(shown)
                # The last question comes after the deadline, so that what was last seen is what is there then.
                if over:
                    raise timed_out(probe.what, probe.timeout, shown, verdict.hint or probe.hint)
                self._next(news, min(deadline, time.monotonic() + min(wanted or probe.every, probe.every)))

    def retry(self, attempt: Callable[[], T], timeout: float) -> T:
        """Return what `attempt` returns, trying again after errors that may pass, with growing pauses."""
        deadline, pause = time.monotonic() + timeout, FIRST_RETRY
        while True:
            self._raise_if_stopped()
            try:
                return attempt()
            except TransientError as error:
                wanted = error.retry_after if error.retry_after is not None else pause * random.uniform(0.7, 1.3)
                if time.monotonic() + wanted > deadline:
                    raise
                self.report(f"{error.message}; trying again")
                self.pause(wanted)
                pause = min(pause * 2, LAST_RETRY)

    def pause(self, seconds: float) -> None:
        """Wait, unless the run is to stop."""
        # A queue, not an event: a signal handler may wake it whoever holds which lock.
        woken: SimpleQueue[None] = SimpleQueue()
        with self.stop.waking(lambda: woken.put(None)), suppress(Empty):
            woken.get(timeout=seconds)
        self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self.stop:
            raise stopped()

    def _ask(self, probe: Probe, pause: float) -> tuple[Verdict, float]:
        """Return the verdict, and in how many seconds to ask again if there was none."""
        try:
            return probe.ask(self.clients), 0.0
        except TransientError as error:
            wanted = error.retry_after if error.retry_after is not None else pause
            return Verdict(met=False, detail=error.message), max(wanted, FIRST_RETRY)

    def _silence(self, clusters: Iterable[str]) -> str:
        """Return why a cluster does not answer, empty when all do."""
        for name in dict.fromkeys(clusters):
            try:
                self.clients[name].version()
            except ClusterError as error:
                return error.message
        return ""

    def _first_of_each(self, news: "SimpleQueue[News]", count: int, deadline: float) -> None:
        missing = set(range(count))
        while missing:
            seen = self._next(news, deadline)
            if seen is None:
                return
            missing.discard(seen.index)

    def _next(self, news: "SimpleQueue[News]", deadline: float) -> Seen | None:
        """Return the next thing seen, None at the deadline."""
        try:
            item = news.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return None
        if item is None:
            raise stopped()
        if isinstance(item, BaseException):
            raise item
        return item

    @contextmanager
    def watching(self, what: Iterable[tuple[str, Ref]]) -> Iterator[tuple["SimpleQueue[News]", list[Watch]]]:
        """Follow objects: what is seen of them, in whatever order, comes into one queue."""
        news: SimpleQueue[News] = SimpleQueue()
        watches: list[Watch] = []
        with ExitStack() as stack:
            stack.enter_context(self.stop.waking(lambda: news.put(None)))
            for index, (cluster, ref) in enumerate(what):
                watch = stack.enter_context(self.clients[cluster].watch(ref))
                watches.append(watch)
                threading.Thread(target=_read, args=(index, watch, news), name=f"watch {ref}", daemon=True).start()
            yield news, watches


def _read(index: int, watch: Watch, news: "SimpleQueue[News]") -> None:
    # Whatever ends this thread must reach the waiter, or it would wait for ever on a watch that is dead.
    try:
        for obj in watch:
            news.put(Seen(index, obj))
    except BaseException as error:
        news.put(error)


def verdict_of(awaited: tuple[Awaited, ...], objects: dict[int, Manifest | None]) -> Verdict:
    """Judge all objects together: the first that does not hold speaks for all, but one that never will comes first."""
    open_ = [verdict for index, one in enumerate(awaited) if not (verdict := _judged(one, index, objects)).met]
    return next((one for one in open_ if one.final), open_[0] if open_ else Verdict(met=True))


def _judged(one: Awaited, index: int, objects: dict[int, Manifest | None]) -> Verdict:
    """Judge one object, named by its link or by itself."""
    if index not in objects:
        return Verdict(met=False, detail=f"asking {one.cluster} for {one.ref}")
    verdict = one.condition(objects[index])
    return verdict if verdict.met else replace(verdict, detail=f"{one.link or one.ref}: {verdict.detail}")


def given_up(what: str, verdict: Verdict, hint: str) -> MeshctlError:
    """Return the error for what no waiting mends: it is no deadline that passed."""
    return MeshctlError(f"{what}: {verdict.detail}", hint=verdict.hint or hint)


def stopped() -> StoppedError:
    """Return the error of a run that was stopped on purpose."""
    return StoppedError("stopped", hint="run the same command again to go on")


def timed_out(what: str, seconds: float, last_seen: str, hint: str) -> ClusterError | NotReadyError:
    """Return the error for a deadline that passed; what was last seen is the most useful thing to know."""
    return NotReadyError(f"waited {seconds:g} s for {what}; last seen: {last_seen or 'nothing'}", hint=hint)
