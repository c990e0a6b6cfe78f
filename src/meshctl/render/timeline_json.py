"""A timeline for programs: one JSON document, whose keys are a contract (docs/reference/timeline.md)."""

from typing import Any

from meshctl.events import Warned
from meshctl.render.jsonl import failure_document
from meshctl.render.text import each_line, one_line
from meshctl.render.timeline import Bar, Chart, Stay, Timeline
from meshctl.render.timeline_words import headline, sentences

VERSION = 1


def document(line: Timeline) -> dict[str, Any]:
    """Return a timeline as JSON-like data; moments are seconds since the epoch, durations are seconds."""
    opening, closing = line.opening, line.closing
    failed = closing is not None and bool(closing.message)
    return {
        "v": VERSION,
        "type": "timeline",
        "meshctl": opening.meshctl,
        "command": opening.command,
        "mesh": one_line(opening.mesh),
        "clusters": [
            {"name": one.name, "context": one_line(one.context), "network": one.network} for one in opening.clusters
        ],
        "began": _number(opening.at),
        "seconds": _number(line.seconds),
        "exit_code": line.exit_code.value if line.exit_code is not None else None,
        "error": {"message": each_line(closing.message), "hint": each_line(closing.hint)}
        if closing and failed
        else None,
        "summary": [headline(line), *sentences(line)],
        "waited_for": [
            {"what": one_line(one.what), "cluster": one.cluster, "seconds": _number(one.seconds)}
            for one in line.waits()
        ],
        "plans": [_plan(one) for one in line.charts],
        "warnings": [_warning(one) for one in line.warnings],
    }


def _plan(chart: Chart) -> dict[str, Any]:
    ended = chart.ended
    return {
        "title": one_line(chart.title),
        "began": _number(chart.began),
        "seconds": _number(chart.seconds),
        "exit_code": ended.exit_code.value if ended else None,
        "succeeded": ended.succeeded if ended else None,
        "failed": ended.failed if ended else None,
        "skipped": ended.skipped if ended else None,
        "critical_path": list(chart.path),
        "steps": [_step(bar) for bar in chart.bars],
    }


def _step(bar: Bar) -> dict[str, Any]:
    return {
        "key": bar.step.key,
        "cluster": bar.step.cluster,
        "title": bar.step.title,
        "needs": list(bar.step.needs),
        "began": None if bar.began is None else _number(bar.began),
        "seconds": _number(bar.seconds),
        "outcome": bar.outcome.value if bar.outcome else None,
        "critical": bar.critical,
        "text": one_line(bar.text),
        "waits": [_wait(one) for one in bar.stays],
        "failure": failure_document(bar.failure) if bar.failure else None,
    }


def _wait(stay: Stay) -> dict[str, Any]:
    return {
        "what": one_line(stay.what),
        "began": _number(stay.began),
        "seconds": _number(stay.seconds),
        "reasons": [{"text": one_line(one.text), "seconds": _number(one.seconds)} for one in stay.reasons],
    }


def _warning(warned: Warned) -> dict[str, Any]:
    return {
        "at": _number(warned.at),
        "step": warned.step.key if warned.step else None,
        "text": one_line(warned.text),
    }


def _number(value: float) -> float:
    return round(value, 3)
