"""Which fields a built-in object may have, and of which type, as far as the messages of its kind are known here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from meshctl.lab.apiserver.protobuf import PACKAGES, Field, messages
from meshctl.objects import Manifest

_ANYTHING = frozenset({"apiVersion", "kind", "status"})
"""Top-level fields that are not looked into: statuses are not among the messages."""
_GO: Mapping[str, str] = {"s": "string", "b": "[]uint8", "t": "bool", "i": "int32", "d": "float64", "time": "string"}
_FITTING: Mapping[str, tuple[type, ...]] = {
    "s": (str,),
    "b": (str,),
    "t": (bool,),
    "i": (int,),
    "d": (int, float),
    "time": (str,),
    "intstr": (int, str),
    "quantity": (int, float, str),
}


@dataclass(frozen=True, slots=True)
class Findings:
    """The object as far as it is understood, the paths of unknown fields, and sentences about values of wrong types."""

    obj: Manifest
    unknown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def read(api_version: str, kind: str, obj: Manifest) -> Findings:
    """Read an object of a built-in kind; one whose fields are not known here is taken as it is."""
    message = f"{PACKAGES.get(api_version, '')}.{kind}"
    if message not in messages():
        return Findings(obj)
    found = Findings({})
    rest = {key: value for key, value in obj.items() if key not in _ANYTHING}
    envelope = {key: value for key, value in obj.items() if key in _ANYTHING}
    found.obj.update({**envelope, **_struct(message, rest, kind, "", found)})
    return found


@cache
def _known(message: str) -> Mapping[str, Field]:
    known: dict[str, Field] = {}
    for one in messages().get(message, {}).values():
        known.update(_known(one.type) if one.inline else {one.name: one})
    return known


def _struct(message: str, value: Manifest, go: str, path: str, found: Findings) -> Manifest:
    known = _known(message)
    kept: Manifest = {}
    for name, part in value.items():
        where = f"{path}.{name}" if path else name
        one = known.get(name)
        if one is None and known:
            found.unknown.append(where)
        else:
            kept[name] = part if one is None or part is None else _value(one, part, f"{go}.{name}", where, found)
    return kept


def _value(one: Field, value: Any, go: str, path: str, found: Findings) -> Any:
    if one.mapped and isinstance(value, dict):
        return {key: _single(one.type, part, go, f"{path}.{key}", found) for key, part in value.items()}
    if one.repeated and isinstance(value, list):
        return [_single(one.type, part, go, f"{path}[{place}]", found) for place, part in enumerate(value)]
    if one.mapped or one.repeated:
        _tell(value, "map[string]string" if one.mapped else "[]string", go, found)
        return value
    return _single(one.type, value, go, path, found)


def _single(kind: str, value: Any, go: str, path: str, found: Findings) -> Any:
    if value is None or kind in ("raw", "strings"):
        return value
    if kind not in _FITTING:
        if isinstance(value, dict):
            return _struct(kind, value, go, path, found)
        _tell(value, f"v1.{kind.rpartition('.')[2]}", go, found)
        return value
    if not isinstance(value, _FITTING[kind]) or (isinstance(value, bool) and kind != "t"):
        _tell(value, _GO.get(kind, kind), go, found)
    return value


def _tell(value: Any, wanted: str, go: str, found: Findings) -> None:
    names = ((bool, "bool"), (str, "string"), (int, "number"), (float, "number"), (list, "array"), (dict, "object"))
    got = next((name for kind, name in names if isinstance(value, kind)), "null")
    found.wrong.append(f"json: cannot unmarshal {got} into Go struct field {go} of type {wanted}")
