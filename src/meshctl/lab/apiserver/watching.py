"""Watches over HTTP: what is there, then every change, as lines of JSON."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.asking import Asking
from meshctl.lab.apiserver.plane import Plane
from meshctl.lab.apiserver.selectors import Predicate
from meshctl.lab.apiserver.status import Problem, StatusError, bad_options, bad_request, expired, status
from meshctl.lab.apiserver.store import Event, Snapshot, encode
from meshctl.lab.apiserver.tables import partial, table
from meshctl.objects import Manifest

_BOOKMARK_PERIOD = 60.0
_DEFAULT_TIMEOUT = 3600.0


@dataclass(frozen=True, slots=True)
class View:
    """What one watch sees of the events of its resource, and in which form."""

    asking: Asking
    predicate: Predicate | None

    def line(self, event: Event) -> bytes:
        """Return the line for an event; nothing when this watch does not see it."""
        namespace = self.asking.target.namespace
        if namespace and event.snapshot.key[0] != namespace:
            return b""
        if self.predicate is None:
            return self.encoded(event.type, event.snapshot)
        now = event.type != "DELETED" and self.predicate(event.snapshot.obj)
        before = event.before is not None and self.predicate(event.before.obj)
        if not now and not before:
            return b""
        if not now and event.before is not None and event.type != "DELETED":
            return self.encoded("DELETED", _left(event.before, event.snapshot))
        kind = ("MODIFIED" if before else "ADDED") if now else "DELETED"
        return self.encoded(kind, event.snapshot)

    def encoded(self, kind: str, snapshot: Snapshot) -> bytes:
        """Return the line for an object."""
        target = self.asking.target
        form = self.asking.form
        if form == "Table":
            include = self.asking.query.get("includeObject") or "Metadata"
            obj = table(target.resource, [snapshot.served(target.api_version)], str(snapshot.revision), include)
            data = encode(obj)
        elif form == "PartialObjectMetadata":
            data = encode(partial(snapshot.obj))
        else:
            data = snapshot.json(target.api_version)
        return b"".join((b'{"type":"', kind.encode(), b'","object":', data, b"}\n"))

    def bookmark(self, revision: int, *, initial: bool = False) -> bytes:
        """Return the line that tells how far this watch has come."""
        target = self.asking.target
        metadata: Manifest = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: Manifest = {"kind": target.resource.kind.name, "apiVersion": target.api_version, "metadata": metadata}
        if self.asking.form == "Table":
            row = {"cells": [], "object": {**obj, "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}}
            empty = table(target.resource, [], str(revision), "None")
            obj = {**empty, "rows": [row]}
        return encode({"type": "BOOKMARK", "object": obj}) + b"\n"


def _left(before: Snapshot, after: Snapshot) -> Snapshot:
    """Return the last state that a watch has to do with, with the version of the change that ended this."""
    metadata = {**before.obj["metadata"], "resourceVersion": str(after.revision)}
    return Snapshot({**before.obj, "metadata": metadata}, after.revision, before.owners)


def _error_line(error: ApiError) -> bytes:
    return encode({"type": "ERROR", "object": status(error)}) + b"\n"


def _beginning(plane: Plane, view: View, asking: Asking) -> Iterator[bytes]:
    """Yield what a watch begins with; raise 410 when it asks for what has left the history."""
    store, target = plane.store, asking.target
    given = asking.query.get("resourceVersion", "")
    initial = asking.query.get("sendInitialEvents", "")
    if initial and asking.query.get("resourceVersionMatch") != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        raise bad_options("ListOptions", Problem("resourceVersionMatch", "FieldValueForbidden", text))
    if given in ("", "0") or initial == "true":
        if initial != "false":
            for snapshot in store.items(target.resource.key, target.namespace):
                if view.predicate is None or view.predicate(snapshot.obj):
                    yield view.encoded("ADDED", snapshot)
        if initial == "true" and asking.flag("allowWatchBookmarks"):
            yield view.bookmark(store.revision, initial=True)
        return
    if not given.isdecimal():
        raise bad_request(f"invalid resource version: {given}")
    for event in store.since(target.resource.key, int(given)):
        yield view.line(event)


async def watch(plane: Plane, asking: Asking) -> web.StreamResponse:
    """Answer with a stream that ends after `timeoutSeconds`."""
    loop = asyncio.get_running_loop()
    view = View(asking, asking.predicate())
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    queue: asyncio.Queue[Event] = asyncio.Queue()
    unsubscribe = plane.store.subscribe(asking.target.resource.key, queue.put_nowait)
    try:
        first = _first(plane, view, asking)
        await response.prepare(asking.request)
        await response.write(b"".join(first) or b"")
        if not first[-1:] or not first[-1].startswith(b'{"type":"ERROR"'):
            await _stream(plane, view, queue, response, loop.time() + _timeout(asking))
        await response.write_eof()
    except ConnectionError:
        pass
    finally:
        unsubscribe()
    return response


def _first(plane: Plane, view: View, asking: Asking) -> list[bytes]:
    try:
        return list(_beginning(plane, view, asking))
    except StatusError as error:
        if error.code != 410:
            raise
        return [_error_line(error)]


def _timeout(asking: Asking) -> float:
    given = asking.query.get("timeoutSeconds", "")
    return float(given) if given.isdecimal() and given != "0" else _DEFAULT_TIMEOUT


async def _stream(
    plane: Plane, view: View, queue: asyncio.Queue[Event], response: web.StreamResponse, end: float
) -> None:
    loop = asyncio.get_running_loop()
    lifetime = plane.hooks.watch_lifetime()
    gone = loop.time() + lifetime if lifetime is not None else None
    bookmarks = view.asking.flag("allowWatchBookmarks")
    mark = loop.time() + _BOOKMARK_PERIOD if bookmarks else end
    while True:
        until = min(moment for moment in (end, gone, mark) if moment is not None)
        try:
            async with asyncio.timeout_at(until):
                events = [await queue.get()]
        except TimeoutError:
            if gone is not None and loop.time() >= gone:
                await response.write(_error_line(expired("The resourceVersion for the provided watch is too old.")))
                return
            if bookmarks:
                await response.write(view.bookmark(plane.store.revision))
                mark = loop.time() + _BOOKMARK_PERIOD
            if loop.time() >= end:
                return
            continue
        while not queue.empty():
            events.append(queue.get_nowait())
        if lines := b"".join(view.line(event) for event in events):
            await response.write(lines)
