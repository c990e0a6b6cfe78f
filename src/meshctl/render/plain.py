"""Events as one line per change, readable by a stranger in a log: when, on which cluster, what.

A failure is a block: its first line like all others, then what is wrong, what was last seen and what to do next.
Nothing depends on a terminal or its width.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType, TracebackType
from typing import Self, TextIO

from meshctl.events import Ended, Event, Failure, Finished, Outcome, Planned, Progressed, Started, Warned
from meshctl.render.exits import MEANINGS
from meshctl.render.text import clock, count, date, one_line, several, span

_NOBODY = "-"
_OUTCOMES: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.SUCCEEDED: "done",
        Outcome.FAILED: "FAILED",
        Outcome.SKIPPED: "skipped",
        Outcome.INTERRUPTED: "stopped",
    }
)


def line(event: Event, zone: tzinfo = UTC) -> str | None:
    """Return what to print for `event`, without the line break at its end; None when there is nothing to say."""
    match event:
        case Planned(title=title, steps=steps, clusters=clusters):
            where = several(clusters, "cluster")
            day = date(event.at, zone)
            return row(event.at, _NOBODY, "plan", f"{title}: {count(len(steps), 'step')} on {where} ({day})", zone)
        case Started(step=step):
            return row(event.at, step.cluster, "started", step.title, zone)
        case Progressed(step=step, text=text):
            return row(event.at, step.cluster, "status", f"{step.title}: {text}", zone) if text else None
        case Warned(step=about, text=text):
            where, what = (about.cluster, f"{about.title}: {text}") if about else (_NOBODY, text)
            return row(event.at, where, "WARNING", what, zone)
        case Finished():
            return _finished(event, zone)
        case Ended():
            return row(event.at, _NOBODY, "end", _ended(event), zone)


def row(at: float, cluster: str, word: str, text: str, zone: tzinfo = UTC) -> str:
    """Return one line of the log: time, cluster, what kind of change, and the change."""
    return f"{clock(at, zone)}  {cluster:<10}  {word:<8}  {one_line(text)}".rstrip()


def block(failure: Failure, indent: str = "") -> tuple[str, ...]:
    """Return the lines that explain a failure; what is not known is left out."""
    parts = (("what", failure.message), ("last seen", failure.last_seen), ("next", failure.hint))
    return tuple(f"{indent}{label:<9}  {one_line(text)}" for label, text in parts if text)


def _finished(event: Finished, zone: tzinfo) -> str:
    word = _OUTCOMES[event.outcome]
    took = "" if event.outcome is Outcome.SKIPPED else f" ({span(event.seconds)})"
    tail = f": {event.text}" if event.text not in {"", word} else ""
    first = row(event.at, event.step.cluster, word, f"{event.step.title}{took}{tail}", zone)
    return "\n".join((first, *(block(event.failure, " " * 32) if event.failure else ())))


def _ended(event: Ended) -> str:
    counts = f"{event.succeeded} done, {event.failed} failed, {event.skipped} skipped"
    return f"{counts} in {span(event.seconds)}; exit code {event.exit_code.value}: {MEANINGS[event.exit_code]}"


class PlainSink:
    """Writes the lines as events come; a reason that has not changed is not written again."""

    def __init__(self, write: Callable[[str], object], zone: tzinfo = UTC) -> None:
        self._write = write
        self._zone = zone
        self._reasons: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if isinstance(event, Started):
            self._reasons.pop(event.step.key, None)
        if isinstance(event, Progressed):
            if self._reasons.get(event.step.key) == event.text:
                return
            self._reasons[event.step.key] = event.text
        text = line(event, self._zone)
        if text is not None:
            self._write(text)

    def note(self, text: str) -> None:
        """Write a line that is no event."""
        self._write(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held back, so nothing is left to do."""


def writer(stream: TextIO) -> Callable[[str], None]:
    """Return a function that writes a line and lets it out at once; whole lines, as notes come from any thread."""

    def write(text: str) -> None:
        stream.write(f"{text}\n")
        stream.flush()

    return write
