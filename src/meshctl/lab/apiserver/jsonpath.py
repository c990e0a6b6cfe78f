"""The JSONPath of printer columns: fields, indexes and `[?(@.type=="Ready")]` filters."""

import re
from typing import Any

_STEP = re.compile(
    r"\.(?P<name>(?:[^.\[\\]|\\.)+)|\[(?P<index>\d+|\*)\]|\['(?P<quoted>[^']+)'\]"
    r"|\[\?\(@\.(?P<field>[\w.]+)\s*==\s*[\"'](?P<value>[^\"']*)[\"']\)\]"
)


def find(obj: Any, path: str) -> list[Any]:
    """Return every value at a path."""
    here, place = [obj], 0
    while place < len(path):
        step = _STEP.match(path, place)
        if not step:
            return []
        here = [found for value in here for found in _take(value, step)]
        place = step.end()
    return here


def _take(value: Any, step: re.Match[str]) -> list[Any]:
    if step["field"] is not None:
        items = value if isinstance(value, list) else []
        return [item for item in items if find(item, f".{step['field']}") == [step["value"]]]
    if step["index"] is not None:
        items = value if isinstance(value, list) else []
        return items if step["index"] == "*" else items[int(step["index"]) : int(step["index"]) + 1]
    name = step["quoted"] or re.sub(r"\\(.)", r"\1", step["name"])
    return [value[name]] if isinstance(value, dict) and name in value else []
