"""What becomes of output that nobody takes: streams closed from the start (`>&-`), and readers that go (`| head`)."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TextIO

from meshctl.errors import MeshctlError

STANDARD = 3
"""How many numbers are the standard streams': 0, 1 and 2."""


def open_closed() -> None:
    """Let every standard stream that is closed lead nowhere. Call it before anything else is opened.

    Python has None for such a stream, and the next file or socket would get its number: what a child prints would go
    there.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) < STANDARD:
        os.set_inheritable(number, True)
    os.close(number)
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    return os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8")


@contextmanager
def given_up_when_closed() -> Iterator[None]:
    """Raise what there is to say when whoever read our output has gone (`| head`); Typer would exit without a word."""
    try:
        yield
    except BrokenPipeError as gone:
        raise output_closed() from gone


def output_closed() -> MeshctlError:
    """Return the error of a run whose output nobody reads any more; what was begun is not undone."""
    return MeshctlError("the output was closed, so the run was given up")
