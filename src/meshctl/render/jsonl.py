"""Events as JSON lines, for programs: one object per event, whose keys are a contract.

Every object has `v` (the version of this format, 1), `type`, and `at` (seconds since the epoch). By type:

planned     title, clusters, steps: a list of {key, cluster, title, needs}
started     step, cluster, title
progressed  step, cluster, title, text, waiting_for
warned      step, cluster, title (all null outside of steps), text
finished    step, cluster, title, outcome, seconds, text,
            failure: null or {message, last_seen, hint, exit_code}
ended       seconds, exit_code, succeeded, failed, skipped

`step` is a step's key, `cluster: title`. Keys may be added to version 1; none is taken away or changes its
meaning.
"""

import json
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from meshctl.events import Ended, Event, Failure, Finished, Planned, Progressed, Started, StepInfo, Warned
from meshctl.render.text import one_line

VERSION = 1


def document(event: Event) -> dict[str, Any]:
    """Return an event as JSON-like data."""
    return {"v": VERSION, "type": type(event).__name__.lower(), "at": round(event.at, 3), **_body(event)}


def line(event: Event) -> str:
    """Return an event as one line of JSON, without the line break at its end."""
    return json.dumps(document(event))


def _body(event: Event) -> dict[str, Any]:
    match event:
        case Planned():
            return {
                "title": one_line(event.title),
                "clusters": list(event.clusters),
                "steps": [
                    {"key": one.key, "cluster": one.cluster, "title": one.title, "needs": list(one.needs)}
                    for one in event.steps
                ],
            }
        case Started():
            return _step(event.step)
        case Progressed():
            waiting = one_line(event.waiting_for)
            return {**_step(event.step), "text": one_line(event.text), "waiting_for": waiting}
        case Warned():
            return {**_step(event.step), "text": one_line(event.text)}
        case Finished():
            return {
                **_step(event.step),
                "outcome": event.outcome.value,
                "seconds": round(event.seconds, 3),
                "text": one_line(event.text),
                "failure": failure_document(event.failure) if event.failure else None,
            }
        case Ended():
            return {
                "seconds": round(event.seconds, 3),
                "exit_code": event.exit_code.value,
                "succeeded": event.succeeded,
                "failed": event.failed,
                "skipped": event.skipped,
            }


def _step(step: StepInfo | None) -> dict[str, Any]:
    if step is None:
        return {"step": None, "cluster": None, "title": None}
    return {"step": step.key, "cluster": step.cluster, "title": step.title}


def failure_document(failure: Failure) -> dict[str, Any]:
    """Return why a step failed as JSON-like data."""
    return {
        "message": one_line(failure.message),
        "last_seen": one_line(failure.last_seen),
        "hint": one_line(failure.hint),
        "exit_code": failure.exit_code.value,
    }


class JsonSink:
    """Writes each event as it comes; notes go elsewhere, since only events belong in the stream."""

    def __init__(self, write: Callable[[str], object], note: Callable[[str], object]) -> None:
        self._write = write
        self._note = note

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._write(line(event))

    def note(self, text: str) -> None:
        """Write a line that is no event."""
        self._note(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back, so nothing is left to do."""
