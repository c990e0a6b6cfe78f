"""Which object a request is about, and whether what it brings is meant for that object."""

import uuid
from dataclasses import dataclass

from meshctl.lab.apiserver import naming
from meshctl.lab.apiserver.resources import Resource
from meshctl.lab.apiserver.status import MODIFIED_MEANWHILE, Problem, bad_request, conflict, invalid
from meshctl.lab.apiserver.store import Snapshot
from meshctl.objects import Manifest

SERVERS_OWN = (
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "selfLink",
)
"""Metadata that clients cannot give a new object."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which object, in which version of its kind, and which part of it."""

    resource: Resource
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def api_version(self) -> str:
        """The apiVersion that the client speaks."""
        return self.resource.api_version(self.version)


def identity(target: Target, given: Manifest, now: str) -> Manifest:
    """Return the metadata of a new object; raise 422 when it has no name."""
    metadata = {key: value for key, value in given.items() if key not in SERVERS_OWN}
    name = metadata.get("name") or target.name
    if not name and metadata.get("generateName"):
        name = naming.generate(metadata["generateName"])
    if not name:
        problem = Problem("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
        raise invalid(target.resource.kind, "", [problem])
    metadata["name"] = name
    if target.resource.kind.namespaced:
        metadata["namespace"] = target.namespace
    return {**metadata, "uid": str(uuid.uuid4()), "creationTimestamp": now}


def refuse_stale(target: Target, obj: Manifest, live: Snapshot) -> None:
    """Raise when a write was made against another version of the object, or against another object."""
    metadata = obj["metadata"]
    given = metadata.get("resourceVersion")
    if given not in (None, "", "0", str(live.revision)):
        raise conflict(target.resource.kind, target.name, MODIFIED_MEANWHILE)
    uid = metadata.get("uid")
    if uid and uid != live.obj["metadata"]["uid"]:
        problem = Problem("metadata.uid", "FieldValueInvalid", f'Invalid value: "{uid}": field is immutable')
        raise invalid(target.resource.kind, target.name, [problem])


def refuse_other(target: Target, obj: Manifest, live: Snapshot) -> None:
    """Raise when a whole object is to replace one of another uid."""
    uid, actual = obj["metadata"].get("uid"), live.obj["metadata"]["uid"]
    if not uid or uid == actual:
        return
    kind = target.resource.kind
    custom = (kind.group,) if target.resource.custom else ()
    key = "/".join(("/registry", *custom, kind.plural, *((target.namespace,) if kind.namespaced else ()), target.name))
    why = (
        f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: "
        f"Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}"
    )
    raise conflict(kind, target.name, why)


def refuse_other_name(target: Target, name: str) -> None:
    """Raise 400 when an object is not called what its path says."""
    if name != target.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({target.name})")
