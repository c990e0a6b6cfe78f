"""The streams we print to may be closed from the start (`>&-`): then they lead nowhere, and all else goes on."""

import os
import sys
from typing import Literal, TextIO

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
