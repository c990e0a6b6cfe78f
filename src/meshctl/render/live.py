"""The live display: puts the picture of the run on the terminal, and takes it away again whatever happens."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from meshctl.events import Event
from meshctl.render.draw import ASCII, UNICODE, draw
from meshctl.render.tree import Tree, fold

PER_SECOND = 8.0
"""Pictures per second: the spinner's pace, and a small part of one core."""


class LiveSink:
    """Draws the run over and over in place; can be entered again for the next plan.

    When the run has ended the picture goes, for the summary says it all; when it broke off, its last state stays.
    Events only replace a value that the drawing thread reads, so neither waits for the other.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.time) -> None:
        self._tree = Tree()
        self._console = console
        self._clock = clock
        self._marks = ASCII if console.options.ascii_only else UNICODE
        self._live = self._display()

    def __call__(self, event: Event) -> None:
        """Take in one event; it shows with the next picture."""
        self._tree = fold(self._tree, event)

    def note(self, text: str) -> None:
        """Print a line that is no event above the picture, or where the cursor is while there is none."""
        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def __enter__(self) -> Self:
        # A display remembers how tall its last picture was, and would wipe as many lines of what came after it.
        self._tree, self._live = Tree(), self._display()
        try:
            self._live.start()
        except BaseException:
            self._live.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.transient = self._tree.ended is not None and error is None
        self._live.stop()

    def _display(self) -> Live:
        # stdout is the result and may be a file: only stderr shares the screen with the picture.
        return Live(
            console=self._console,
            get_renderable=self._picture,
            refresh_per_second=PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=True,
        )

    def _picture(self) -> Text:
        return draw(self._tree, self._clock(), self._console.size, self._marks)
