"""A terminal that shows one text over and over in place, and gives the former screen back at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from meshctl.checks.status.model import StatusReport
from meshctl.render.status.paper import pen_for, writable
from meshctl.render.status.text import status_text


def fitted(report: StatusReport, encoding: str, columns: int, lines: int = 0) -> Text:
    """Return a report as a stream of this encoding can show it; with `lines` it is no taller."""
    return writable(status_text(report, pen_for(encoding, columns), lines), encoding)


@contextmanager
def screen(stream: TextIO, *, colour: bool) -> Iterator[Callable[[Text], None]]:
    """Take the terminal; yields a function that shows a text, which must fit."""
    console = Console(file=stream, force_terminal=True, no_color=not colour, highlight=False)
    with Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda text: live.update(text, refresh=True)
