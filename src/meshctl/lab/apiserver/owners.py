"""Which manager owns which fields of an object: `metadata.managedFields`, and what a write does to it.

A field is a path of elements spelled as in FieldsV1 (`f:spec`, `k:{"name":"app"}`, `v:"x"`). A set of owned fields is a
frozenset of such paths, so that the rules of server-side apply are plain set operations.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from meshctl.lab.apiserver.shapes import KEY_DEFAULTS, Shape
from meshctl.objects import Manifest

Path = tuple[str, ...]
Fields = frozenset[Path]
Operation = Literal["Apply", "Update"]

BEFORE_FIRST_APPLY = "before-first-apply"
NOBODYS: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",)}
    | {
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "managedFields",
            "selfLink",
        )
    }
)


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields."""

    manager: str
    operation: Operation
    api_version: str
    subresource: str
    time: str
    fields: Fields

    def same(self, other: "Owner") -> bool:
        """Whether both are the same manager doing the same kind of write."""
        return (self.manager, self.operation, self.api_version, self.subresource) == (
            other.manager,
            other.operation,
            other.api_version,
            other.subresource,
        )


Owners = tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What a write did, as paths."""

    added: Fields
    changed: Fields
    removed: Fields

    @property
    def touched(self) -> Fields:
        """Added or changed."""
        return self.added | self.changed


def item_key(item: Any, shape: Shape) -> str:
    """Return the path element of a list's item."""
    if shape.is_set or not isinstance(item, dict):
        return "v:" + json.dumps(item, separators=(",", ":"))
    key = {name: item.get(name, KEY_DEFAULTS.get(name)) for name in shape.keys}
    return "k:" + json.dumps({name: key[name] for name in sorted(key)}, separators=(",", ":"))


def merges_by_item(shape: Shape) -> bool:
    """Whether a list of that shape is merged item by item."""
    return bool(shape.keys) or shape.is_set


def owned_by_config(config: Manifest, shape: Shape) -> Fields:
    """Return the fields an applied configuration names."""
    return frozenset(_named(config, shape, ())) - NOBODYS


def _named(value: Any, shape: Shape, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value and not shape.atomic:
        for name, part in value.items():
            yield from _named(part, shape.field(name), (*path, f"f:{name}"))
    elif isinstance(value, list) and merges_by_item(shape):
        for item in value:
            here = (*path, item_key(item, shape))
            yield here
            if isinstance(item, dict) and not shape.item().atomic:
                yield from _named(item, shape.item(), here)
    elif path:
        yield path


def difference(old: Manifest, new: Manifest, shape: Shape) -> Difference:
    """Compare two versions of an object, without the metadata that belongs to the API server."""
    added: set[Path] = set()
    changed: set[Path] = set()
    removed: set[Path] = set()
    _compare(old, new, shape, (), (added, changed, removed))
    return Difference(frozenset(added) - NOBODYS, frozenset(changed) - NOBODYS, frozenset(removed) - NOBODYS)


_Sets = tuple[set[Path], set[Path], set[Path]]


def _compare(old: Any, new: Any, shape: Shape, path: Path, sets: _Sets) -> None:
    if old == new and type(old) is type(new):
        return
    added, _, removed = sets
    left, right = _children(old, shape), _children(new, shape)
    if left is None or right is None:
        _replace(old, new, shape, path, sets)
        return
    for element in left.keys() | right.keys():
        here = (*path, element)
        inner = _inner(element, shape)
        if element not in left:
            added.update(_all(right[element], inner, here))
        elif element not in right:
            removed.update(_all(left[element], inner, here))
        else:
            _compare(left[element], right[element], inner, here, sets)


def _replace(old: Any, new: Any, shape: Shape, path: Path, sets: _Sets) -> None:
    added, changed, removed = sets
    changed.add(path)
    removed.update(set(_all(old, shape, path)) - {path})
    added.update(set(_all(new, shape, path)) - {path})


def _children(value: Any, shape: Shape) -> Mapping[str, Any] | None:
    if isinstance(value, dict) and not shape.atomic:
        return {f"f:{name}": part for name, part in value.items()}
    if isinstance(value, list) and merges_by_item(shape):
        return {item_key(item, shape): item for item in value}
    return None


def _inner(element: str, shape: Shape) -> Shape:
    return shape.field(element[2:]) if element.startswith("f:") else shape.item()


def _all(value: Any, shape: Shape, path: Path) -> list[Path]:
    """Return every path in a value that appears or goes: containers too."""
    found: list[Path] = []
    _collect(value, shape, path, found)
    return found


def _collect(value: Any, shape: Shape, path: Path, found: list[Path]) -> None:
    children = _children(value, shape) if isinstance(value, (dict, list)) else None
    if children is None or not shape.inline:
        found.append(path)
    for element, part in (children or {}).items():
        _collect(part, _inner(element, shape), (*path, element), found)


def before_first_apply(live: Manifest, by: Owner, shape: Shape) -> Owners:
    """Return who owns an object that nobody has had an entry in: whoever wrote it before it was first applied."""
    fields = difference({}, live, shape).touched
    status = frozenset(path for path in fields if path[0] == "f:status")
    return (replace(by, manager=BEFORE_FIRST_APPLY, operation="Update", subresource="", fields=fields - status),)


def updated(owners: Owners, by: Owner, diff: Difference) -> Owners:
    """Return the owners after `by` has written a difference in any way but apply."""
    mine = next((owner for owner in owners if owner.same(by)), replace(by, fields=frozenset()))
    kept = (mine.fields - diff.removed) | diff.touched
    others = _without(owners, by, diff)
    entry = mine if kept == mine.fields else replace(by, fields=kept)
    return _tidy((*others, entry))


def _without(owners: Owners, by: Owner, diff: Difference) -> Iterator[Owner]:
    """Yield the other owners without what `by` has changed or removed."""
    lost = diff.touched | diff.removed
    for owner in owners:
        if not owner.same(by):
            yield owner if lost.isdisjoint(owner.fields) else replace(owner, fields=owner.fields - lost)


def applied(owners: Owners, by: Owner, diff: Difference) -> Owners:
    """Return the owners after `by` has applied; `by.fields` is what its configuration names."""
    before = next((owner for owner in owners if owner.same(by)), None)
    others = _without(owners, by, diff)
    # An apply that leaves the object as it was leaves no new time either.
    changed = bool(diff.touched or diff.removed)
    return _tidy((*others, by if changed else replace(by, time=before.time if before else "")))


def _tidy(owners: Iterable[Owner]) -> Owners:
    return tuple(sorted((owner for owner in owners if owner.fields), key=_entry_order))


def _entry_order(owner: Owner) -> tuple[str, ...]:
    return owner.operation, owner.time, owner.manager, owner.subresource


def path_order(path: Path) -> tuple[tuple[bool, str], ...]:
    """Sort paths as a real API server lists them: at every level what ends there comes first."""
    return tuple((depth < len(path), element) for depth, element in enumerate(path, 1))


def encode_owners(owners: Owners) -> list[Manifest]:
    """Return `metadata.managedFields`."""
    entries = []
    for owner in owners:
        entry: Manifest = {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            **({"time": owner.time} if owner.time else {}),
            "fieldsType": "FieldsV1",
            "fieldsV1": _trie(owner.fields),
        }
        if owner.subresource:
            entry["subresource"] = owner.subresource
        entries.append(entry)
    return entries


@lru_cache(maxsize=8192)
def _trie(fields: Fields) -> Manifest:
    """Return FieldsV1; shared by all who own the same fields, as objects in the store are never changed in place."""
    root: Manifest = {}
    for path in sorted(fields):
        here = root
        for depth, element in enumerate(path, 1):
            if element not in here:
                here[element] = {}
            elif depth < len(path) and not here[element] and path[:depth] in fields:
                here[element]["."] = {}
            here = here[element]
    return root


def decode_owners(entries: Any) -> Owners:
    """Read `metadata.managedFields`; entries that cannot be read are left out, as a real API server does."""
    if not isinstance(entries, list):
        return ()
    return tuple(_decode(entry) for entry in entries if isinstance(entry, dict) and entry.get("manager"))


def _decode(entry: Manifest) -> Owner:
    return Owner(
        entry["manager"],
        "Apply" if entry.get("operation") == "Apply" else "Update",
        entry.get("apiVersion", ""),
        entry.get("subresource", ""),
        entry.get("time", ""),
        frozenset(_paths(entry.get("fieldsV1") or {}, ())),
    )


def _paths(trie: Manifest, path: Path) -> Iterator[Path]:
    for element, inner in trie.items():
        here = (*path, element)
        if element == ".":
            yield path
        elif inner:
            yield from _paths(inner, here)
        else:
            yield here


def path_text(path: Path) -> str:
    """Return a path as error messages spell it: `.spec.containers[name="app"].image`."""
    return "".join(_element_text(element) for element in path)


def _element_text(element: str) -> str:
    kind, _, text = element.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    parts = (f"{name}={json.dumps(value)}" for name, value in json.loads(text).items())
    return f"[{','.join(parts)}]"
