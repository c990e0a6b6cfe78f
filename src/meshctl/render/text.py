"""How moments, durations and texts from elsewhere are written, the same way everywhere."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from meshctl.render.hiding import hide

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def one_line(text: str) -> str:
    """Return `text` as one harmless line.

    Texts come from servers: they have line breaks, and might have terminal codes or, against all rules, a token.
    """
    return _CONTROLS.sub(" ", _ESCAPES.sub("", hide(text))).strip()


def each_line(text: str) -> str:
    """Return `text` with its line breaks, each line harmless."""
    return "\n".join(one_line(line) for line in hide(text).splitlines())


def local_zone() -> tzinfo:
    """Return the time zone of this machine, for everything that people read."""
    return datetime.now(UTC).astimezone().tzinfo or UTC


def clock(at: float, zone: tzinfo = UTC) -> str:
    """Return the time of day."""
    return f"{datetime.fromtimestamp(at, zone):%H:%M:%S}"


def date(at: float, zone: tzinfo = UTC) -> str:
    """Return the day and the time zone, for the one place that says which day all the clocks belong to."""
    moment = datetime.fromtimestamp(at, zone)
    return f"{moment:%Y-%m-%d}, {moment.tzname() or 'local time'}"


def span(seconds: float) -> str:
    """Return a duration: tenths below a minute, whole seconds above."""
    if round(seconds, 1) < 60:
        return f"{max(seconds, 0):.1f} s"
    return ticking(round(seconds))


def ticking(seconds: float) -> str:
    """Return a duration that is still running, in whole seconds, so that it does not flicker."""
    whole = max(int(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def count(number: int, noun: str) -> str:
    """Return `1 step`, `2 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def several(names: Sequence[str], noun: str, most: int = 6) -> str:
    """Return the names, or how many they are when they are too many to read."""
    return ", ".join(names) if len(names) <= most else count(len(names), noun)
