"""JSON merge patch (RFC 7386) and JSON patch (RFC 6902)."""

from typing import Any

from meshctl.lab.apiserver.status import StatusError, bad_request
from meshctl.lab.apiserver.store import copy_json
from meshctl.objects import Manifest


def merge_patch(target: Any, patch: Any) -> Any:
    """Return the target with a merge patch laid over it; null removes."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def json_patch(target: Manifest, operations: Any) -> Manifest:
    """Return the target after a list of add, remove, replace, move, copy and test."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    document: Any = copy_json(target)
    for operation in operations:
        document = _perform(document, operation)
    if not isinstance(document, dict):
        raise _unprocessable()
    return document


def _perform(document: Any, operation: Manifest) -> Any:
    verb, path = operation.get("op"), _pointer(operation.get("path", ""))
    match verb:
        case "test":
            if _get(document, path) != operation.get("value"):
                raise _unprocessable()
        case "remove":
            _remove(document, path)
        case "add":
            return _add(document, path, copy_json(operation.get("value")))
        case "replace":
            _get(document, path, strict=True)
            return _set(document, path, copy_json(operation.get("value")))
        case "copy":
            source = _get(document, _pointer(operation.get("from", "")), strict=True)
            return _add(document, path, copy_json(source))
        case "move":
            source = _pointer(operation.get("from", ""))
            value = _get(document, source, strict=True)
            _remove(document, source)
            return _add(document, path, value)
        case _:
            raise bad_request(f"Unexpected kind: {verb}")
    return document


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _unprocessable() -> StatusError:
    message = "the server rejected our request due to an error in our request"
    # Which operation failed, and why, the real API server keeps to itself, too.
    return StatusError(422, "Invalid", message, {})


def _index(here: list[Any], part: str) -> int:
    if not part.isdecimal() or int(part) >= len(here):
        raise _unprocessable()
    return int(part)


def _get(document: Any, path: list[str], *, strict: bool = False) -> Any:
    here = document
    for part in path:
        if isinstance(here, dict) and part in here:
            here = here[part]
        elif isinstance(here, list):
            here = here[_index(here, part)]
        elif strict:
            raise _unprocessable()
        else:
            return None
    return here


def _remove(document: Any, path: list[str]) -> None:
    parent = _get(document, path[:-1], strict=True)
    if isinstance(parent, list):
        parent.pop(_index(parent, path[-1]))
    elif isinstance(parent, dict) and path[-1] in parent:
        del parent[path[-1]]
    else:
        raise _unprocessable()


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1], strict=True)
    if isinstance(parent, list):
        place = len(parent) if path[-1] in ("-", str(len(parent))) else _index(parent, path[-1])
        parent.insert(place, value)
    elif isinstance(parent, dict):
        parent[path[-1]] = value
    else:
        raise _unprocessable()
    return document


def _set(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _get(document, path[:-1], strict=True)
    if isinstance(parent, list):
        parent[_index(parent, path[-1])] = value
    else:
        parent[path[-1]] = value
    return document
