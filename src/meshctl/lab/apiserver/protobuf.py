"""Reading the protobuf bodies that kubectl's typed commands send (`create namespace`, `auth can-i`, `create token` …).

The field numbers are in `data/protobuf.txt`: one message a line, `name=number[marks]:type`, taken from the published
definitions of the Kubernetes API. Marks: `*` repeated, `%` a map, `+` inline in JSON, `?` optional (a zero is kept).
Answers are always JSON, which these clients accept.
"""

import base64
import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from meshctl.lab.apiserver.status import bad_request
from meshctl.objects import Manifest

MEDIA = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
PACKAGES: Mapping[str, str] = {
    "v1": "core",
    "apps/v1": "apps",
    "batch/v1": "batch",
    "rbac.authorization.k8s.io/v1": "rbac",
    "policy/v1": "policy",
    "scheduling.k8s.io/v1": "sched",
    "networking.k8s.io/v1": "net",
    "autoscaling/v2": "as2",
    "autoscaling/v1": "as1",
    "authentication.k8s.io/v1": "authn",
    "authorization.k8s.io/v1": "authz",
    "coordination.k8s.io/v1": "coord",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    type: str
    repeated: bool
    mapped: bool
    inline: bool
    optional: bool


@cache
def messages() -> Mapping[str, Mapping[int, Field]]:
    """Return the known messages, by `package.Name`, with their fields by number."""
    text = resources.files("meshctl.lab").joinpath("data/protobuf.txt").read_text("ascii")
    return {name: dict(map(_field, fields)) for name, *fields in (line.split() for line in text.splitlines())}


def _field(text: str) -> tuple[int, Field]:
    name, _, rest = text.partition("=")
    marked, _, kind = rest.partition(":")
    number = marked.rstrip("*%+?")
    marks = marked[len(number) :]
    return int(number), Field(name, kind, "*" in marks, "%" in marks, "+" in marks, "?" in marks)


def decode(body: bytes) -> Manifest:
    """Return the object in a protobuf body; raise 400."""
    try:
        return _decode(body)
    except (IndexError, struct.error, UnicodeDecodeError, ValueError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from error


def _decode(body: bytes) -> Manifest:
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    envelope = dict(_wire(body[len(_MAGIC) :]))
    names = {number: value.decode() for number, value in _wire(envelope.get(1, b""))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    package = "meta" if kind == "DeleteOptions" else PACKAGES.get(api_version, "")
    message = f"{package}.{kind}"
    if message not in messages():
        raise bad_request(f"the lab cannot read {kind} in {api_version} as protobuf")
    return {"apiVersion": api_version, "kind": kind, **_message(message, envelope.get(2, b""))}


def _wire(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield field numbers and raw values: integers, or bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        match tag & 7:
            case 0:
                value, place = _varint(data, place)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, data[place : place + 8]
                place += 8
            case 2:
                size, place = _varint(data, place)
                yield tag >> 3, data[place : place + size]
                place += size
            case 5:
                yield tag >> 3, data[place : place + 4]
                place += 4
            case wire:
                raise ValueError(f"wire type {wire}")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place


def _message(name: str, data: bytes) -> Manifest:
    known = messages().get(name, {})
    found: Manifest = {}
    for number, raw in _wire(data):
        field = known.get(number)
        if field is not None:
            _put(found, field, raw)
    return found


def _put(found: Manifest, field: Field, raw: Any) -> None:
    if field.mapped:
        entry = dict(_wire(raw))
        found.setdefault(field.name, {})[entry.get(1, b"").decode()] = _value(field.type, entry.get(2, b""))
        return
    value = _value(field.type, raw)
    if field.repeated:
        found.setdefault(field.name, []).append(value)
    elif field.inline:
        found.update(value)
    elif field.optional or value not in ("", 0, False, {}, None):
        found[field.name] = value


def _value(kind: str, raw: Any) -> Any:
    scalar = _SCALARS.get(kind)
    return scalar(raw) if scalar else _message(kind, raw)


def _integer(raw: Any) -> int:
    if not isinstance(raw, int):
        return 0
    return raw - (1 << 64) if raw >= 1 << 63 else raw


def _time(raw: bytes) -> str | None:
    seconds = dict(_wire(raw)).get(1)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def _int_or_string(raw: bytes) -> int | str:
    found = dict(_wire(raw))
    return str(found.get(3, b"").decode()) if found.get(1) else _integer(found.get(2, 0))


def _raw_json(raw: bytes) -> Any:
    data = dict(_wire(raw)).get(1, b"")
    return json.loads(data) if data else None


_SCALARS: Mapping[str, Callable[[Any], Any]] = {
    "s": lambda raw: raw.decode(),
    "b": lambda raw: base64.b64encode(raw).decode(),
    "t": bool,
    "i": _integer,
    "d": lambda raw: struct.unpack("<d", raw)[0],
    "time": _time,
    "intstr": _int_or_string,
    "quantity": lambda raw: dict(_wire(raw)).get(1, b"").decode(),
    "raw": _raw_json,
    "strings": lambda raw: [item.decode() for _, item in _wire(raw)],
}
