"""The loop every controller shares: watch, remember what is dirty, look at one object after the other."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from meshctl.lab.api import Api, ApiError, Change
from meshctl.objects import Kind

Key = tuple[str, str]
"""Namespace and name of an object; the namespace is empty for cluster-scoped ones."""

Look = Callable[[Key], Awaitable[float | None]]
"""Compare one object with what should be, act, and say in how many seconds to look again (None: on the next change)."""

WATCH_AGAIN = 1.0
RETRY_FIRST = 0.01
RETRY_LAST = 1.0

log = logging.getLogger(__name__)


def own_key(change: Change) -> Iterable[Key]:
    """Return the key of the changed object itself."""
    meta = change.obj["metadata"]
    return ((meta.get("namespace", ""), meta["name"]),)


def owner_key(kind: Kind) -> Callable[[Change], Iterable[Key]]:
    """Return a function that names the controller of a changed object, when it is of this kind."""

    def keys(change: Change) -> Iterable[Key]:
        meta = change.obj["metadata"]
        for owner in meta.get("ownerReferences") or ():
            if owner.get("controller") and owner["kind"] == kind.name:
                yield (meta.get("namespace", "") if kind.namespaced else "", owner["name"])

    return keys


@dataclass(frozen=True, slots=True)
class Feed:
    """A kind to watch, and which objects a change of it makes dirty."""

    kind: Kind
    keys: Callable[[Change], Iterable[Key]] = own_key
    namespace: str = ""


async def follow(api: Api, kind: Kind, namespace: str = "") -> AsyncIterator[Change]:
    """Watch for ever, also while the kind is not served or the server is away."""
    while True:
        try:
            async for change in api.watch(kind, namespace):
                yield change
        except ApiError as error:
            log.debug("watch of %s: %s", kind.resource, error)
        await asyncio.sleep(WATCH_AGAIN)


class Queue:
    """The dirty objects of one controller. An object is never looked at twice at the same time."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._dirty: dict[Key, None] = {}
        self._busy: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: Counter[Key] = Counter()
        self._wake = asyncio.Event()

    def add(self, key: Key) -> None:
        """Have an object looked at as soon as possible."""
        self._dirty[key] = None
        self._wake.set()

    def add_later(self, key: Key, seconds: float) -> None:
        """Have an object looked at in a while, unless a sooner look is planned already."""
        loop = asyncio.get_running_loop()
        planned = self._timers.get(key)
        if planned is not None and not planned.cancelled() and loop.time() < planned.when() <= loop.time() + seconds:
            return
        if planned is not None:
            planned.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    async def run(self) -> None:
        """Look at what is dirty, for ever."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    await self._wake.wait()
                    self._wake.clear()
                    for key in [key for key in self._dirty if key not in self._busy]:
                        del self._dirty[key]
                        self._busy.add(key)
                        group.create_task(self._one(key))
        finally:
            for timer in self._timers.values():
                timer.cancel()

    async def _one(self, key: Key) -> None:
        try:
            again = await self._look(key)
            self._failures.pop(key, None)
        except ApiError as error:
            log.debug("%s/%s: %s", *key, error)
            again = min(RETRY_FIRST * 2 ** self._failures[key], RETRY_LAST)
            self._failures[key] = min(self._failures[key] + 1, 10)
        finally:
            self._busy.discard(key)
            self._wake.set()
        if again is not None:
            self.add_later(key, again)


async def reconcile(api: Api, feeds: Sequence[Feed], look: Look, queue: Queue | None = None) -> None:
    """Run one controller: keep looking at whatever its feeds make dirty."""
    dirty = queue or Queue(look)
    async with asyncio.TaskGroup() as group:
        group.create_task(dirty.run())
        for feed in feeds:
            group.create_task(_fill(api, feed, dirty))


async def _fill(api: Api, feed: Feed, queue: Queue) -> None:
    async for change in follow(api, feed.kind, feed.namespace):
        for key in feed.keys(change):
            queue.add(key)
