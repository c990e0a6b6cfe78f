"""The work queue of one controller: each key at most once, failures tried again after a growing pause."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from meshctl.lab.api import Api, ApiError, Change
from meshctl.lab.delays import Delays
from meshctl.objects import Kind, Manifest, dig

_log = logging.getLogger(__name__)
_MISSING_PAUSE = 0.2  # until a kind that the API server does not serve yet is asked for again

Reconcile = Callable[[str], Awaitable[float | None]]
"""Does the work of one key; returns after how many seconds to look again, or None."""


class ReconcileError(Exception):
    """Why a resource cannot be reconciled, as its status says it; `retry` False waits for a change instead."""

    def __init__(self, message: str, *, retry: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.retry = retry


def pause(delays: Delays, failures: int) -> float:
    """Return how long to wait after so many failures in a row.

    A lab without delays keeps the real pauses: no pause at all would be an endless loop.
    """
    seconds = min(delays.backoff_first * 2.0 ** min(failures - 1, 60), delays.backoff_last)
    return delays.of(seconds) if delays.speed > 0 else seconds


class Queue:
    """Keys that wait for their turn; a key added while it is worked on comes again."""

    def __init__(self, delays: Delays, latency: float) -> None:
        self._delays = delays
        self._latency = delays.of(latency)
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._changed = asyncio.Event()

    def add(self, key: str, after: float | None = None) -> None:
        """Ask for a key to be worked on, soon or after so many seconds; the earlier request wins."""
        when = asyncio.get_running_loop().time() + (self._latency if after is None else after)
        self._due[key] = min(when, self._due.get(key, when))
        self._changed.set()

    async def run(self, reconcile: Reconcile) -> None:
        """Work for ever. Refusals and the API server's errors are tried again; anything else is a bug and escapes."""
        while True:
            key = await self._next()
            try:
                again = await reconcile(key)
            except (ReconcileError, ApiError) as error:
                self._failed(key, error)
            else:
                self._failures.pop(key, None)
                if again is not None:
                    self.add(key, again)

    def _failed(self, key: str, error: ReconcileError | ApiError) -> None:
        _log.debug("reconciling %s: %s", key, error)
        if isinstance(error, ReconcileError) and not error.retry:
            self._failures.pop(key, None)
            return
        self._failures[key] = self._failures.get(key, 0) + 1
        self.add(key, pause(self._delays, self._failures[key]))

    async def _next(self) -> str:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if self._due:
                key = min(self._due, key=lambda one: self._due[one])
                left = self._due[key] - loop.time()
                if left <= 0:
                    del self._due[key]
                    return key
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._changed.wait()
            else:
                await self._changed.wait()


async def changes(api: Api, kind: Kind, namespace: str = "") -> AsyncIterator[tuple[Change, Manifest | None]]:
    """Yield each change with the object before it; a repeated listing yields only what really changed."""
    seen: dict[str, Manifest] = {}
    while True:
        try:
            async for change in api.watch(kind, namespace):
                uid = str(dig(change.obj, "metadata", "uid"))
                before = seen.pop(uid, None)
                if change.type != "DELETED":
                    seen[uid] = change.obj
                    if dig(before, "metadata", "resourceVersion") == dig(change.obj, "metadata", "resourceVersion"):
                        continue
                yield change, before
        except ApiError as error:
            _log.debug("watching %s: %s", kind.plural, error)
        await asyncio.sleep(_MISSING_PAUSE)
