"""Hears what the official loader logs: it tells of a failed credential plugin in no other way, and would print it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident


class _Listener(logging.Handler):
    """Keeps what one thread says; other clusters may be logged in to at the same time."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self._thread = get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        if record.thread == self._thread:
            self.heard.append(record.getMessage())


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Collect the errors that this thread logs meanwhile."""
    listener = _Listener()
    root = logging.getLogger()
    root.addHandler(listener)
    try:
        yield listener.heard
    finally:
        root.removeHandler(listener)
