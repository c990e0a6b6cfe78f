"""Objects of which something is not known yet: what stands for it is kept out of what an API server is asked."""

from collections.abc import Iterable, Mapping
from typing import Any

from meshctl.changes.compare import Path
from meshctl.objects import Manifest

Pending = tuple[Path, str]
"""A field whose value is not known yet, and what stands for it."""


def asked(manifest: Manifest, live: Manifest | None, stand_ins: Iterable[str]) -> tuple[Manifest, list[Pending]]:
    """Return an object with live values where only a stand-in is known, and the fields that are so.

    A field that is not there yet is left out.
    """
    found: list[Pending] = []
    known = _known(manifest, live, tuple(stand_ins), (), found)
    return (known if isinstance(known, dict) else {}), found


def _known(value: Any, live: Any, stand_ins: tuple[str, ...], path: Path, found: list[Pending]) -> Any:
    if isinstance(value, Mapping):
        there = live if isinstance(live, Mapping) else {}
        parts = {key: _known(one, there.get(key), stand_ins, (*path, key), found) for key, one in value.items()}
        return {key: part for key, part in parts.items() if part is not None}
    if isinstance(value, str) and any(one in value for one in stand_ins):
        found.append((path, value))
        return live
    return value
