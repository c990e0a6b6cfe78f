"""From a difference to a field that may be shown: a Secret's values are left behind here, and only here."""

import hashlib
import json
from typing import Any

from meshctl.changes.compare import Difference, Path, text_of
from meshctl.changes.model import FieldChange
from meshctl.changes.owners import owners_of
from meshctl.changes.pending import Pending
from meshctl.objects import Manifest

LAST_APPLIED = ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
ASSIGNED = frozenset({"nodePort", "clusterIP", "clusterIPs", "healthCheckNodePort"})
"""What an API server hands out: a dry run is given another one than the real run will be."""


def digest(value: Any) -> str:
    """Return a fingerprint of JSON-like data."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def field_of(live: Manifest, one: Difference, manager: str) -> FieldChange:
    """Return a difference as a field, with the other managers that own it."""
    owners = tuple(name for name in owners_of(live, one.path) if name != manager)
    name = text_of(one.path)
    if is_secret(live, one.path):
        # Whether there was a value, and whether there will be one, is all there is to see.
        return FieldChange(name, None, None, owners, hidden=True, digest=digest([one.old, one.new]))
    last = one.path[-1]
    if one.old is None and isinstance(last, str) and last in ASSIGNED:
        return FieldChange(name, None, "<assigned by the API server>", owners, pending=True, digest=digest("assigned"))
    return FieldChange(name, one.old, one.new, owners, digest=digest([one.old, one.new]))


def pending_field(live: Manifest | None, pending: Pending, *, secret: bool) -> FieldChange:
    """Return a field whose value is not known yet."""
    path, stand_in = pending
    old: Any = live
    for part in path:
        old = old.get(part) if isinstance(old, dict) else None
    shown = None if secret else old
    return FieldChange(text_of(path), shown, stand_in, hidden=secret, pending=True, digest=digest(stand_in))


def is_secret(obj: Manifest, path: Path) -> bool:
    """Say whether what is at `path` must not be shown."""
    return path[: len(LAST_APPLIED)] == LAST_APPLIED or (
        obj.get("kind") == "Secret" and path[:1] in (("data",), ("stringData",))
    )
