"""The verbs of the API on stored objects: get, list, create, update, patch and apply, with all that a write implies."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshctl.lab.apiserver import crds, defaults, pods
from meshctl.lab.apiserver.addresses import Addresses
from meshctl.lab.apiserver.admission import Admission, Verb, Write
from meshctl.lab.apiserver.hooks import CallWebhook
from meshctl.lab.apiserver.owners import Owners
from meshctl.lab.apiserver.patches import json_patch, merge_patch
from meshctl.lab.apiserver.resources import Catalog, Resource, split_api_version
from meshctl.lab.apiserver.status import (
    MODIFIED_MEANWHILE,
    Problem,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
    unknown_resource,
    unsupported_patch,
)
from meshctl.lab.apiserver.store import Snapshot, Store
from meshctl.lab.apiserver.strategic import strategic_patch
from meshctl.lab.apiserver.targets import (
    SERVERS_OWN,
    Target,
    identity,
    refuse_other,
    refuse_other_name,
    refuse_stale,
)
from meshctl.lab.apiserver.writes import (
    Call,
    Proposal,
    decoded,
    finished,
    problems,
    proposed_apply,
    proposed_update,
    same_owners,
    stored_form,
    unchanged,
    with_generation,
    with_plain_status,
    with_system_fields,
)
from meshctl.names import NAMESPACE
from meshctl.objects import Manifest

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

_TRIES = 8


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch as it came: its media type, its content, and whether an apply may take fields from others."""

    media: str
    body: Any
    force: bool = False


@dataclass(frozen=True, slots=True)
class Objects:
    """One cluster's objects with the rules of the API server around them."""

    store: Store
    catalog: Catalog
    admission: Admission
    addresses: Addresses
    now: Callable[[], str]
    reserved: frozenset[str] = field(default_factory=frozenset)

    # --- reading -------------------------------------------------------------------------------------------------
    def get(self, target: Target) -> Snapshot:
        """Return the object; raise 404."""
        found = self.store.get(target.resource.key, target.namespace, target.name)
        if found is None:
            raise not_found(target.resource.kind, target.name)
        return found

    # --- writing -------------------------------------------------------------------------------------------------
    async def create(self, target: Target, obj: Manifest, call: Call) -> Snapshot:
        """Create; raise 409 when it is there."""
        obj = self._checked(target, obj)
        if obj["metadata"].get("resourceVersion"):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        by = call.owner("Update", target.api_version, "", self.now())
        fresh = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k not in SERVERS_OWN}}
        return await self._create(target, proposed_update(target.resource, fresh, None, (), by), call)

    async def update(self, target: Target, obj: Manifest, call: Call) -> Snapshot:
        """Replace the object, or one subresource of it."""
        obj = self._checked(target, obj)
        refuse_other_name(target, obj["metadata"].get("name", ""))
        by = call.owner("Update", target.api_version, target.subresource, self.now())
        refuse_other(target, obj, self.get(target))
        return await self._replace(
            target, lambda live: proposed_update(target.resource, obj, live.obj, live.owners, by), call
        )

    async def patch(self, target: Target, patch: Patch, call: Call) -> Snapshot:
        """Apply, merge or patch; an apply creates what is not there."""
        if patch.media == APPLY:
            return await self._apply(target, patch, call)
        by = call.owner("Update", target.api_version, target.subresource, self.now())

        def change(live: Snapshot) -> Proposal:
            patched = _patched(target, live.served(target.api_version), patch)
            return proposed_update(target.resource, self._checked(target, patched), live.obj, live.owners, by)

        return await self._replace(target, change, call)

    async def _apply(self, target: Target, patch: Patch, call: Call) -> Snapshot:
        given = str(patch.body.get("kind", ""))
        if given not in ("", target.resource.kind.name):
            group, version = split_api_version(str(patch.body.get("apiVersion", "")))
            raise bad_request(f"invalid object type: {group}/{version}, Kind={given}")
        config = self._checked(target, {**patch.body, "metadata": patch.body.get("metadata") or {}})
        refuse_other_name(target, config["metadata"].setdefault("name", target.name))
        called = "/".join(str((patch.body.get("metadata") or {}).get(key) or "") for key in ("namespace", "name"))
        by = call.owner("Apply", target.api_version, target.subresource, self.now())

        def change(live: Snapshot | None) -> Proposal:
            present, owners = (live.served(target.api_version), live.owners) if live else (None, ())
            return proposed_apply(target.resource, config, present, owners, by, force=patch.force, called=called)

        if self.store.get(target.resource.key, target.namespace, target.name) or target.subresource:
            return await self._replace(target, change, call)
        return await self._create(target, change(None), call)

    def _checked(self, target: Target, obj: Any) -> Manifest:
        """Return the object with its envelope complete; raise 400 when it is not what the URL says."""
        if not isinstance(obj, dict) or not isinstance(obj.get("metadata") or {}, dict):
            raise bad_request("the body of the request is not an object")
        kind = target.resource.kind
        if obj.get("kind", kind.name) != kind.name:
            package = kind.group.partition(".")[0] or "core"
            raise bad_request(
                f'{obj["kind"]} in version "{target.version}" cannot be handled as a {kind.name}: '
                f"converting ({target.version}.{obj['kind']}) to ({package}.{kind.name}): unknown conversion"
            )
        given = obj.get("apiVersion", target.api_version)
        if given != target.api_version:
            raise bad_request(
                f'{kind.name} in version "{given}" cannot be handled as a {kind.name}: it is served here as '
                f"{target.api_version}"
            )
        metadata = dict(obj.get("metadata") or {})
        if not kind.namespaced:
            metadata.pop("namespace", None)
        elif metadata.setdefault("namespace", target.namespace) != target.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        checked = {**obj, "apiVersion": given, "kind": kind.name, "metadata": metadata}
        return _with_string_data(checked) if kind.name == "Secret" else checked

    def _check_namespace(self, target: Target, name: str) -> None:
        kind = target.resource.kind
        if not kind.namespaced:
            return
        namespace = self.store.get(NAMESPACE.resource, "", target.namespace)
        if namespace is None:
            raise not_found(NAMESPACE, target.namespace)
        if "deletionTimestamp" in namespace.obj["metadata"]:
            why = f"unable to create new content in namespace {target.namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {target.namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(kind, name, why, [cause])

    async def _create(self, target: Target, proposal: Proposal, call: Call) -> Snapshot:
        resource = target.resource
        metadata = identity(target, proposal.obj["metadata"], self.now())
        self._check_namespace(target, metadata["name"])
        if resource.generation:
            metadata["generation"] = 1
        base = decoded(resource, target.version, {**proposal.obj, "metadata": metadata}, call)
        if resource.status and not resource.keeps_status:
            base.pop("status", None)
        owners = proposal.own(base)
        new = self._born(target, base)
        write = Write(resource, target.version, "CREATE", target.namespace, metadata["name"], call.user, call.dry_run)
        mutated = await self.admission.mutate(write, new, call.warnings)
        if mutated is not None and mutated is not new:
            new = self._born(target, decoded(resource, target.version, mutated, call))
        self._refuse_problems(target, new, None)
        await self.admission.validate(write, new, call.warnings)
        present = self.store.get(resource.key, target.namespace, metadata["name"])
        if present:
            ending = "deletionTimestamp" in present.obj["metadata"]
            raise already_exists(resource.kind, metadata["name"], ending=ending)
        return self._commit(resource, new, owners, call)

    def _born(self, target: Target, obj: Manifest) -> Manifest:
        """Return a new object with what only the API server adds: addresses, a first status, a pod's account."""
        kind = target.resource.kind.name
        if kind == "Pod" and isinstance(obj.get("spec"), dict):
            account = self.store.get("serviceaccounts", target.namespace, pods.account_name(obj))
            obj = pods.admit(obj, account.obj if account else None)
        elif kind == "Service" and isinstance(obj.get("spec"), dict):
            obj = self.addresses.complete(obj, None)
        elif kind == "Namespace":
            obj = {**obj, "spec": {**(obj.get("spec") or {}), "finalizers": ["kubernetes"]}}
        elif kind == "CustomResourceDefinition" and not crds.problems(obj):
            return {**obj, "status": crds.established(obj, self.now())}
        if target.resource.custom or target.resource.keeps_status:
            return obj
        status = defaults.first_status(kind, obj.get("spec") or {})
        return obj if status is None else {**obj, "status": status}

    def _refuse_problems(self, target: Target, obj: Manifest, live: Manifest | None) -> None:
        found: list[Problem] = problems(target.resource, target.version, obj, live)
        if not found and target.resource.kind.name == "Service":
            taken = self.addresses.problem(obj)
            found = [taken] if taken else []
        if found:
            raise invalid(target.resource.kind, obj["metadata"]["name"], found)

    async def _replace(self, target: Target, change: Callable[[Snapshot], Proposal], call: Call) -> Snapshot:
        """Change an object; begin again when somebody else was faster while webhooks were asked."""
        for _ in range(_TRIES):
            live = self.get(target)
            done = await self._replace_once(target, live, change(live), call)
            if done is not None:
                return done
        raise conflict(target.resource.kind, target.name, MODIFIED_MEANWHILE)

    async def _replace_once(self, target: Target, live: Snapshot, proposal: Proposal, call: Call) -> Snapshot | None:
        resource = target.resource
        refuse_stale(target, proposal.obj, live)
        new = self._renewed(target, proposal.obj, live, call)
        owners = proposal.own(new)
        verb: Verb = "UPDATE"
        old = live.served(target.api_version)
        write = Write(
            resource,
            target.version,
            verb,
            target.namespace,
            target.name,
            call.user,
            call.dry_run,
            target.subresource,
            old,
        )
        mutated = await self.admission.mutate(write, new, call.warnings)
        if mutated is not None and mutated is not new:
            new = self._renewed(target, mutated, live, call)
        self._refuse_problems(target, new, old)
        await self.admission.validate(write, new, call.warnings)
        if self.store.get(resource.key, target.namespace, target.name) is not live:
            return None
        if unchanged(stored_form(resource, new), live.obj) and same_owners(owners, live.owners):
            return live
        return self._commit(resource, new, owners, call, live)

    def _renewed(self, target: Target, proposed: Manifest, live: Snapshot, call: Call) -> Manifest:
        resource = target.resource
        old = live.served(target.api_version)
        whole = with_system_fields(resource, proposed, old, target.subresource)
        if target.subresource == "status" and not resource.custom:
            return with_plain_status(resource, whole)
        obj = decoded(resource, target.version, whole, call)
        if resource.kind.name == "Service" and not target.subresource:
            obj = self.addresses.complete(obj, old)
        return obj if target.subresource == "status" else with_generation(resource, obj, old)

    def _commit(
        self, resource: Resource, obj: Manifest, owners: Owners, call: Call, live: Snapshot | None = None
    ) -> Snapshot:
        final = finished(stored_form(resource, obj), owners)
        metadata = final["metadata"]
        if call.dry_run:
            metadata.pop("resourceVersion", None)
            metadata.update({"resourceVersion": str(live.revision)} if live else {})
            return Snapshot(final, self.store.revision, owners)
        if ends(resource, final):
            # Watches are told of the last state there was, the answer is what the write made of it.
            gone = self.store.remove(resource.key, metadata.get("namespace", ""), metadata["name"])
            metadata["resourceVersion"] = str(gone.revision)
            return Snapshot(final, gone.revision, owners)
        return self.store.put(resource.key, final, owners)


def ends(resource: Resource, obj: Manifest) -> bool:
    """Whether an object that is being deleted has nothing left to wait for."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    if resource.kind.name == "Pod" and metadata.get("deletionGracePeriodSeconds"):
        return False
    return not (resource.kind.name == "Namespace" and (obj.get("spec") or {}).get("finalizers"))


def _patched(target: Target, live: Manifest, patch: Patch) -> Any:
    if patch.media == JSON_PATCH:
        return json_patch(live, patch.body)
    if not isinstance(patch.body, dict):
        raise bad_request("the patch is not an object")
    if patch.media == MERGE:
        return merge_patch(live, patch.body)
    if patch.media == STRATEGIC and not target.resource.custom:
        return strategic_patch(live, patch.body, target.resource.shape)
    raise unsupported_patch()


def _with_string_data(secret: Manifest) -> Manifest:
    texts: Mapping[str, str] | None = secret.get("stringData")
    rest = {key: value for key, value in secret.items() if key != "stringData"}
    if not texts:
        return rest
    data = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
    return {**rest, "data": {**(rest.get("data") or {}), **data}}


def objects_of(store: Store, catalog: Catalog, call_webhook: CallWebhook, now: Callable[[], str]) -> Objects:
    """Put the parts together."""
    return Objects(store, catalog, Admission(store, call_webhook), Addresses(store), now)


def target_of(catalog: Catalog, obj: Manifest) -> Target:
    """Return where a manifest belongs; raise 404 when its kind is not served."""
    group, version = split_api_version(str(obj.get("apiVersion", "")))
    resource = catalog.named(group, str(obj.get("kind", "")))
    if resource is None or version not in (resource.versions or (resource.kind.version,)):
        raise unknown_resource()
    metadata = obj.get("metadata") or {}
    namespace = metadata.get("namespace", "") if resource.kind.namespaced else ""
    return Target(resource, version, namespace, metadata.get("name", ""))
