"""A timeline for people: one self-contained page, with a lane for each cluster and a bar for each step."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from types import MappingProxyType

from meshctl.errors import Exit
from meshctl.events import Outcome
from meshctl.render.pages import Data, page
from meshctl.render.text import clock, count, date, span, ticking
from meshctl.render.timeline import Bar, Chart, Stay, Timeline
from meshctl.render.timeline_words import headline, sentences

FEW = 4  # lanes that are shown unfolded, whatever is in them
NARROWEST = 0.4  # percent of the whole: what is over at once can still be seen
MOST_TICKS = 6
LAST_TEXT = 92  # percent
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)  # seconds

_WORDS: Mapping[Outcome | None, str] = MappingProxyType(
    {
        Outcome.SUCCEEDED: "done",
        Outcome.FAILED: "failed",
        Outcome.SKIPPED: "skipped",
        Outcome.INTERRUPTED: "stopped",
        None: "not ended",
    }
)


def timeline_page(line: Timeline, zone: tzinfo = UTC) -> str:
    """Return the page; times of day are shown in `zone`."""
    opening, closing = line.opening, line.closing
    longest = max((one.seconds for one in line.waits()), default=0.0)
    return page(
        "timeline.html.j2",
        {
            "headline": headline(line),
            "good": line.exit_code is Exit.DONE,
            "sentences": sentences(line),
            "hints": tuple(closing.hint.splitlines()) if closing else (),
            "when": f"{date(opening.at, zone)}, {clock(opening.at, zone)}",
            "command": opening.command,
            "made_by": opening.meshctl,
            "exit_code": line.exit_code.value if line.exit_code is not None else None,
            "clusters": [
                {"name": one.name, "context": one.context, "network": one.network} for one in opening.clusters
            ],
            "waits": [
                {
                    "what": one.what,
                    "cluster": one.cluster,
                    "span": span(one.seconds),
                    "share": _percent(one.seconds, line.seconds),
                    "width": _percent(one.seconds, longest),
                }
                for one in line.waits()
            ],
            "charts": [_chart(one) for one in line.charts],
            "warnings": [
                f"{one.step.key}: {one.text}" if one.step else one.text
                for one in {(w.step, w.text): w for w in line.warnings}.values()
            ],
        },
    )


def ticks(seconds: float) -> list[float]:
    """Return the moments to mark on an axis of so many seconds: round ones, and not too many."""
    step = next((one for one in TICKS if seconds / one < MOST_TICKS), TICKS[-1])
    return [number * step for number in range(int(seconds / step) + 1)]


def _chart(chart: Chart) -> Mapping[str, Data]:
    marks = ticks(chart.seconds)
    lanes = chart.lanes()
    return {
        "title": chart.title,
        "span": span(chart.seconds),
        "tick": _percent(marks[1], chart.seconds) if len(marks) > 1 else 100.0,
        "ticks": [
            # At the very end there is no room for its text.
            {"left": left, "text": _mark(one) if left < LAST_TEXT else ""}
            for one in marks
            for left in [_percent(one, chart.seconds)]
        ],
        "lanes": [_lane(name, bars, chart, unfolded=len(lanes) <= FEW) for name, bars in lanes.items()],
        "path": list(chart.path),
    }


def _mark(seconds: float) -> str:
    return f"{seconds:g} s" if seconds < TICKS[5] or seconds % 1 else ticking(seconds)


def _lane(name: str, bars: tuple[Bar, ...], chart: Chart, *, unfolded: bool) -> Mapping[str, Data]:
    failed = sum(bar.outcome is Outcome.FAILED for bar in bars)
    ends = [bar.began + bar.seconds - chart.began for bar in bars if bar.began is not None]
    said = [count(len(bars), "step"), f"over after {span(max(ends))}" if ends else "nothing was done"]
    return {
        "cluster": name,
        "summary": ", ".join([*said, *([f"{failed} failed"] if failed else [])]),
        "open": unfolded or bool(failed) or any(bar.critical for bar in bars),
        "bars": [_bar(bar, chart) for bar in bars],
    }


def _bar(bar: Bar, chart: Chart) -> Mapping[str, Data]:
    failure = bar.failure
    lines = [("what", failure.message), ("last seen", failure.last_seen), ("next", failure.hint)] if failure else []
    return {
        "title": bar.step.title,
        "began": bar.began is not None,
        "left": _percent((bar.began or chart.began) - chart.began, chart.seconds),
        "width": max(NARROWEST, _percent(bar.seconds, chart.seconds)),
        "span": span(bar.seconds) if bar.began is not None else _WORDS[bar.outcome],
        "word": _WORDS[bar.outcome],
        "failed": bar.outcome is Outcome.FAILED,
        "odd": bar.outcome is not Outcome.SUCCEEDED,
        "critical": bar.critical,
        "text": bar.text,
        "stays": [_stay(one, bar) for one in bar.stays],
        "failure": [{"name": name, "text": text} for name, text in lines if text],
    }


def _stay(stay: Stay, bar: Bar) -> Mapping[str, Data]:
    return {
        "what": stay.what,
        "span": span(stay.seconds),
        "left": _percent(stay.began - (bar.began or stay.began), bar.seconds),
        "width": _percent(stay.seconds, bar.seconds),
        "reasons": [{"text": one.text, "span": span(one.seconds)} for one in stay.reasons],
    }


def _percent(part: float, whole: float) -> float:
    return round(min(100.0, max(0.0, 100 * part / whole)), 2) if whole > 0 else 0.0
