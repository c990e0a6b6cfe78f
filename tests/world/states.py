"""The state of a lab as data that two labs can be compared by: every object, without what no two labs can share.

What is taken out is named here, and nothing else is: identities, clocks, chance (generated names, tokens, keys,
certificates), the numbers of Helm's releases, and addresses that are given in the order of asking. What refers to
something else by such a value refers to it by a placeholder instead, so who refers to whom is still compared.
"""

import base64
import binascii
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from meshctl.objects import Manifest, dig
from tests.labs import ThreadLab

Key = tuple[str, str, str, str]
"""Context, kind, namespace, name."""

State = Mapping[Key, list[Any]]
"""The objects by key; several where generated names are alike."""

WORD = re.compile(r"[\w-]+(?:\.[\w-]+)*")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\s*", re.DOTALL)
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")
TOKEN_VOLUME = re.compile(r"kube-api-access-[a-z0-9]{5}")
RELEASE = re.compile(r"(sh\.helm\.release\.v1\.[\w-]+\.v)\d+")
HISTORY = frozenset({"resourceVersion", "managedFields"})
COUNTED = frozenset({"modifiedAt", "version"})
"""Labels by which Helm numbers and dates its releases."""


def state_of(lab: ThreadLab, contexts: Iterable[str] = ("east", "west")) -> State:
    """Return everything there is in a lab's clusters, of every kind that is served there."""
    state: dict[Key, list[Any]] = defaultdict(list)
    for context in contexts:
        objects = lab.objects(context)
        names = placeholders(objects)
        for obj in objects:
            plain = normal(obj, names)
            meta = plain["metadata"]
            state[context, plain["kind"], meta.get("namespace", ""), meta["name"]].append(plain)
    return {key: sorted(found, key=lambda one: json.dumps(one, sort_keys=True)) for key, found in state.items()}


def placeholders(objects: Iterable[Manifest]) -> dict[str, str]:
    """Return what stands for each value of chance in a cluster: UIDs, generated names, addresses."""
    found: dict[str, str] = {}
    for obj in objects:
        meta, kind, named = obj["metadata"], obj["kind"], stem(obj)
        labels = meta.get("labels") or {}
        found[meta["uid"]] = f"<uid of {kind}>"
        found |= {
            labels[name]: "<hash>" for name in ("pod-template-hash", "controller-revision-hash") if name in labels
        }
        if named != meta["name"]:
            found[meta["name"]] = named
            found |= {base: named.removesuffix("*") for base in (meta.get("generateName"),) if base}
        found |= dict.fromkeys(addresses(obj), f"<address of {kind} {named}>")
    return found


def stem(obj: Manifest) -> str:
    """Return an object's name without what chance, or a count, has put into it."""
    meta = obj["metadata"]
    name, digest = str(meta["name"]), dig(meta, "labels", "pod-template-hash")
    if meta.get("generateName"):
        name = f"{meta['generateName']}*"
    if obj["kind"] == "Event":
        name = f"{name.rpartition('.')[0]}.*"
    return name.replace(f"-{digest}", "-<hash>") if digest else RELEASE.sub(r"\1*", name)


def addresses(obj: Manifest) -> set[str]:
    """Return the addresses that a cluster has given an object, in the order of asking."""
    given: set[Any] = set()
    if obj["kind"] == "Service":
        given = {dig(obj, "spec", "clusterIP"), *(dig(obj, "spec", "clusterIPs") or ())}
    if obj["kind"] == "Pod":
        given = {dig(obj, "status", "podIP")} - {dig(obj, "status", "hostIP")}
    return {str(ip) for ip in given if ip and ip != "None"}


def normal(obj: Manifest, names: Mapping[str, str]) -> Any:
    """Return an object without its identity and its history."""
    meta = {**obj["metadata"], "name": stem(obj)}
    plain = {**obj, "metadata": meta}
    if obj["kind"] == "Secret":
        plain["data"] = {key: opened(value) for key, value in (obj.get("data") or {}).items()}
        if dig(meta, "labels", "owner") == "helm":
            meta["labels"] = {k: "<count>" if k in COUNTED else v for k, v in meta["labels"].items()}
            plain["data"]["release"]["version"] = "<count>"
    return masked(plain, names)


def opened(value: str) -> Any:
    """Return what a Secret's value holds: a kubeconfig or a Helm release as data, else text."""
    raw = base64.b64decode(value, validate=True)
    if raw.startswith(b"H4sI"):
        return json.loads(gzip.decompress(base64.b64decode(raw)))
    text = raw.decode()
    return yaml.safe_load(text) if "kind: Config" in text else text


def masked(value: Any, names: Mapping[str, str]) -> Any:
    """Return a value with placeholders for chance and time in all its texts; JSON in a text counts as data."""
    if isinstance(value, dict):
        return {masked(key, names): masked(one, names) for key, one in value.items() if key not in HISTORY}
    if isinstance(value, list):
        return [masked(one, names) for one in value]
    if not isinstance(value, str):
        return value
    if value.startswith("{") and value.rstrip().endswith("}"):
        return masked(json.loads(value), names)
    text = pem_of(value)
    for pattern, mask in (
        (PEM, r"<\1>"),
        (JWT, "<token>"),
        (TIME, "<time>"),
        (TOKEN_VOLUME, "kube-api-access-*"),
        (RELEASE, r"\1*"),
    ):
        text = pattern.sub(mask, text)
    return WORD.sub(lambda word: names.get(word[0], word[0]), text)


def pem_of(text: str) -> str:
    """Return base64 of PEM as PEM, and any other text as it is."""
    try:
        return base64.b64decode(text, validate=True).decode() if text.startswith("LS0tLS1CRUdJTi") else text
    except (binascii.Error, UnicodeDecodeError):
        return text


# --- comparing -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two states differ. `path` is empty when there are more objects on one side than on the other."""

    key: Key
    path: str
    one: Any
    other: Any

    def __str__(self) -> str:
        context, kind, namespace, name = self.key
        return f"{context} {kind} {namespace}/{name} {self.path}: {self.one!r:.300} | {self.other!r:.300}"


def differences(one: State, other: State) -> list[Difference]:
    """Return every place where two states differ."""
    return [
        difference
        for key in sorted({*one, *other})
        for difference in _objects(key, one.get(key, []), other.get(key, []))
    ]


def _objects(key: Key, one: list[Any], other: list[Any]) -> Iterator[Difference]:
    if len(one) != len(other):
        yield Difference(key, "", len(one), len(other))
        return
    for left, right in zip(one, other, strict=True):
        yield from _values(key, "", left, right)


def _values(key: Key, path: str, one: Any, other: Any) -> Iterator[Difference]:
    if isinstance(one, list) and isinstance(other, list):
        one, other = by_name(one), by_name(other)
        if [name for name in one if name in other] != [name for name in other if name in one]:
            yield Difference(key, f"{path}[order]", list(one), list(other))
    # What is missing on one side differs leaf by leaf, so that a difference names what it is about.
    if any(isinstance(side, dict) and side for side in (one, other)) and all(
        side is None or isinstance(side, dict) for side in (one, other)
    ):
        for name in sorted({*(one or {}), *(other or {})}):
            yield from _values(key, f"{path}.{name}", (one or {}).get(name), (other or {}).get(name))
    elif one != other:
        yield Difference(key, path, one, other)


def by_name(items: list[Any]) -> dict[str, Any]:
    """Return a list's items by their names or types where they have them, else by their places."""
    for field in ("name", "type"):
        names = [item.get(field) for item in items if isinstance(item, dict)]
        if len(names) == len(items) == len(set(names)) and None not in names:
            return dict(zip(map(str, names), items, strict=True))
    return {str(place): item for place, item in enumerate(items)}
