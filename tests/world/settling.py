"""Waiting for what comes by itself: asked again and again, at most for as long as a patient person would wait."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 15.0
LOOK_AGAIN = 0.05


def settled(ask: Callable[[], T], wanted: Callable[[T], bool], patience: float = PATIENCE) -> T:
    """Return the first answer that is wanted; the last one when none was."""
    give_up = time.monotonic() + patience
    while not wanted(answer := ask()) and time.monotonic() < give_up:
        time.sleep(LOOK_AGAIN)
    return answer
