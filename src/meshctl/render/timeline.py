"""Where the time of a run went: its journal as bars, waits and the chain that decided how long it took. All pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from meshctl.errors import Exit
from meshctl.events import Ended, Event, Failure, Finished, Outcome, Planned, Progressed, Started, StepInfo, Warned
from meshctl.render.critical_path import critical_path
from meshctl.render.journal import Closing, Journal, Opening


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a wait was not over yet, and for how many seconds in all that was the reason."""

    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Stay:
    """One wait: for what, from when (seconds since the epoch), how many seconds, and the reasons in order."""

    what: str
    began: float
    seconds: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A step in time. `began` is None when it never began; `outcome` is None when nobody saw it end."""

    step: StepInfo
    began: float | None
    seconds: float
    outcome: Outcome | None
    text: str = ""
    failure: Failure | None = None
    stays: tuple[Stay, ...] = ()
    critical: bool = False

    @property
    def waited(self) -> float:
        """Seconds of it that were spent waiting."""
        return sum(stay.seconds for stay in self.stays)


@dataclass(frozen=True, slots=True)
class Chart:
    """One plan of a run: its bars in the plan's order, and the keys of the chain that decided how long it took."""

    title: str
    clusters: tuple[str, ...]
    began: float
    seconds: float
    bars: tuple[Bar, ...]
    path: tuple[str, ...]
    ended: Ended | None

    def lanes(self) -> dict[str, tuple[Bar, ...]]:
        """Return the bars of each cluster."""
        return {name: tuple(bar for bar in self.bars if bar.step.cluster == name) for name in self.clusters}


@dataclass(frozen=True, slots=True)
class Waited:
    """What the run as a whole waited for on one cluster, on the chain that decided how long it took."""

    what: str
    cluster: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole run, of one or more plans. `seconds` are those of the whole command."""

    opening: Opening
    seconds: float
    charts: tuple[Chart, ...]
    warnings: tuple[Warned, ...]
    closing: Closing | None

    @property
    def exit_code(self) -> Exit | None:
        """How it ended, None when nobody saw it end."""
        return self.closing.exit_code if self.closing else None

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Every bar of every plan."""
        return tuple(bar for chart in self.charts for bar in chart.bars)

    def waits(self) -> tuple[Waited, ...]:
        """Return what the chain waited for, longest first: where the time went."""
        spent: dict[tuple[str, str], float] = {}
        for bar in self.bars:
            for stay in bar.stays if bar.critical else ():
                key = stay.what, bar.step.cluster
                spent[key] = spent.get(key, 0.0) + stay.seconds
        found = [Waited(what, cluster, seconds) for (what, cluster), seconds in spent.items()]
        return tuple(sorted(found, key=lambda one: -one.seconds))


def timeline(journal: Journal) -> Timeline:
    """Return the timeline of a journal."""
    begin = journal.opening.at
    end = max([begin, *(event.at for event in journal.events), *([journal.closing.at] if journal.closing else [])])
    charts = tuple(chart(part) for part in plans(journal.events))
    warnings = tuple(event for event in journal.events if isinstance(event, Warned))
    return Timeline(journal.opening, end - begin, charts, warnings, journal.closing)


def plans(events: Iterable[Event]) -> Iterator[tuple[Event, ...]]:
    """Yield the events of each plan, from its Planned on."""
    held: list[Event] = []
    for event in events:
        if isinstance(event, Planned):
            if held:
                yield tuple(held)
            held = [event]
        elif held:
            held.append(event)
    if held:
        yield tuple(held)


def chart(events: Sequence[Event]) -> Chart:
    """Return one plan's chart; the first event is its Planned."""
    planned = events[0]
    if not isinstance(planned, Planned):
        raise TypeError("a plan's events begin with what was planned")
    end = max(event.at for event in events)
    drawing = {step.key: Drawing(step) for step in planned.steps}
    for event in events:
        if isinstance(event, Started | Progressed | Finished):
            drawing[event.step.key].take(event)
    bars = [one.bar(end) for one in drawing.values()]
    ends = {bar.step.key: bar.began + bar.seconds for bar in bars if bar.began is not None}
    path = critical_path({step.key: step.needs for step in planned.steps}, ends)
    marked = tuple(replace(bar, critical=bar.step.key in path) for bar in bars)
    ended = next((event for event in events if isinstance(event, Ended)), None)
    return Chart(planned.title, planned.clusters, planned.at, end - planned.at, marked, path, ended)


@dataclass(slots=True)
class Drawing:
    """A bar while its events come in."""

    step: StepInfo
    began: float | None = None
    reasons: list[Progressed] = field(default_factory=list)
    finished: Finished | None = None

    def take(self, event: Started | Progressed | Finished) -> None:
        """Take in one event."""
        match event:
            case Started():
                self.began = event.at
            case Progressed():
                self.reasons.append(event)
            case Finished():
                self.finished = event

    def bar(self, end: float) -> Bar:
        """Return the bar; what nobody saw end lasted to the end of what was seen."""
        last = self.finished.at if self.finished else end
        seconds = 0.0 if self.began is None else last - self.began
        done = self.finished
        return Bar(
            self.step,
            self.began,
            seconds,
            done.outcome if done else None,
            done.text if done else "",
            done.failure if done else None,
            stays(self.reasons, last),
        )


def stays(events: Sequence[Progressed], end: float) -> tuple[Stay, ...]:
    """Return the waits of one step: a reason stands until the step's next event, a wait until it has another aim."""
    spans = list(zip(events, [*(event.at for event in events), end][1:], strict=True))
    found = []
    for what, group in groupby(spans, key=lambda span: span[0].waiting_for):
        if what:
            part = list(group)
            began, last = part[0][0].at, part[-1][1]
            found.append(Stay(what, began, last - began, reasons(part)))
    return tuple(found)


def reasons(spans: Iterable[tuple[Progressed, float]]) -> tuple[Reason, ...]:
    """Return the reasons of a wait in the order they were first seen, each with its seconds in all."""
    spent: dict[str, float] = {}
    for event, end in spans:
        spent[event.text] = spent.get(event.text, 0.0) + end - event.at
    return tuple(Reason(text, seconds) for text, seconds in spent.items())
