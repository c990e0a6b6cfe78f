"""A wish to stop that wakes everybody who waits, and that a signal handler may express."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop:
    """Set once, never unset. Subscribers are called at once when it is; they must not block."""

    def __init__(self) -> None:
        self._set = False
        self._subscribers: dict[object, Callable[[], None]] = {}

    def __bool__(self) -> bool:
        return self._set

    def set(self) -> None:
        """Wish to stop. Safe in a signal handler: it takes no lock."""
        self._set = True
        for wake in list(self._subscribers.values()):
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` when the wish comes, or at once when it has come already."""
        token = object()
        self._subscribers[token] = wake
        try:
            if self._set:
                wake()
            yield
        finally:
            self._subscribers.pop(token, None)
