"""Garbage collection: what is owned goes, in the background, once all its owners are gone."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from meshctl.lab.api import Api, ApiError, Change
from meshctl.lab.controllers.reconciling import WATCH_AGAIN, follow
from meshctl.lab.controllers.shapes import deleting, name_of, namespace_of, uid_of
from meshctl.lab.delays import Delays
from meshctl.lab.sites import Site, World
from meshctl.names import KINDS, REVIEWS
from meshctl.objects import Kind, Manifest, Ref, dig

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
SOONEST = 0.02
"""Also a lab without delays leaves a moment, so that one sweep takes a whole family."""


def _policy_of(obj: Manifest) -> str:
    """Return the finalizer that says what is to become of an owner's dependents."""
    finalizers = dig(obj, "metadata", "finalizers") or ()
    return next((name for name in (ORPHAN, FOREGROUND) if name in finalizers), "")


def owners_of(obj: Manifest) -> list[Manifest]:
    """Return the object's owner references."""
    return list(dig(obj, "metadata", "ownerReferences") or ())


def owner_ref(owner: Manifest, namespace: str) -> Ref | None:
    """Return the name an owner reference gives, or None when its kind is not known."""
    group = str(owner.get("apiVersion", "")).rpartition("/")[0]
    kind = next((k for k in KINDS if k.name == owner.get("kind") and k.group == group), None)
    return Ref(kind, str(owner["name"]), namespace if kind.namespaced else "") if kind else None


@dataclass(slots=True)
class _Collector:
    api: Api
    delays: Delays
    dependents: dict[str, set[Ref]] = field(default_factory=lambda: defaultdict(set))
    suspects: set[Ref] = field(default_factory=set)
    ending: set[Ref] = field(default_factory=set)
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, kind: Kind, change: Change) -> None:
        """Remember who owns what, and suspect what may have lost its owners."""
        obj = change.obj
        ref = Ref(kind, name_of(obj), namespace_of(obj))
        if change.type == "DELETED":
            for owner in owners_of(obj):
                self.dependents[owner["uid"]].discard(ref)
            self.suspects |= self.dependents.pop(uid_of(obj), set())
        elif deleting(obj):
            if _policy_of(obj):
                self.ending.add(ref)
        else:
            for owner in owners_of(obj):
                self.dependents[owner["uid"]].add(ref)
            if change.type == "ADDED" and owners_of(obj):
                self.suspects.add(ref)
        if self.suspects or self.ending:
            self.wake.set()

    async def watch(self, kind: Kind) -> None:
        """Follow one kind."""
        async for change in follow(self.api, kind):
            self.note(kind, change)

    async def sweep(self) -> None:
        """Look at the suspects, for ever."""
        while True:
            await self.wake.wait()
            await asyncio.sleep(max(self.delays.of(self.delays.collect), SOONEST))
            self.wake.clear()
            suspects, self.suspects = self.suspects, set()
            for ref in sorted(suspects):
                await self._try(self._judge, ref, self.suspects)
            ending, self.ending = self.ending, set()
            for ref in sorted(ending):
                await self._try(self._end, ref, self.ending)

    async def _try(self, act: Callable[[Ref], Awaitable[None]], ref: Ref, again: set[Ref]) -> None:
        try:
            await act(ref)
        except ApiError:
            await asyncio.sleep(WATCH_AGAIN)
            again.add(ref)
            self.wake.set()

    async def _judge(self, ref: Ref) -> None:
        obj = await self.api.get(ref)
        if obj is not None and not deleting(obj) and await self._orphaned(obj):
            await self.api.delete(ref, uid=uid_of(obj))

    async def _end(self, ref: Ref) -> None:
        """See to the dependents of an owner that was deleted with a word about them."""
        owner = await self.api.get(ref)
        policy = _policy_of(owner) if owner is not None and deleting(owner) else ""
        if owner is None or not policy:
            return
        found = [(one, obj) for one in self.dependents.get(uid_of(owner), ()) if (obj := await self.api.get(one))]
        for one, obj in found:
            if policy == ORPHAN:
                kept = [reference for reference in owners_of(obj) if reference.get("uid") != uid_of(owner)]
                await self.api.merge(one, {"metadata": {"ownerReferences": kept or None}})
            elif not deleting(obj):
                await self.api.delete(one, uid=uid_of(obj))
        if policy == FOREGROUND and found:
            self.ending.add(ref)
            self.wake.set()
            return
        finalizers = [name for name in dig(owner, "metadata", "finalizers") or () if name != policy]
        await self.api.merge(ref, {"metadata": {"finalizers": finalizers or None}})

    async def _orphaned(self, obj: Manifest) -> bool:
        owners = owners_of(obj)
        for owner in owners:
            ref = owner_ref(owner, namespace_of(obj))
            if ref is None:
                return False
            found = await self.api.get(ref)
            if found is not None and uid_of(found) == owner.get("uid"):
                return False
        return bool(owners)


async def run(world: World, site: Site) -> None:
    """Collect a cluster's garbage."""
    collector = _Collector(site.api("kube-controller-manager"), world.delays)
    async with asyncio.TaskGroup() as group:
        group.create_task(collector.sweep())
        for kind in KINDS:
            if kind not in REVIEWS:
                group.create_task(collector.watch(kind))
