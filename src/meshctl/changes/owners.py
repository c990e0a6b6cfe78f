"""Who owns a field, by an object's managedFields: paths of FieldsV1 (`f:spec`, `k:{"name":"tls"}`, `v:"x"`)."""

import json
from typing import Any

from meshctl.changes.compare import Item, Path
from meshctl.objects import Manifest, dig


def owners_of(obj: Manifest, path: Path) -> tuple[str, ...]:
    """Return the managers that own what is at `path`, or something below it."""
    entries = [entry for entry in dig(obj, "metadata", "managedFields") or [] if not entry.get("subresource")]
    found = {str(entry.get("manager")) for entry in entries if _owns(entry.get("fieldsV1") or {}, path)}
    return tuple(sorted(found))


def _owns(fields: Any, path: Path) -> bool:
    here = fields
    for depth, part in enumerate(path):
        if not here:
            return depth > 0  # a list or mapping that is owned as a whole
        below = _item(here, part) if isinstance(part, Item) else here.get(f"f:{part}")
        if below is None:
            return False
        here = below
    return True


def _item(fields: Any, item: Item) -> Any:
    for name, below in fields.items():
        marker, _, text = name.partition(":")
        if marker == "k" and isinstance(item.value, dict):
            if all(_same(item.value, key, value) for key, value in json.loads(text).items()):
                return below
        elif marker == "v" and json.loads(text) == item.value:
            return below
    return None


def _same(item: Manifest, key: str, value: Any) -> bool:
    # A protocol that is not said is TCP, in every list that is keyed by it.
    return bool(item.get(key, "TCP" if key == "protocol" else None) == value)
