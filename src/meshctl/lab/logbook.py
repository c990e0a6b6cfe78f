"""What happened in the lab: the latest requests to its API servers, and the latest changes of their objects."""

from collections import Counter, deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from meshctl.lab.apiserver.hooks import Answered, Changed
from meshctl.objects import dig

LIMIT = 20_000

T = TypeVar("T")


class Log(Generic[T]):
    """The latest entries, each with a number that counts from 0; the oldest are dropped."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._entries: deque[T] = deque(maxlen=limit)
        self._next = 0

    def add(self, entry: T) -> None:
        """Append an entry."""
        self._entries.append(entry)
        self._next += 1

    @property
    def next(self) -> int:
        """The number of the entry to come."""
        return self._next

    def since(self, number: int = 0) -> list[T]:
        """Return the entries from that number on, as far as they are still there."""
        missing = self._next - len(self._entries)
        entries = list(self._entries)
        return entries[max(0, number - missing) :]


def change_summary(changed: Changed) -> dict[str, Any]:
    """Return a change as small JSON-like data: what changed, and how far the object says it is."""
    before, after = changed.before or {}, changed.after or {}
    parts = [part for part in sorted({*before, *after}) if before.get(part) != after.get(part)]
    return {
        "time": changed.time,
        "cluster": changed.cluster,
        "type": changed.type,
        "kind": changed.kind.name,
        "namespace": changed.namespace,
        "name": changed.name,
        "parts": [part for part in parts if part != "metadata"] or parts,
        "state": dig(after, "status", "state"),
        "resourceVersion": dig(after, "metadata", "resourceVersion"),
    }


def request_summary(answered: Answered) -> dict[str, Any]:
    """Return a request as JSON-like data."""
    return {
        "time": answered.time,
        "cluster": answered.cluster,
        "user": answered.user,
        "agent": answered.agent,
        "method": answered.method,
        "path": answered.path,
        "query": dict(answered.query),
        "status": answered.status,
        "seconds": answered.seconds,
    }


class Logbook:
    """Requests and changes of all clusters, in the order in which they happened."""

    def __init__(self) -> None:
        self.requests: Log[dict[str, Any]] = Log()
        self.changes: Log[dict[str, Any]] = Log()
        self.served: Counter[str] = Counter()

    def answered(self, answered: Answered) -> None:
        """Note a request."""
        self.served[answered.cluster] += 1
        self.requests.add(request_summary(answered))

    def changed(self, changed: Changed) -> None:
        """Note a change."""
        self.changes.add(change_summary(changed))


def of_cluster(entries: Iterable[dict[str, Any]], cluster: str) -> list[dict[str, Any]]:
    """Return the entries of one cluster; of every cluster when it is empty."""
    return [entry for entry in entries if not cluster or entry["cluster"] == cluster]
