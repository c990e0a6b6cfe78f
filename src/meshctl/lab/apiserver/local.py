"""The controllers' way to a cluster in the same process: the `Api` protocol straight on the objects, without HTTP."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from meshctl.lab.api import ApiError, Change
from meshctl.lab.apiserver.hooks import User
from meshctl.lab.apiserver.objects import MERGE, Objects, Patch
from meshctl.lab.apiserver.removal import Options, Removal
from meshctl.lab.apiserver.resources import split_api_version
from meshctl.lab.apiserver.status import unknown_resource
from meshctl.lab.apiserver.store import Event, copy_json
from meshctl.lab.apiserver.targets import Target
from meshctl.lab.apiserver.writes import Call
from meshctl.names import NAMESPACE
from meshctl.objects import Kind, Manifest, Ref, dig


@dataclass(frozen=True, slots=True)
class LocalApi:
    """One client of one cluster, with its own field manager. What it returns may be changed freely: it is a copy."""

    objects: Objects
    removal: Removal
    manager: str

    def _call(self) -> Call:
        return Call(User(f"system:{self.manager}", ("system:masters",)), self.manager, field_validation="Ignore")

    def _target(self, kind: Kind, namespace: str = "", name: str = "") -> Target:
        resource = self.objects.catalog.find(kind.group, kind.version, kind.plural)
        if resource is None:
            raise unknown_resource()
        return Target(resource, kind.version, namespace, name)

    def _target_of(self, obj: Manifest) -> Target:
        group, version = split_api_version(str(obj.get("apiVersion", "")))
        resource = self.objects.catalog.named(group, str(obj.get("kind", "")))
        if resource is None or version not in (resource.versions or (resource.kind.version,)):
            raise unknown_resource()
        metadata = obj["metadata"]
        namespace = metadata.get("namespace") or ("default" if resource.kind.namespaced else "")
        return Target(resource, version, namespace, metadata.get("name", ""))

    async def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None when it (or its kind) is not there."""
        resource = self.objects.catalog.find(ref.kind.group, ref.kind.version, ref.kind.plural)
        found = self.objects.store.get(ref.kind.resource, ref.namespace, ref.name) if resource else None
        return _copy(found.served(ref.kind.api_version)) if found else None

    async def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """Return the objects of a kind; raise 404 when the kind is not served."""
        self._target(kind)
        wanted = labels or {}
        return [
            _copy(snapshot.served(kind.api_version))
            for snapshot in self.objects.store.items(kind.resource, namespace)
            if _has(snapshot.obj, wanted)
        ]

    async def watch(self, kind: Kind, namespace: str = "") -> AsyncIterator[Change]:
        """Yield what is there now, then every change. A kind that is not served yet has no objects yet."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        end = self.objects.store.subscribe(kind.resource, queue.put_nowait)
        try:
            for snapshot in self.objects.store.items(kind.resource, namespace):
                yield Change("ADDED", _copy(snapshot.served(kind.api_version)))
            while True:
                event = await queue.get()
                if not namespace or event.snapshot.key[0] == namespace:
                    yield Change(event.type, _copy(event.snapshot.served(kind.api_version)))
        finally:
            end()

    async def create(self, obj: Manifest) -> Manifest:
        """Create; raise 409 AlreadyExists."""
        snapshot = await self.objects.create(self._target_of(obj), _copy(obj), self._call())
        return _copy(snapshot.obj)

    async def update(self, obj: Manifest) -> Manifest:
        """Replace; raise 409 Conflict when metadata.resourceVersion is given and stale.

        A terminating Namespace without `spec.finalizers` is finalized: that is what its controller means.
        """
        target = self._target_of(obj)
        if _finalizes(target, obj):
            target = replace(target, subresource="finalize")
        snapshot = await self.objects.update(target, _copy(obj), self._call())
        return _copy(snapshot.served(target.api_version))

    async def update_status(self, obj: Manifest) -> Manifest:
        """Replace the status subresource only."""
        target = replace(self._target_of(obj), subresource="status")
        snapshot = await self.objects.update(target, _copy(obj), self._call())
        return _copy(snapshot.served(target.api_version))

    async def merge(self, ref: Ref, patch: Manifest, *, status: bool = False) -> Manifest:
        """JSON merge patch, of the object or of its status subresource; raise ApiError 404."""
        target = self._target(ref.kind, ref.namespace, ref.name)
        if status:
            target = replace(target, subresource="status")
        elif ref.kind == NAMESPACE and dig(patch, "spec", "finalizers") in ([], None) and "spec" in patch:
            target = replace(target, subresource="finalize")
        snapshot = await self.objects.patch(target, Patch(MERGE, _copy(patch)), self._call())
        return _copy(snapshot.served(target.api_version))

    async def delete(self, ref: Ref, *, uid: str = "", grace: int | None = None) -> bool:
        """Delete; False when it is not there (or the uid differs)."""
        try:
            target = self._target(ref.kind, ref.namespace, ref.name)
            await self.removal.delete(target, Options(uid=uid, grace=grace), self._call())
        except ApiError as error:
            if error.code in (404, 409):
                return False
            raise
        return True


def _copy(obj: Manifest) -> Manifest:
    copied: Manifest = copy_json(obj)
    return copied


def _has(obj: Manifest, wanted: Mapping[str, str]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in wanted.items())


def _finalizes(target: Target, obj: Manifest) -> bool:
    return (
        target.resource.kind == NAMESPACE
        and "deletionTimestamp" in obj["metadata"]
        and not dig(obj, "spec", "finalizers")
    )
