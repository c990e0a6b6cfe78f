"""Namespaces: what each is born with, and how one ends: first its pods, then the rest, then itself."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from meshctl.lab.api import Api, ApiError, Change
from meshctl.lab.controllers.reconciling import Feed, Key, Queue, follow, reconcile
from meshctl.lab.controllers.shapes import deleting, ref_to, stamp, with_conditions
from meshctl.lab.delays import Delays
from meshctl.lab.sites import Site, World
from meshctl.names import CONFIG_MAP, KINDS, NAMESPACE, POD, SERVICE, SERVICE_ACCOUNT
from meshctl.objects import Kind, Manifest, Ref, dig

ROOT_CA = "kube-root-ca.crt"
ROOT_CA_SOURCE = Ref(CONFIG_MAP, ROOT_CA, "kube-system")
"""Where the API server's CA is to be put when a cluster starts; every other namespace gets a copy."""

CONTENT_KINDS = tuple(kind for kind in KINDS if kind.namespaced)

LOOK_AGAIN = 0.05
LOOK_AGAIN_LAST = 1.0

Leftovers = Sequence[tuple[Kind, Manifest]]


def root_ca(pem: str) -> Manifest:
    """Return the ConfigMap with the API server's CA that all the others are copies of."""
    meta = {"name": ROOT_CA, "namespace": ROOT_CA_SOURCE.namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": pem}}


def conditions(left: Leftovers) -> list[Manifest]:
    """Return what a terminating namespace says about its content."""
    kinds = Counter(f"{kind.plural}.{kind.group}" for kind, _ in left)
    finalizers = Counter(f for _, obj in left for f in dig(obj, "metadata", "finalizers") or ())
    remaining = ", ".join(f"{kind} has {number} resource instances" for kind, number in sorted(kinds.items()))
    holding = ", ".join(f"{name} in {number} resource instances" for name, number in sorted(finalizers.items()))
    done = "All content successfully deleted, may be waiting on finalization"
    return [
        _condition(
            "NamespaceDeletionDiscoveryFailure", "", "ResourcesDiscovered", "All resources successfully discovered"
        ),
        _condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            "",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        _condition("NamespaceDeletionContentFailure", "", "ContentDeleted", done),
        _condition(
            "NamespaceContentRemaining",
            f"Some resources are remaining: {remaining}" if left else "",
            "SomeResourcesRemain" if left else "ContentRemoved",
            "All content successfully removed",
        ),
        _condition(
            "NamespaceFinalizersRemaining",
            f"Some content in the namespace has finalizers remaining: {holding}" if holding else "",
            "SomeFinalizersRemain" if holding else "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ),
    ]


def _condition(kind: str, problem: str, reason: str, fine: str) -> Manifest:
    return {"type": kind, "status": str(bool(problem)), "reason": reason, "message": problem or fine}


@dataclass(slots=True)
class _Warden:
    api: Api
    delays: Delays
    ends: dict[str, float] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)

    async def look(self, key: Key) -> float | None:
        namespace = await self.api.get(Ref(NAMESPACE, key[1]))
        if namespace is None:
            self.ends.pop(key[1], None)
            self.looks.pop(key[1], None)
            return None
        if deleting(namespace):
            return await self._end(key[1], namespace)
        await self._furnish(key[1])
        return None

    async def _furnish(self, name: str) -> None:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        if await self.api.get(Ref(SERVICE_ACCOUNT, "default", name)) is None:
            await self.api.create(account)
        source = await self.api.get(ROOT_CA_SOURCE)
        if source is not None and await self.api.get(Ref(CONFIG_MAP, ROOT_CA, name)) is None:
            meta = {"name": ROOT_CA, "namespace": name, "annotations": dig(source, "metadata", "annotations") or {}}
            await self.api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": source["data"]})

    async def _end(self, name: str, namespace: Manifest) -> float | None:
        loop = asyncio.get_running_loop()
        pods = await self.api.list(POD, name)
        if pods:
            # terminating pods are waited for before anything else goes, and then some
            self.ends.setdefault(name, loop.time() + self.delays.of(self.delays.namespace_end))
            await self._delete([(POD, pod) for pod in pods])
        wait = self.ends.get(name, 0.0) - loop.time()
        left = await self._content(name)
        if pods or wait > 0:
            await self._tell(namespace, left)
            return self._patience(name) if pods else wait
        await self._delete(left)
        left = await self._content(name)
        await self._tell(namespace, left)
        if left:
            return self._patience(name)
        await self._finalize(name)
        return None

    def _patience(self, name: str) -> float:
        self.looks[name] = min(self.looks[name] + 1, 10)
        return float(min(LOOK_AGAIN * 2 ** (self.looks[name] - 1), LOOK_AGAIN_LAST))

    async def _content(self, name: str) -> list[tuple[Kind, Manifest]]:
        found: list[tuple[Kind, Manifest]] = []
        for kind in CONTENT_KINDS:
            try:
                found += [(kind, obj) for obj in await self.api.list(kind, name)]
            except ApiError:
                continue  # a kind that is not served holds nothing
        return found

    async def _delete(self, content: Leftovers) -> None:
        for kind, obj in content:
            if not deleting(obj):
                await self.api.delete(ref_to(kind, obj))

    async def _tell(self, namespace: Manifest, left: Leftovers) -> None:
        before = dig(namespace, "status", "conditions") or ()
        state = {"phase": "Terminating", "conditions": with_conditions(before, conditions(left), stamp())}
        if state != namespace.get("status"):
            await self.api.merge(ref_to(NAMESPACE, namespace), {"status": state}, status=True)

    async def _finalize(self, name: str) -> None:
        namespace = await self.api.get(Ref(NAMESPACE, name))
        if namespace is not None:
            await self.api.update({**namespace, "spec": {**(namespace.get("spec") or {}), "finalizers": []}})


async def run(world: World, site: Site) -> None:
    """Furnish new namespaces of a cluster and end deleted ones."""
    api = site.api("kube-controller-manager")
    warden = _Warden(api, world.delays)
    queue = Queue(warden.look)

    def home(change: Change) -> list[Key]:
        return [("", change.obj["metadata"]["namespace"])] if change.type == "DELETED" else []

    async def spread() -> None:
        async for change in follow(api, CONFIG_MAP, ROOT_CA_SOURCE.namespace):
            if change.obj["metadata"]["name"] == ROOT_CA and change.type != "DELETED":
                for namespace in await api.list(NAMESPACE):
                    queue.add(("", namespace["metadata"]["name"]))

    feeds = [Feed(NAMESPACE), *(Feed(kind, home) for kind in (SERVICE_ACCOUNT, CONFIG_MAP, POD, SERVICE))]
    async with asyncio.TaskGroup() as group:
        group.create_task(spread())
        group.create_task(reconcile(api, feeds, warden.look, queue))
