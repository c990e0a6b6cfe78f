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
    merged = list(present)
    for item in items:
        place = next((n for n, old in enumerate(merged) if old.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if place is not None:
                merged.pop(place)
        elif place is None:
            merged.append(strategic_patch({}, item, shape.item()))
        else:
            merged[place] = strategic_patch(merged[place], item, shape.item())
    return merged


def _ordered(items: list[Any], order: list[Any], shape: Shape) -> list[Any]:
    """Put the items that `order` names into its order; the others keep their places behind their predecessors."""
    key = shape.keys[0] if shape.keys else ""
    ids = [item.get(key) if key and isinstance(item, dict) else item for item in items]
    wanted = [entry.get(key) if key and isinstance(entry, dict) else entry for entry in order]
    named = sorted((n for n, name in enumerate(ids) if name in wanted), key=lambda n: wanted.index(ids[n]))
    queue = iter(named)
    return [items[next(queue)] if name in wanted else items[n] for n, name in enumerate(ids)]
