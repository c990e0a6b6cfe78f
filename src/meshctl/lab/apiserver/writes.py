"""The pure half of a write: what an object becomes before it is stored, given what was there before."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from meshctl.lab.apiserver import defaults, fields, lastapplied, schema, validation
from meshctl.lab.apiserver.apply import conflict_error, conflicts, drop_nulls, duplicates, given_up, overlay, without
from meshctl.lab.apiserver.hooks import User
from meshctl.lab.apiserver.owners import (
    Difference,
    Fields,
    Operation,
    Owner,
    Owners,
    Path,
    applied,
    before_first_apply,
    decode_owners,
    difference,
    encode_owners,
    owned_by_config,
    updated,
)
from meshctl.lab.apiserver.resources import Resource
from meshctl.lab.apiserver.status import Problem, StatusError, bad_request
from meshctl.objects import Manifest

_KEPT = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_NO_FIELDS: Fields = frozenset()


@dataclass(frozen=True, slots=True)
class Call:
    """Who writes, under which name, and how. `warnings` collects what the answer should warn of."""

    user: User
    manager: str
    dry_run: bool = False
    field_validation: str = "Warn"
    warnings: list[str] = field(default_factory=list)

    def owner(self, operation: Operation, api_version: str, subresource: str, time: str) -> Owner:
        """Return the entry of managedFields that this call writes as."""
        return Owner(self.manager, operation, api_version, subresource, time, _NO_FIELDS)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An object as its writer wants it, and how field ownership follows from that."""

    obj: Manifest
    own: Callable[[Manifest], Owners]


def decoded(resource: Resource, version: str, obj: Manifest, call: Call) -> Manifest:
    """Return an object as the API server understands it: unknown fields dropped, defaults filled in."""
    if resource.schemas is None:
        return _filled(resource, version, _understood(resource, version, obj, call))
    metadata = {key: value for key, value in obj["metadata"].items() if value not in ({}, [], None, "")}
    obj = {**obj, "metadata": metadata}
    known = resource.schemas.get(version) or {}
    if not known:
        return obj
    pruned, unknown = schema.prune(known, obj)
    if unknown:
        _tell_unknown(resource, version, unknown, call)
    filled: Manifest = schema.default(known, pruned)
    return filled


def _understood(resource: Resource, version: str, obj: Manifest, call: Call) -> Manifest:
    """Return a built-in object without unknown fields; clients that want no validation are trusted here."""
    if call.field_validation == "Ignore":
        return obj
    kind, found = resource.kind.name, fields.read(resource.api_version(version), resource.kind.name, obj)
    if found.wrong:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {found.wrong[0]}')
    if found.unknown:
        _tell_unknown(resource, version, found.unknown, call)
    return found.obj


def _filled(resource: Resource, version: str, obj: Manifest) -> Manifest:
    """Not every type is known here: a value of a wrong type shows at the latest when its defaults are filled in."""
    kind = resource.kind.name
    try:
        return defaults.fill(kind, drop_nulls(obj))
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a {kind}: {error}') from error


def _tell_unknown(resource: Resource, version: str, unknown: list[str], call: Call) -> None:
    texts = [f'unknown field "{path}"' for path in unknown]
    if call.field_validation == "Strict":
        kind = resource.kind.name
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {kind}: strict decoding error: {", ".join(texts)}'
        )
    if call.field_validation == "Warn":
        call.warnings.extend(texts)


def stored_form(resource: Resource, obj: Manifest) -> Manifest:
    """Return an object in the version its kind is stored in."""
    wanted = resource.kind.api_version
    return obj if obj.get("apiVersion") == wanted else {**obj, "apiVersion": wanted}


def with_system_fields(resource: Resource, obj: Manifest, live: Manifest, subresource: str) -> Manifest:
    """Return the object with everything of `live` that this kind of write cannot change."""
    if subresource == "status":
        metadata = dict(live["metadata"])
        return {**live, "metadata": metadata, "status": obj.get("status") or {}}
    if subresource == "finalize":
        return {**live, "metadata": dict(live["metadata"]), "spec": obj.get("spec") or {}}
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _KEPT and key != "managedFields"}
    kept = {key: live["metadata"][key] for key in (*_KEPT, "generation") if key in live["metadata"]}
    merged = {**obj, "metadata": {**kept, **{k: v for k, v in metadata.items() if k not in kept}}}
    if resource.kind.name == "Namespace":
        merged["spec"] = live.get("spec") or {}
    if resource.status:
        merged.pop("status", None)
        if "status" in live:
            merged["status"] = live["status"]
    return merged


def with_plain_status(resource: Resource, obj: Manifest) -> Manifest:
    """Return a built-in object as its status was decoded; the rest of it is as it was."""
    status = drop_nulls(obj["status"])
    return defaults.fill_status(resource.kind.name, {**obj, "status": status})


def with_generation(resource: Resource, obj: Manifest, live: Manifest) -> Manifest:
    """Return the object with its generation raised if its spec has changed."""
    if not resource.generation or _spec_of(resource, obj) == _spec_of(resource, live):
        return obj
    generation = live["metadata"].get("generation", 0) + 1
    return {**obj, "metadata": {**obj["metadata"], "generation": generation}}


def _spec_of(resource: Resource, obj: Manifest) -> Manifest:
    left_out = ("metadata", "status") if resource.status or not resource.custom else ("metadata",)
    return {key: value for key, value in obj.items() if key not in left_out}


def finalizer_problems(obj: Manifest, live: Manifest) -> list[Problem]:
    """Say so when finalizers are added to an object that is being deleted."""
    if "deletionTimestamp" not in live["metadata"]:
        return []
    known = live["metadata"].get("finalizers") or ()
    new = [name for name in obj["metadata"].get("finalizers") or () if name not in known]
    if not new:
        return []
    listed = ", ".join(f'"{name}"' for name in new)
    text = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        f"[]string{{{listed}}}"
    )
    return [Problem("metadata.finalizers", "FieldValueForbidden", text)]


def problems(resource: Resource, version: str, obj: Manifest, live: Manifest | None) -> list[Problem]:
    """Return everything that is wrong with an object that is about to be stored."""
    found = finalizer_problems(obj, live) if live else []
    if resource.schemas is None:
        return found + validation.problems(resource.kind.name, obj, live)
    if live is None:
        found += validation.metadata_problems(resource.kind.name, obj)
    return found + schema.problems(resource.schemas.get(version) or {}, obj)


def unchanged(obj: Manifest, live: Manifest) -> bool:
    """Whether two versions say the same, apart from resourceVersion and managedFields."""
    return {**obj, "metadata": _comparable(obj)} == {**live, "metadata": _comparable(live)}


def _comparable(obj: Manifest) -> Manifest:
    return {key: value for key, value in obj["metadata"].items() if key not in ("resourceVersion", "managedFields")}


def same_owners(left: Owners, right: Owners) -> bool:
    """Whether two sets of owners are equal apart from their times."""
    return {replace(owner, time="") for owner in left} == {replace(owner, time="") for owner in right}


def finished(obj: Manifest, owners: Owners) -> Manifest:
    """Return the object with its managedFields, its envelope first."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    if owners:
        metadata["managedFields"] = encode_owners(owners)
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, **rest}


def _owners_given(obj: Manifest, live: Manifest | None, owners: Owners) -> Owners:
    """Clients may rewrite managedFields (kubectl does, when it moves to server-side apply)."""
    given = obj["metadata"].get("managedFields")
    if given is None or (live is not None and given == live["metadata"].get("managedFields")):
        return owners
    return decode_owners(given)


def proposed_update(resource: Resource, obj: Manifest, live: Manifest | None, owners: Owners, by: Owner) -> Proposal:
    """Return what a create, update or patch proposes; ownership is the difference it makes."""
    before = _owners_given(obj, live, owners)
    if live is not None and not before:
        return Proposal(obj, lambda _: ())  # who owns what is not recorded before somebody applies
    return Proposal(obj, lambda new: updated(before, by, difference(live or {}, new, resource.shape)))


def proposed_apply(
    resource: Resource,
    config: Manifest,
    live: Manifest | None,
    owners: Owners,
    by: Owner,
    *,
    force: bool,
    called: str = "",
) -> Proposal:
    """Return what a server-side apply proposes; raise 409 when it would change fields of other managers.

    `called` is what the configuration calls its object, for errors.
    """
    if config.get("metadata", {}).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    shape = resource.shape
    if live is not None and not owners:
        owners = before_first_apply(live, by, shape)
    if wrong := _untyped(resource, config, by.api_version) or duplicates(config, shape):
        text = wrong[0] if len(wrong) == 1 else "errors:\n" + "\n".join(f"  {one}" for one in wrong)
        where = f"{called}; {by.api_version}, Kind={resource.kind.name}"
        raise StatusError(500, "", f"failed to create typed patch object ({where}): {text}")
    relevant = _relevant(resource, drop_nulls(config), by.subresource)
    by = replace(by, fields=owned_by_config(relevant, shape))
    before = next((owner.fields for owner in owners if owner.same(by)), _NO_FIELDS)
    others = tuple(owner for owner in owners if not owner.same(by))
    merged: Any = overlay(live or {}, relevant, shape)
    lost = given_up(before, (*others, by))
    merged = without(merged, lost, shape) if lost else merged
    merged["metadata"] = {**merged["metadata"], "managedFields": None}
    diff = difference(live or {}, merged, shape)
    if not force and (found := _conflicts(owners, by, diff, live, resource)):
        raise conflict_error(found)
    if by.manager == lastapplied.MANAGER:
        merged = lastapplied.kept_up(merged, relevant)
    return Proposal(merged, lambda _: applied(owners, by, diff))


def _untyped(resource: Resource, config: Manifest, api_version: str) -> list[str]:
    """Return a sentence for each field of a configuration that its kind does not have."""
    if resource.schemas is None:
        unknown = fields.read(api_version, resource.kind.name, config).unknown
    else:
        known = resource.schemas.get(api_version.rpartition("/")[2]) or {}
        unknown = schema.prune(known, config)[1] if known else []
    return [f".{path}: field not declared in schema" for path in unknown]


def _conflicts(
    owners: Owners, by: Owner, diff: Difference, live: Manifest | None, resource: Resource
) -> list[tuple[Owner, Path]]:
    found = conflicts(owners, by, diff)
    if not found or live is None or by.manager != lastapplied.MANAGER:
        return found
    allowed = lastapplied.taken_over(live, resource.shape)
    return [(owner, path) for owner, path in found if path not in allowed]


def _relevant(resource: Resource, config: Manifest, subresource: str) -> Manifest:
    if subresource:
        return {key: value for key, value in config.items() if key in ("apiVersion", "kind", "metadata", subresource)}
    if resource.status and not resource.keeps_status:
        return {key: value for key, value in config.items() if key != "status"}
    return config
