"""A timeline in words: the first thing that people read of a report, and often the only one."""

from meshctl.errors import Exit
from meshctl.events import Outcome
from meshctl.render.exits import MEANINGS
from meshctl.render.text import one_line, span
from meshctl.render.timeline import Timeline, Waited

SHOWN = 3
WORTH = 0.05  # the share of a run below which a wait is not worth a sentence, unless it is the longest


def headline(line: Timeline) -> str:
    """Say how the command ended, and when."""
    opening = line.opening
    where = one_line(f"meshctl {opening.command} of {opening.mesh}")
    if line.exit_code is None:
        return f"{where}: broke off after {span(line.seconds)}"
    return f"{where}: {MEANINGS[line.exit_code]}, after {span(line.seconds)}"


def sentences(line: Timeline) -> tuple[str, ...]:
    """Say where the time went, what failed, and what the command ended with."""
    return tuple(map(one_line, (*_spent(line), *_failed(line), *_left(line))))


def _spent(line: Timeline) -> list[str]:
    waits = [one for one in line.waits() if one.seconds > 0]
    told = [one for place, one in enumerate(waits[:SHOWN]) if place == 0 or one.seconds >= WORTH * line.seconds]
    said = [f"{_were(one)} waiting for {one.what} on {one.cluster}." for one in told]
    if said:
        said[0] = said[0].replace(" were spent", f" of {span(line.seconds)} were spent", 1)
    elif line.charts:
        said = [f"Nothing was waited for in these {span(line.seconds)}."]
    before = line.charts[0].began - line.opening.at if line.charts else 0.0
    early = [f"{span(before)} had passed before the first step: the clusters were looked at."]
    said += early if before >= WORTH * line.seconds and round(before, 1) else []
    rest = line.seconds - sum(one.seconds for one in told) - (before if early[0] in said else 0.0)
    return [*said, f"The other {span(rest)} went into everything else."] if told or early[0] in said else said


def _were(one: Waited) -> str:
    return f"{span(one.seconds)} were spent"


def _failed(line: Timeline) -> list[str]:
    failed = [bar for bar in line.bars if bar.outcome is Outcome.FAILED]
    said = [f"{bar.step.key} failed: {bar.failure.message}." for bar in failed[:SHOWN] if bar.failure]
    more = len(failed) - len(said)
    return [*said, f"{more} more failed."] if more else said


def _left(line: Timeline) -> list[str]:
    closing = line.closing
    if closing is None:
        return ["The process ended without a word: it was killed, or this is still going on."]
    if closing.message and closing.exit_code is not Exit.DONE:
        return [f"It ended with: {closing.message}"]
    return []
