"""A cluster in memory: as much of the Kubernetes API as controllers need, for tests without a server."""

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from meshctl.lab.api import ApiError, Change, EventType
from meshctl.names import KINDS, NAMESPACE, POD, SERVICE
from meshctl.objects import Kind, Manifest, Ref, dig

Key = tuple[Kind, str, str]
Admission = Callable[[Manifest], Awaitable[Manifest]]


def kind_of(obj: Manifest) -> Kind:
    """Return the kind of a manifest."""
    found = (k for k in KINDS if k.name == obj["kind"] and k.group == obj["apiVersion"].rpartition("/")[0])
    return next(found)


def ref_of(obj: Manifest) -> Ref:
    """Return the name of a manifest."""
    return Ref(kind_of(obj), obj["metadata"]["name"], obj["metadata"].get("namespace", ""))


def merged(target: Any, patch: Any) -> Any:
    """Return `target` after a JSON merge patch."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    base = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


class FakeCluster:
    """The objects of one cluster. `admit` stands for its mutating webhooks and is called for every new pod."""

    def __init__(self, admit: Admission | None = None) -> None:
        self.objects: dict[Key, Manifest] = {}
        self.watchers: list[tuple[Kind, str, asyncio.Queue[Change]]] = []
        self.admit = admit
        self.writes: list[str] = []
        self._counter = itertools.count(1)
        self._written = asyncio.Event()

    def api(self, manager: str) -> "FakeApi":
        """Return a client."""
        return FakeApi(self, manager)

    def seed(self, *objects: Manifest) -> None:
        """Put objects there, as they are."""
        for obj in objects:
            self._put("ADDED", kind_of(obj), self._born(kind_of(obj), obj))

    def peek(self, ref: Ref) -> Manifest | None:
        """Return an object without asking the API."""
        return copy.deepcopy(self.objects.get((ref.kind, ref.namespace, ref.name)))

    async def until(self, holds: Callable[[], Any], patience: float = 5.0) -> Any:
        """Wait until something holds, asking after every write; return it."""
        async with asyncio.timeout(patience):
            while not (found := holds()):
                await self._written.wait()
        return found

    def all(self, kind: Kind) -> list[Manifest]:
        """Return copies of all objects of a kind without asking the API."""
        return [copy.deepcopy(obj) for (found, _, _), obj in sorted(self.objects.items()) if found == kind]

    def drop(self, ref: Ref) -> None:
        """Remove an object at once, whatever holds it."""
        obj = self.objects.pop((ref.kind, ref.namespace, ref.name), None)
        if obj is not None:
            self._tell("DELETED", ref.kind, obj)

    def _born(self, kind: Kind, obj: Manifest) -> Manifest:
        new = copy.deepcopy(obj)
        number = next(self._counter)
        meta = new["metadata"]
        if "name" not in meta:
            meta["name"] = f"{meta['generateName']}{number:05x}"
        meta.setdefault("uid", f"00000000-0000-4000-8000-{number:012d}")
        meta.setdefault("creationTimestamp", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        meta.setdefault("generation", 1)
        if kind == NAMESPACE:
            new.setdefault("spec", {"finalizers": ["kubernetes"]})
            new.setdefault("status", {"phase": "Active"})
            meta.setdefault("labels", {})["kubernetes.io/metadata.name"] = meta["name"]
        if kind == SERVICE and dig(new, "spec", "type") != "ExternalName":
            new.setdefault("spec", {}).setdefault("clusterIP", f"10.96.0.{number % 250 + 1}")
        return new

    def _put(self, event: EventType, kind: Kind, obj: Manifest) -> Manifest:
        obj["metadata"]["resourceVersion"] = str(next(self._counter))
        self.objects[kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]] = obj
        self._tell(event, kind, obj)
        return copy.deepcopy(obj)

    def _tell(self, event: EventType, kind: Kind, obj: Manifest) -> None:
        self.writes.append(f"{event} {ref_of(obj)}")
        self._written.set()
        self._written = asyncio.Event()
        for watched, namespace, queue in self.watchers:
            if watched == kind and namespace in ("", obj["metadata"].get("namespace", "")):
                queue.put_nowait(Change(event, copy.deepcopy(obj)))


class FakeApi:
    """One client of a FakeCluster."""

    def __init__(self, cluster: FakeCluster, manager: str) -> None:
        self.cluster = cluster
        self.manager = manager

    async def get(self, ref: Ref) -> Manifest | None:
        return self.cluster.peek(ref)

    async def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Manifest]:
        wanted = dict(labels or {}).items()
        return [
            copy.deepcopy(obj)
            for (found, where, _), obj in sorted(self.cluster.objects.items())
            if found == kind and namespace in ("", where) and wanted <= (dig(obj, "metadata", "labels") or {}).items()
        ]

    async def watch(self, kind: Kind, namespace: str = "") -> AsyncIterator[Change]:
        queue: asyncio.Queue[Change] = asyncio.Queue()
        for obj in await self.list(kind, namespace):
            queue.put_nowait(Change("ADDED", obj))
        entry = (kind, namespace, queue)
        self.cluster.watchers.append(entry)
        try:
            while True:
                yield await queue.get()
        finally:
            self.cluster.watchers.remove(entry)

    async def create(self, obj: Manifest) -> Manifest:
        kind = kind_of(obj)
        namespace = obj["metadata"].get("namespace", "")
        home = self.cluster.objects.get((NAMESPACE, "", namespace))
        if home is not None and dig(home, "metadata", "deletionTimestamp"):
            name = obj["metadata"].get("name", "")
            raise ApiError(
                403,
                "Forbidden",
                f'{kind.plural} "{name}" is forbidden: unable to create new content in namespace {namespace} '
                "because it is being terminated",
            )
        if kind == POD and self.cluster.admit is not None:
            obj = await self.cluster.admit(copy.deepcopy(obj))
        born = self.cluster._born(kind, obj)
        if (kind, namespace, born["metadata"]["name"]) in self.cluster.objects:
            raise ApiError(409, "AlreadyExists", f'{kind.resource} "{born["metadata"]["name"]}" already exists')
        return self.cluster._put("ADDED", kind, born)

    async def update(self, obj: Manifest) -> Manifest:
        old = self._existing(ref_of(obj))
        if (
            obj["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"])
            != old["metadata"]["resourceVersion"]
        ):
            raise ApiError(
                409, "Conflict", "the object has been modified; please apply your changes to the latest version"
            )
        new = copy.deepcopy(obj)
        if "status" in old:
            new["status"] = copy.deepcopy(old["status"])
        return self._replaced(old, new)

    async def update_status(self, obj: Manifest) -> Manifest:
        old = self._existing(ref_of(obj))
        new = copy.deepcopy(old)
        new["status"] = copy.deepcopy(obj.get("status", {}))
        return self._replaced(old, new)

    async def merge(self, ref: Ref, patch: Manifest, *, status: bool = False) -> Manifest:
        old = self._existing(ref)
        allowed = {k: v for k, v in patch.items() if (k == "status") == status}
        return self._replaced(old, merged(old, allowed))

    async def delete(self, ref: Ref, *, uid: str = "", grace: int | None = None) -> bool:
        old = self.cluster.objects.get((ref.kind, ref.namespace, ref.name))
        if old is None or (uid and old["metadata"]["uid"] != uid):
            return False
        seconds = grace if grace is not None else dig(old, "spec", "terminationGracePeriodSeconds")
        graceful = ref.kind == POD and seconds != 0 and dig(old, "spec", "nodeName")
        if graceful or ref.kind == NAMESPACE or old["metadata"].get("finalizers"):
            if "deletionTimestamp" not in old["metadata"]:
                new = copy.deepcopy(old)
                new["metadata"]["deletionTimestamp"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                if ref.kind == NAMESPACE:
                    new["status"] = {**new.get("status", {}), "phase": "Terminating"}
                self._replaced(old, new)
            return True
        self.cluster.drop(ref)
        return True

    def _existing(self, ref: Ref) -> Manifest:
        found = self.cluster.objects.get((ref.kind, ref.namespace, ref.name))
        if found is None:
            raise ApiError(404, "NotFound", f'{ref.kind.resource} "{ref.name}" not found')
        return found

    def _replaced(self, old: Manifest, new: Manifest) -> Manifest:
        meta = new["metadata"]
        for field in ("uid", "creationTimestamp", "resourceVersion", "generation"):
            meta[field] = old["metadata"][field]
        if new == old:
            return copy.deepcopy(old)
        if any(new.get(k) != old.get(k) for k in {*new, *old} - {"metadata", "status"}):
            meta["generation"] = old["metadata"]["generation"] + 1
        ref = ref_of(new)
        held = meta.get("finalizers") or (ref.kind == NAMESPACE and dig(new, "spec", "finalizers")) or ref.kind == POD
        if "deletionTimestamp" in meta and not held:
            self.cluster.drop(ref)
            return new
        return self.cluster._put("MODIFIED", ref.kind, new)
