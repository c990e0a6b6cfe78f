"""Which renderer a run gets, and where it writes: stdout is for results, stderr for progress."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from meshctl.events import Event
from meshctl.render.jsonl import JsonSink
from meshctl.render.plain import PlainSink, writer
from meshctl.render.text import local_zone

if TYPE_CHECKING:
    from rich.text import Text


class Output(StrEnum):
    """What the user may ask for."""

    AUTO = "auto"
    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"


class Sink(AbstractContextManager["Sink"], Protocol):
    """A reader of events. Use it as a context; `note` takes lines that are no events, from any thread."""

    def __call__(self, event: Event) -> None:
        """Show one event."""

    def note(self, text: str) -> None:
        """Show a line that is no event."""

    def __enter__(self) -> Self: ...


@dataclass(frozen=True, slots=True)
class Look:
    """How output looks: `output` is never AUTO; `colour` is for what is printed besides events."""

    output: Output
    colour: bool


def choose(output: Output, *, is_terminal: bool, environ: Mapping[str, str]) -> Look:
    """Decide how a run is shown. `is_terminal` is about stderr, where progress goes.

    A live display needs a terminal that can move its cursor, whoever asks for it; a CI system only pretends to have
    one.
    """
    capable = is_terminal and environ.get("TERM", "") != "dumb"
    colour = capable and not environ.get("NO_COLOR")
    if output is Output.AUTO and _in_ci(environ):
        return Look(Output.PLAIN, colour)
    if output in {Output.AUTO, Output.LIVE}:
        return Look(Output.LIVE if capable else Output.PLAIN, colour)
    return Look(output, colour)


def open_sink(look: Look, *, stdout: TextIO, stderr: TextIO, zone: tzinfo | None = None) -> Sink:
    """Return the sink for `look`; times are shown in `zone`, or where we are."""
    if look.output is Output.JSON:
        return JsonSink(writer(stdout), writer(stderr))
    if look.output is Output.LIVE:
        # rich costs a tenth of a second that only a live display should pay.
        from rich.console import Console

        from meshctl.render.live import LiveSink

        console = Console(file=stderr, force_terminal=True, no_color=not look.colour, highlight=False)
        return LiveSink(console, time.time)
    return PlainSink(writer(stderr), zone or local_zone())


def say(text: "Text", stream: TextIO, *, colour: bool) -> None:
    """Print a text that has styles, uncut and unwrapped; without colour, without the styles."""
    if not colour:
        writer(stream)(text.plain)
        return
    from rich.console import Console

    Console(file=stream, force_terminal=True, highlight=False).print(text, soft_wrap=True)


def _in_ci(environ: Mapping[str, str]) -> bool:
    return environ.get("CI", "").lower() not in {"", "0", "false", "no"}
