"""Strategic merge patch: a merge patch that knows which lists have keys, with its `$` directives."""

from typing import Any

from meshctl.lab.apiserver.shapes import Shape
from meshctl.objects import Manifest

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def strategic_patch(target: Any, patch: Manifest, shape: Shape) -> Any:
    """Return the target with the patch laid over it."""
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    merged: Manifest = dict(target) if isinstance(target, dict) else {}
    if isinstance(keys := patch.get("$retainKeys"), list):
        merged = {key: value for key, value in merged.items() if key in keys}
    for key, value in patch.items():
        if not key.startswith("$"):
            _lay(merged, key, value, shape.field(key))
    for key, value in patch.items():
        _directive(merged, key, value, shape)
    return merged


def _lay(merged: Manifest, key: str, value: Any, shape: Shape) -> None:
    if value is None:
        merged.pop(key, None)
    elif isinstance(value, dict):
        merged[key] = strategic_patch(merged.get(key), value, shape)
    elif isinstance(value, list) and shape.keys:
        merged[key] = _merge_list(merged.get(key) or [], value, shape)
    elif isinstance(value, list) and shape.is_set:
        present = merged.get(key) or []
        merged[key] = present + [item for item in value if item not in present]
    else:
        merged[key] = value


def _directive(merged: Manifest, key: str, value: Any, shape: Shape) -> None:
    if key.startswith(_DELETE):
        name = key.removeprefix(_DELETE)
        merged[name] = [item for item in merged.get(name) or [] if item not in value]
    elif key.startswith(_ORDER) and isinstance(merged.get(key.removeprefix(_ORDER)), list):
        name = key.removeprefix(_ORDER)
        merged[name] = _ordered(merged[name], value, shape.field(name))


def _merge_list(present: list[Any], items: list[Manifest], shape: Shape) -> list[Any]:
    key = shape.keys[0]
    if any(item.get("$patch") == "replace" for item in items):
        return [item for item in items if item.get("$patch") != "replace"]
    old = {item.get(key): item for item in present}
    gone = {item.get(key) for item in items if item.get("$patch") == "delete"}
    kept = [item for item in items if item.get(key) not in gone]
    named = {item.get(key): strategic_patch(old.get(item.get(key), {}), item, shape.item()) for item in kept}
    others = {name: item for name, item in old.items() if name not in named and name not in gone}
    order = _interleaved(list(others), list(named), list(old))
    return [named[name] if name in named else others[name] for name in order]


def _interleaved(others: list[Any], named: list[Any], before: list[Any]) -> list[Any]:
    """Merge two orders: what was there before keeps its order, what is new comes as early as it can."""
    merged: list[Any] = []
    others, named = list(others), list(named)
    while others and named:
        first = named[0] in before and before.index(others[0]) < before.index(named[0])
        merged.append(others.pop(0) if first else named.pop(0))
    return merged + others + named


def _ordered(items: list[Any], order: list[Any], shape: Shape) -> list[Any]:
    """Put the items that `order` names into its order, among the others as they were."""
    key = shape.keys[0] if shape.keys else ""
    by_id = {item.get(key) if key and isinstance(item, dict) else item: item for item in items}
    wanted = [entry.get(key) if key and isinstance(entry, dict) else entry for entry in order]
    named = [name for name in wanted if name in by_id]
    others = [name for name in by_id if name not in named]
    return [by_id[name] for name in _interleaved(others, named, list(by_id))]
