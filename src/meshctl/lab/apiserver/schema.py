"""Custom resources against the OpenAPI schema of their definition: pruning, defaults, and what is invalid."""

import json
import re
from collections.abc import Iterator
from typing import Any

from meshctl.lab.apiserver.rules import UnsupportedRuleError, evaluate
from meshctl.lab.apiserver.status import Problem
from meshctl.lab.apiserver.store import copy_json
from meshctl.objects import Manifest

_ENVELOPE = ("apiVersion", "kind", "metadata")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
_BLOCKING = frozenset({"FieldValueRequired", "FieldValueTypeInvalid", "FieldValueNotSupported", "FieldValueTooLong"})
UNCHECKED = Problem(
    "<nil>",
    "FieldValueInvalid",
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation",
)


def prune(schema: Manifest, obj: Manifest) -> tuple[Manifest, list[str]]:
    """Return the object without fields that its schema does not know, and the paths of those."""
    unknown: list[str] = []
    envelope = {key: obj[key] for key in _ENVELOPE if key in obj}
    rest = {key: value for key, value in obj.items() if key not in _ENVELOPE}
    return {**envelope, **_prune(schema, rest, "", unknown)}, unknown


def _prune(schema: Manifest, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items")
        if not isinstance(items, dict):
            return value
        return [_prune(items, item, f"{path}[{n}]", unknown) for n, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    keeps = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-embedded-resource")
    known, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    kept: Manifest = {}
    for name, part in value.items():
        inner = known.get(name) or (extra if isinstance(extra, dict) else None)
        where = f"{path}.{name}" if path else name
        if inner is not None:
            kept[name] = _prune(inner, part, where, unknown)
        elif keeps or extra is True:
            kept[name] = part
        else:
            unknown.append(where)
    return kept


def default(schema: Manifest, value: Any) -> Any:
    """Return the value with the schema's defaults filled in."""
    if isinstance(value, list):
        items = schema.get("items")
        return [default(items, item) for item in value] if isinstance(items, dict) else value
    if not isinstance(value, dict):
        return value
    filled = dict(value)
    for name, part in (schema.get("properties") or {}).items():
        missing = name not in filled or (filled[name] is None and not part.get("nullable"))
        if missing and "default" in part:
            filled[name] = copy_json(part["default"])
        elif name in filled and filled[name] is None and missing:
            del filled[name]
        if name in filled:
            filled[name] = default(part, filled[name])
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        known = schema.get("properties") or {}
        filled.update({name: default(extra, part) for name, part in filled.items() if name not in known})
    return filled


def problems(schema: Manifest, obj: Manifest) -> list[Problem]:
    """Return everything that is wrong with an object."""
    found = list(_check(schema, {key: part for key, part in obj.items() if key not in _ENVELOPE}, ""))
    if not has_rules(schema):
        return found
    if any(problem.reason in _BLOCKING for problem in found):
        return [*found, UNCHECKED]
    return found + list(_rules(schema, obj, ""))


def has_rules(schema: Manifest) -> bool:
    """Whether any part of the schema has `x-kubernetes-validations`."""
    if schema.get("x-kubernetes-validations"):
        return True
    inner = [*(schema.get("properties") or {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return any(isinstance(part, dict) and has_rules(part) for part in inner)


def _check(schema: Manifest, value: Any, path: str) -> Iterator[Problem]:
    if value is None:
        if not schema.get("nullable") and path:
            yield _wrong_type(schema, "null", path)
        return
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        wanted = None
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            yield _wrong_type({"type": "integer,string"}, _type_name(value), path)
            return
    if wanted and not _is_type(value, wanted):
        yield _wrong_type(schema, _type_name(value), path)
        yield from _check_enum(schema, value, path)
        return
    yield from _check_value(schema, value, path)
    if isinstance(value, dict):
        yield from _check_object(schema, value, path)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for n, item in enumerate(value):
            yield from _check(schema["items"], item, f"{path}[{n}]")
        yield from _duplicates(schema, value, path)


def _is_type(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(wanted, (object,)))


def _type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return next((name for name, types in _TYPES.items() if isinstance(value, types)), "null")


def _wrong_type(schema: Manifest, got: str, path: str) -> Problem:
    wanted = schema.get("type", "")
    message = f'Invalid value: "{got}": {path} in body must be of type {wanted}: "{got}"'
    return Problem(path, "FieldValueTypeInvalid", message)


def _check_object(schema: Manifest, value: Manifest, path: str) -> Iterator[Problem]:
    known, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    for name in schema.get("required") or ():
        if name not in value and (path or name not in _ENVELOPE):
            yield Problem(f"{path}.{name}" if path else name, "FieldValueRequired", "Required value")
    for name, part in value.items():
        inner = known.get(name) or (extra if isinstance(extra, dict) else None)
        if inner is not None:
            yield from _check(inner, part, f"{path}.{name}" if path else name)


def _check_enum(schema: Manifest, value: Any, path: str) -> Iterator[Problem]:
    if (offered := schema.get("enum")) and value not in offered:
        listed = ", ".join(_quote(item) for item in offered)
        message = f"Unsupported value: {_quote(value)}: supported values: {listed}"
        yield Problem(path, "FieldValueNotSupported", message)


def _check_value(schema: Manifest, value: Any, path: str) -> Iterator[Problem]:
    yield from _check_enum(schema, value, path)
    yield from _too_long(schema, value, path)
    for test, text in _LIMITS:
        limit = schema.get(test)
        if limit is not None and _beyond(test, value, limit):
            message = f"Invalid value: {_quote(value)}: {path} in body {text.format(limit)}"
            yield Problem(path, "FieldValueInvalid", message)


_LIMITS = (
    ("minimum", "should be greater than or equal to {}"),
    ("maximum", "should be less than or equal to {}"),
    ("minLength", "should be at least {} chars long"),
    ("minItems", "should have at least {} items"),
    ("maxItems", "should have at most {} items"),
    ("minProperties", "should have at least {} properties"),
    ("pattern", "should match '{}'"),
)


def _too_long(schema: Manifest, value: Any, path: str) -> Iterator[Problem]:
    limit = schema.get("maxLength")
    if limit is not None and isinstance(value, str) and len(value) > limit:
        yield Problem(path, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")


def _duplicates(schema: Manifest, value: list[Any], path: str) -> Iterator[Problem]:
    """Items of sets are told apart by their value, items of maps by their keys."""
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys") or ()
    if kind not in ("set", "map"):
        return
    seen: list[Any] = []
    for n, item in enumerate(value):
        known = {key: item[key] for key in keys if key in item} if kind == "map" and isinstance(item, dict) else item
        if known in seen:
            text = f"Duplicate value: {json.dumps(known, separators=(',', ':'))}"
            yield Problem(f"{path}[{n}]", "FieldValueDuplicate", text)
        seen.append(known)


def _beyond(test: str, value: Any, limit: Any) -> bool:
    if test == "pattern":
        return isinstance(value, str) and not matches(limit, value)
    kinds: tuple[type, ...] = {"Length": (str,), "Items": (list,), "Properties": (dict,)}.get(test[3:], (int, float))
    if not isinstance(value, kinds) or isinstance(value, bool):
        return False
    size = len(value) if isinstance(value, (str, list, dict)) else value
    return bool(size < limit if test.startswith("min") else size > limit)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of a schema matches; patterns this Python cannot read match everything."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _quote(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _rules(schema: Manifest, value: Any, path: str) -> Iterator[Problem]:
    if value is None:
        return
    for rule in schema.get("x-kubernetes-validations") or ():
        if not _holds(rule["rule"], value):
            message = rule.get("message") or f"failed rule: {rule['rule'].strip()}"
            shown = '"object"' if isinstance(value, dict) else _quote(value)
            shown = '"array"' if isinstance(value, list) else shown
            yield Problem(path or "<nil>", "FieldValueInvalid", f"Invalid value: {shown}: {message}")
    if isinstance(value, dict):
        known, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for name, part in value.items():
            inner = known.get(name) or (extra if isinstance(extra, dict) else None)
            if inner is not None:
                yield from _rules(inner, part, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for n, item in enumerate(value):
            yield from _rules(schema["items"], item, f"{path}[{n}]")


def _holds(rule: str, value: Any) -> bool:
    try:
        return bool(evaluate(rule, {"self": value}))
    except UnsupportedRuleError:
        return True
