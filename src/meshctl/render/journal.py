"""The journal of one command: what was asked for, every event, and how it was left; as lines of JSON and back.

The first line is of type `run`, the last of type `left`; between them are the lines of `-o json`. A command that was
killed leaves no last line, and perhaps half a line: what can be read is read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from meshctl.errors import Exit
from meshctl.events import (
    Ended,
    Event,
    Failure,
    Finished,
    Outcome,
    Planned,
    Progressed,
    Started,
    StepInfo,
    Warned,
)
from meshctl.render.jsonl import VERSION, document
from meshctl.render.text import each_line, one_line


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster as the user named it."""

    name: str
    context: str
    network: str


@dataclass(frozen=True, slots=True)
class Opening:
    """What was asked for. `at` is seconds since the epoch; `meshctl` is its version."""

    at: float
    command: str
    mesh: str
    clusters: tuple[Place, ...]
    meshctl: str


@dataclass(frozen=True, slots=True)
class Closing:
    """How a command was left; `message` and `hint` are those of the error it ended with, if it did."""

    at: float
    exit_code: Exit
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Journal:
    """Everything that is known of one command's run."""

    opening: Opening
    events: tuple[Event, ...]
    closing: Closing | None


def opening_line(opening: Opening) -> str:
    """Return the first line."""
    clusters = [
        {"name": one.name, "context": one_line(one.context), "network": one.network} for one in opening.clusters
    ]
    return json.dumps(
        {
            "v": VERSION,
            "type": "run",
            "at": round(opening.at, 3),
            "command": opening.command,
            "mesh": one_line(opening.mesh),
            "clusters": clusters,
            "meshctl": opening.meshctl,
        }
    )


def closing_line(closing: Closing) -> str:
    """Return the last line."""
    return json.dumps(
        {
            "v": VERSION,
            "type": "left",
            "at": round(closing.at, 3),
            "exit_code": closing.exit_code.value,
            "message": each_line(closing.message),
            "hint": each_line(closing.hint),
        }
    )


def event_line(event: Event) -> str:
    """Return the line of an event."""
    return json.dumps(document(event))


def written(journal: Journal) -> Iterator[str]:
    """Yield the lines of a journal."""
    yield opening_line(journal.opening)
    yield from map(event_line, journal.events)
    if journal.closing:
        yield closing_line(journal.closing)


def read(lines: Iterable[str]) -> Journal | None:
    """Return the journal that was written, None when there is no first line."""
    opening, closing, events = None, None, list[Event]()
    steps: dict[str, StepInfo] = {}
    for found in _objects(lines):
        match found["type"]:
            case "run":
                opening = _opening(found)
            case "left":
                closing = Closing(found["at"], Exit(found["exit_code"]), found["message"], found["hint"])
            case _:
                event = _event(found, steps)
                events += [event] if event else []
    return Journal(opening, tuple(events), closing) if opening else None


def _objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue  # the line that was being written when the process died
        if isinstance(found, dict) and found.get("v") == VERSION and "type" in found:
            yield found


def _opening(found: Mapping[str, Any]) -> Opening:
    clusters = tuple(Place(one["name"], one["context"], one["network"]) for one in found["clusters"])
    return Opening(found["at"], found["command"], found["mesh"], clusters, found["meshctl"])


def _event(found: Mapping[str, Any], steps: dict[str, StepInfo]) -> Event | None:
    """Return an event; `steps` are those of the plan that is being performed, which its first event fills in."""
    at, kind = found["at"], found["type"]
    if kind == "planned":
        infos = [StepInfo(one["key"], one["cluster"], one["title"], tuple(one["needs"])) for one in found["steps"]]
        steps.update((one.key, one) for one in infos)
        return Planned(at, found["title"], tuple(found["clusters"]), tuple(infos))
    if kind == "ended":
        code = Exit(found["exit_code"])
        return Ended(at, found["seconds"], code, found["succeeded"], found["failed"], found["skipped"])
    step = steps.get(found["step"])
    if kind == "warned":
        return Warned(at, step, found["text"])
    return _of_step(found, step) if step else None


def _of_step(found: Mapping[str, Any], step: StepInfo) -> Event | None:
    match found["type"]:
        case "started":
            return Started(found["at"], step)
        case "progressed":
            return Progressed(found["at"], step, found["text"], found["waiting_for"])
        case "finished":
            failure = _failure(found["failure"]) if found["failure"] else None
            outcome = Outcome(found["outcome"])
            return Finished(found["at"], step, outcome, found["seconds"], found["text"], failure)
        case _:
            return None  # of a later meshctl


def _failure(found: Mapping[str, Any]) -> Failure:
    return Failure(found["message"], found["last_seen"], found["hint"], Exit(found["exit_code"]))
