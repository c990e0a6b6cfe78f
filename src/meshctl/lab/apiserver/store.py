"""The objects of one cluster, their common version counter, and the recent history that watches are fed from.

Objects in the store are never changed in place: a write puts a new one. So they can be handed out without copying
to whoever only reads, and each version is turned into JSON at most once.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from meshctl.lab.api import EventType
from meshctl.lab.apiserver.owners import Owners
from meshctl.lab.apiserver.status import too_old
from meshctl.objects import Manifest

Sink = Callable[["Event"], None]
WINDOW = 1000


def encode(value: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def copy_json(value: Any) -> Any:
    """Return a copy of JSON-like data."""
    if isinstance(value, dict):
        return {key: copy_json(part) if isinstance(part, (dict, list)) else part for key, part in value.items()}
    if isinstance(value, list):
        return [copy_json(part) if isinstance(part, (dict, list)) else part for part in value]
    return value


class Snapshot:
    """One version of one object, with its field owners and its JSON."""

    __slots__ = ("_json", "obj", "owners", "revision")

    def __init__(self, obj: Manifest, revision: int, owners: Owners) -> None:
        self.obj = obj
        self.revision = revision
        self.owners = owners
        self._json: dict[str, bytes] = {}

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        metadata = self.obj["metadata"]
        return metadata.get("namespace", ""), metadata["name"]

    def served(self, api_version: str) -> Manifest:
        """Return the object as of another version of its kind: only the apiVersion differs."""
        return self.obj if self.obj["apiVersion"] == api_version else {**self.obj, "apiVersion": api_version}

    def json(self, api_version: str) -> bytes:
        """Return the JSON of the object in that version."""
        found = self._json.get(api_version)
        if found is None:
            found = self._json[api_version] = encode(self.served(api_version))
        return found


@dataclass(frozen=True, slots=True)
class Event:
    """One write. `before` is None for ADDED; a DELETED `snapshot` is the last state with the deletion's version."""

    type: EventType
    snapshot: Snapshot
    before: Snapshot | None


class Store:
    """Snapshots by resource (`plural.group`), namespace and name."""

    def __init__(self, window: int = WINDOW) -> None:
        self.revision = 1
        self._window = window
        self._objects: dict[str, dict[tuple[str, str], Snapshot]] = {}
        self._history: dict[str, deque[Event]] = {}
        self._oldest: dict[str, int] = {}
        self._sinks: dict[str, list[Sink]] = {}
        self._listeners: list[Callable[[str, Event], None]] = []

    def get(self, resource: str, namespace: str, name: str) -> Snapshot | None:
        """Return what is there now."""
        return self._objects.get(resource, {}).get((namespace, name))

    def items(self, resource: str, namespace: str = "") -> list[Snapshot]:
        """Return all, in the order of namespace and name."""
        found = self._objects.get(resource, {})
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def contents(self) -> Iterator[tuple[str, Snapshot]]:
        """Yield every object with its resource."""
        for resource, found in list(self._objects.items()):
            for snapshot in list(found.values()):
                yield resource, snapshot

    def put(self, resource: str, obj: Manifest, owners: Owners) -> Snapshot:
        """Create or replace; the store takes `obj` and gives it the next resourceVersion."""
        snapshot = self._next(obj, owners)
        kept = self._objects.setdefault(resource, {})
        before = kept.get(snapshot.key)
        kept[snapshot.key] = snapshot
        self._tell(resource, Event("MODIFIED" if before else "ADDED", snapshot, before))
        return snapshot

    def remove(self, resource: str, namespace: str, name: str, last: Manifest | None = None) -> Snapshot:
        """Remove; `last` is the state to announce, when it differs from the stored one."""
        before = self._objects[resource].pop((namespace, name))
        source = last or before.obj
        snapshot = self._next({**source, "metadata": dict(source["metadata"])}, before.owners)
        self._tell(resource, Event("DELETED", snapshot, before))
        return snapshot

    def at(self, resource: str, namespace: str, revision: int) -> list[Snapshot]:
        """Return what there was at a revision, in the order of `items`; raise 410 when that has left the history."""
        found = dict(self._objects.get(resource, {}))
        for event in reversed(self.since(resource, revision)):
            if event.before is None:
                found.pop(event.snapshot.key, None)
            else:
                found[event.before.key] = event.before
        return [found[key] for key in sorted(found) if not namespace or key[0] == namespace]

    def begin(self, resource: str) -> None:
        """Start the history of a resource now: whoever asks for what was before gets 410."""
        self._oldest.setdefault(resource, self.revision)

    def since(self, resource: str, revision: int) -> list[Event]:
        """Return the events after `revision`; raise 410 when some of them have left the history."""
        oldest = self._oldest.get(resource, 0)
        if revision < oldest:
            raise too_old(revision, oldest)
        return [event for event in self._history.get(resource, ()) if event.snapshot.revision > revision]

    def subscribe(self, resource: str, sink: Sink) -> Callable[[], None]:
        """Call `sink` with every event from now on; return how to end that."""
        sinks = self._sinks.setdefault(resource, [])
        sinks.append(sink)
        return lambda: sinks.remove(sink) if sink in sinks else None

    def listen(self, listener: Callable[[str, Event], None]) -> None:
        """Call `listener` with every event of every resource, before the watches hear of it."""
        self._listeners.append(listener)

    def forget(self) -> None:
        """Drop the history, as a compaction does: every watch that resumes gets 410."""
        for resource, history in self._history.items():
            history.clear()
            self._oldest[resource] = self.revision

    def _next(self, obj: Manifest, owners: Owners) -> Snapshot:
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        return Snapshot(obj, self.revision, owners)

    def _tell(self, resource: str, event: Event) -> None:
        history = self._history.setdefault(resource, deque())
        history.append(event)
        if len(history) > self._window:
            self._oldest[resource] = history.popleft().snapshot.revision
        for listener in self._listeners:
            listener(resource, event)
        for sink in tuple(self._sinks.get(resource, ())):
            sink(event)
