"""Where two versions of an object differ, field by field, without what only the API server and controllers write."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from meshctl.objects import Manifest

BOOKKEEPING = frozenset({"managedFields", "resourceVersion", "generation", "creationTimestamp", "selfLink", "uid"})
KEYS = (("containerPort", "protocol"), ("port", "protocol"), ("mountPath",), ("name",), ("key",))
"""What tells the items of a list apart, where every item has it; Kubernetes' own lists are keyed by these."""


@dataclass(frozen=True, slots=True)
class Item:
    """A place in a list: what it is called there, and what is in it."""

    label: str
    value: Any


Path = tuple[str | Item, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs; None is a field that is not there."""

    path: Path
    old: Any
    new: Any


def differences(old: Manifest, new: Manifest) -> list[Difference]:
    """Return every field in which two versions of an object differ."""
    return list(_compared((), comparable(old), comparable(new)))


def comparable(obj: Manifest) -> Manifest:
    """Return an object without its status and the API server's own bookkeeping."""
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key not in BOOKKEEPING}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": metadata}


def laid_over(live: Any, wanted: Any) -> Any:
    """Return `live` with everything that `wanted` names: a guess at what an API server would make of it."""
    if isinstance(live, dict) and isinstance(wanted, dict):
        return {**live, **{key: laid_over(live.get(key), value) for key, value in wanted.items()}}
    if isinstance(live, list) and isinstance(wanted, list) and (key := _key(live, wanted)):
        ours = {_label(item, key): item for item in wanted}
        kept = [laid_over(item, ours.pop(_label(item, key), item)) for item in live]
        return [*kept, *ours.values()]
    return wanted


def text_of(path: Path) -> str:
    """Return a path as people write it: `spec.ports[tls].port`, `metadata.labels[istio.io/rev]`."""
    text = ""
    for part in path:
        if isinstance(part, Item):
            text += f"[{part.label}]"
        elif "." in part or "/" in part:
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def _compared(path: Path, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, list) and isinstance(new, list):
        yield from _lists(path, old, new)
    elif _go_together(path, old, new):
        before, after = old or {}, new or {}
        for key in dict.fromkeys([*before, *after]):
            yield from _compared((*path, key), before.get(key), after.get(key))
    else:
        yield Difference(path, old, new)


def _go_together(path: Path, old: Any, new: Any) -> bool:
    """Say whether to look inside: of mappings that are new or gone, too, but a list's item comes and goes whole."""
    mappings = all(value is None or isinstance(value, dict) for value in (old, new))
    whole = bool(path) and isinstance(path[-1], Item)
    return mappings and (bool(old and new) if whole else bool(old or new))


def _lists(path: Path, old: list[Any], new: list[Any]) -> Iterator[Difference]:
    key = _key(old, new)
    if key:
        before, after = ({_label(item, key): item for item in items} for items in (old, new))
        for label in dict.fromkeys([*before, *after]):
            there = before.get(label)
            yield from _compared((*path, Item(label, there or after.get(label))), there, after.get(label))
        order = [label for label in before if label in after], [label for label in after if label in before]
        if order[0] != order[1]:
            yield Difference((*path, "order"), *order)
    elif len(old) == len(new) and all(isinstance(item, dict) for item in (*old, *new)):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _compared((*path, Item(str(index), one)), one, other)
    else:
        yield Difference(path, old, new)


def _key(*lists: list[Any]) -> tuple[str, ...]:
    """Return what tells the items of these lists apart, empty when nothing does."""
    return next((key for key in KEYS if all(_tells_apart(key, items) for items in lists)), ())


def _tells_apart(key: tuple[str, ...], items: list[Any]) -> bool:
    if not all(isinstance(item, dict) and isinstance(item.get(key[0]), (str, int)) for item in items):
        return False
    return len({_label(item, key) for item in items}) == len(items)


def _label(item: Any, key: tuple[str, ...]) -> str:
    return "/".join(_plain(item[name]) for name in key if name in item)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
