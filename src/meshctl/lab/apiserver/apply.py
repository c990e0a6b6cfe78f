"""Server-side apply: laying a configuration over the live object, and taking away what it no longer names."""

import json
from typing import Any

from meshctl.lab.apiserver.owners import (
    Difference,
    Fields,
    Owner,
    Owners,
    Path,
    item_key,
    merges_by_item,
    path_order,
    path_text,
)
from meshctl.lab.apiserver.shapes import Shape
from meshctl.lab.apiserver.status import StatusError


def overlay(live: Any, config: Any, shape: Shape) -> Any:
    """Return `live` with everything that `config` names as `config` has it."""
    if isinstance(live, dict) and isinstance(config, dict) and not shape.atomic:
        merged = dict(live)
        for name, part in config.items():
            merged[name] = overlay(live.get(name), part, shape.field(name))
        return merged
    if isinstance(live, list) and isinstance(config, list) and merges_by_item(shape):
        named = {item_key(item, shape): item for item in config}
        kept = [overlay(item, named.pop(item_key(item, shape), item), shape.item()) for item in live]
        return kept + list(named.values())
    return config


def duplicates(config: Any, shape: Shape, path: Path = ()) -> list[str]:
    """Return a sentence for every list item whose key is there twice."""
    if isinstance(config, dict) and not shape.atomic:
        return [
            text
            for name, part in config.items()
            if isinstance(part, (dict, list))
            for text in duplicates(part, shape.field(name), (*path, f"f:{name}"))
        ]
    if not isinstance(config, list) or not merges_by_item(shape):
        return []
    keys = [item_key(item, shape) for item in config]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    found = [f"{path_text(path)}: duplicate entries for key {path_text((key,))}" for key in twice]
    for item, key in zip(config, keys, strict=True):
        found += duplicates(item, shape.item(), (*path, key)) if isinstance(item, dict) else []
    return found


def given_up(before: Fields, owners: Owners) -> set[Path]:
    """Return the shortest paths that an applier named before and that nobody owns now."""
    owned = {path[:depth] for owner in owners for path in owner.fields for depth in range(1, len(path) + 1)}
    lost = {path[:depth] for path in before for depth in range(1, len(path) + 1)} - owned - {("f:metadata",)}
    return {path for path in lost if not any(path[:depth] in lost for depth in range(1, len(path)))}


def without(value: Any, paths: set[Path], shape: Shape) -> Any:
    """Return the value without what is at these paths."""
    inner: dict[str, set[Path]] = {}
    for path in paths:
        inner.setdefault(path[0], set()).add(path[1:])
    if isinstance(value, dict):
        kept = {}
        for name, part in value.items():
            below = inner.get(f"f:{name}", set())
            if () not in below:
                kept[name] = without(part, below, shape.field(name)) if below else part
        return kept
    if isinstance(value, list):
        pairs = [(item, inner.get(item_key(item, shape), set())) for item in value]
        return [without(item, below, shape.item()) if below else item for item, below in pairs if () not in below]
    return value


def conflicts(owners: Owners, by: Owner, diff: Difference) -> list[tuple[Owner, Path]]:
    """Return the fields of other managers that an apply would change."""
    return [
        (owner, path)
        for owner in sorted(owners, key=lambda o: o.manager)
        if not owner.same(by)
        for path in sorted(owner.fields & diff.touched, key=path_order)
    ]


def conflict_error(found: list[tuple[Owner, Path]]) -> StatusError:
    """Return the 409 that names every conflict and its owner."""
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_owner_text(owner)}", "field": path_text(path)}
        for owner, path in found
    ]
    if len(found) == 1:
        owner, path = found[0]
        text = f"Apply failed with 1 conflict: conflict with {_owner_text(owner)}: {path_text(path)}"
    else:
        by_owner: dict[str, list[str]] = {}
        for owner, path in found:
            by_owner.setdefault(_owner_text(owner), []).append(f"- {path_text(path)}")
        parts = [f"conflicts with {owner}:\n" + "\n".join(paths) for owner, paths in sorted(by_owner.items())]
        text = f"Apply failed with {len(found)} conflicts: " + "\n".join(parts)
    return StatusError(409, "Conflict", text, {"causes": causes})


def _owner_text(owner: Owner) -> str:
    text = json.dumps(owner.manager)
    if owner.subresource:
        text += f' with subresource "{owner.subresource}"'
    return f"{text} using {owner.api_version}" if owner.operation == "Update" else text


def drop_nulls(value: Any) -> Any:
    """Return a configuration without fields that are null: they name nothing."""
    if isinstance(value, dict):
        return {key: drop_nulls(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [drop_nulls(part) for part in value]
    return value
