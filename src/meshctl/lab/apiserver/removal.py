"""Deleting: preconditions, finalizers, grace periods, and what deleting namespaces and definitions implies."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from meshctl.lab.apiserver import crds
from meshctl.lab.apiserver.admission import Write
from meshctl.lab.apiserver.objects import Objects, ends
from meshctl.lab.apiserver.owners import Owners
from meshctl.lab.apiserver.resources import Resource
from meshctl.lab.apiserver.status import Problem, bad_options, forbidden, other_uid, other_version
from meshctl.lab.apiserver.store import Event, Snapshot
from meshctl.lab.apiserver.targets import Target
from meshctl.lab.apiserver.writes import Call, finished
from meshctl.names import CRD
from meshctl.objects import Manifest

_PROTECTED = ("default", "kube-system", "kube-public", "kube-node-lease")
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
_POLICIES = {"Orphan": _ORPHAN, "Foreground": _FOREGROUND}


@dataclass(frozen=True, slots=True)
class Options:
    """The DeleteOptions that matter."""

    uid: str = ""
    resource_version: str = ""
    grace: int | None = None
    policy: str = ""


def options_of(body: Any, query: dict[str, str]) -> Options:
    """Read DeleteOptions from the body and from the query, as clients send either."""
    given = body if isinstance(body, dict) else {}
    conditions = given.get("preconditions") or {}
    grace = given.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
    policy = given.get("propagationPolicy") or query.get("propagationPolicy", "")
    if policy not in ("", *_POLICIES, "Background"):
        text = f'Unsupported value: "{policy}": supported values: "Foreground", "Background", "Orphan", "nil"'
        raise bad_options("DeleteOptions", Problem("propagationPolicy", "FieldValueNotSupported", text))
    if given.get("orphanDependents"):
        policy = "Orphan"
    return Options(
        conditions.get("uid") or "",
        conditions.get("resourceVersion") or "",
        None if grace is None else int(grace),
        policy,
    )


@dataclass(frozen=True, slots=True)
class Removed:
    """The object after a delete, and whether it is gone for good."""

    snapshot: Snapshot
    gone: bool


@dataclass(frozen=True, slots=True)
class Removal:
    """The delete verbs of one cluster."""

    objects: Objects
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def delete(self, target: Target, options: Options, call: Call) -> Removed:
        """Delete, or begin to; raise 404."""
        live = self.objects.get(target)
        _check(target, live, options)
        write = Write(
            target.resource,
            target.version,
            "DELETE",
            target.namespace,
            target.name,
            call.user,
            call.dry_run,
            old=live.served(target.api_version),
        )
        await self.objects.admission.mutate(write, None, call.warnings)
        await self.objects.admission.validate(write, None, call.warnings)
        live = self.objects.get(target)
        if target.resource.key == CRD.resource:
            await self._delete_instances(live.obj, call)
            live = self.objects.store.get(target.resource.key, "", target.name) or live
        return self._delete(target, live, options, call)

    def _delete(self, target: Target, live: Snapshot, options: Options, call: Call) -> Removed:
        resource = target.resource
        new = self._marked(resource, live.obj, options)
        gone = ends(resource, new)
        owners: Owners = live.owners
        if call.dry_run:
            return Removed(Snapshot(finished(new, owners), live.revision, owners), gone)
        if gone:
            marked = resource.kind.name == "Pod" or "deletionTimestamp" in live.obj["metadata"]
            last = new if marked else live.obj
            return Removed(self.objects.store.remove(resource.key, target.namespace, target.name, last), gone=True)
        if new == live.obj:
            return Removed(live, gone=False)
        metadata = {key: value for key, value in new["metadata"].items() if key != "resourceVersion"}
        return Removed(self.objects.store.put(resource.key, {**new, "metadata": metadata}, owners), gone=False)

    def _marked(self, resource: Resource, obj: Manifest, options: Options) -> Manifest:
        """Return the object as being deleted: timestamps, finalizers of the propagation policy, phase."""
        metadata = dict(obj["metadata"])
        grace = _grace(resource, obj, options)
        before = metadata.get("deletionGracePeriodSeconds")
        if "deletionTimestamp" not in metadata:
            finalizers = self._finalizers(resource, obj, options)
            metadata.update({"finalizers": finalizers} if finalizers else {})
            if not finalizers:
                metadata.pop("finalizers", None)
            if "generation" in metadata:
                metadata["generation"] += 1
        if before is None or grace < before:
            ends_at = self.clock() + timedelta(seconds=grace)
            metadata["deletionTimestamp"] = ends_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            metadata["deletionGracePeriodSeconds"] = grace
        new = {**obj, "metadata": metadata}
        if resource.kind.name == "Namespace":
            metadata.pop("deletionGracePeriodSeconds", None)
            new["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        return new

    def _finalizers(self, resource: Resource, obj: Manifest, options: Options) -> list[str]:
        names = [name for name in obj["metadata"].get("finalizers") or () if name not in _POLICIES.values()]
        if options.policy in _POLICIES:
            names.append(_POLICIES[options.policy])
        if resource.key == CRD.resource and self._instances(obj):
            names.append(crds.CLEANUP)
        return names

    def _instances(self, definition: Manifest) -> list[Snapshot]:
        spec = definition["spec"]
        return self.objects.store.items(f"{spec['names']['plural']}.{spec['group']}")

    async def _delete_instances(self, definition: Manifest, call: Call) -> None:
        if call.dry_run:
            return
        resource = crds.resource_of(definition)
        for snapshot in self._instances(definition):
            namespace, name = snapshot.key
            self._delete(Target(resource, resource.kind.version, namespace, name), snapshot, Options(), call)

    def follow(self, resource: str, event: Event) -> None:
        """Let a definition go when the last of its objects has gone (listens to the store)."""
        if event.type != "DELETED" or self.objects.store.items(resource):
            return
        definition = self.objects.store.get(CRD.resource, "", resource)
        if definition is None or crds.CLEANUP not in (definition.obj["metadata"].get("finalizers") or ()):
            return
        finalizers = [name for name in definition.obj["metadata"]["finalizers"] if name != crds.CLEANUP]
        last = {**definition.obj, "metadata": {**definition.obj["metadata"], "finalizers": finalizers}}
        if finalizers:
            self.objects.store.put(CRD.resource, last, definition.owners)
        else:
            self.objects.store.remove(CRD.resource, "", resource, last)


def _check(target: Target, live: Snapshot, options: Options) -> None:
    kind, uid = target.resource.kind, live.obj["metadata"]["uid"]
    if options.uid and options.uid != uid:
        raise other_uid(kind, target.name, options.uid, uid)
    if options.resource_version and options.resource_version != str(live.revision):
        raise other_version(kind, target.name, options.resource_version, str(live.revision))
    if kind.name == "Namespace" and target.name in _PROTECTED:
        raise forbidden(kind, target.name, "this namespace may not be deleted")


def _grace(resource: Resource, obj: Manifest, options: Options) -> int:
    if resource.kind.name != "Pod" or not (obj.get("spec") or {}).get("nodeName"):
        return 0
    if (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    wanted = options.grace
    if wanted is None:
        wanted = obj["metadata"].get("deletionGracePeriodSeconds")
    return int(obj["spec"].get("terminationGracePeriodSeconds", 30) if wanted is None else wanted)
