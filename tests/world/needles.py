"""What must never be read anywhere: the actual values of tokens, keys and credentials, in every form they may slip out.

A value is looked for piece by piece, as it is and in base64: a log that cuts it, or escapes its line ends, still shows.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PIECE = 40
SHORTEST = 16
PUBLIC = frozenset({"ca.crt", "ca-cert.pem", "cert-chain.pem", "root-cert.pem", "namespace"})
"""Keys of Secrets whose values every pod may read: certificates, and the name of a namespace."""

HELM_RELEASE = "helm.sh/release.v1"
"""Secrets that only say what the operator has installed."""

CREDENTIALS = ("token", "client-key-data", "password")
MARKERS = "-----"


def of_kubeconfig(text: str) -> set[str]:
    """Return the needles of a kubeconfig: the credentials of its users."""
    users = (yaml.safe_load(text) or {}).get("users") or []
    found = (str(one["user"][key]) for one in users for key in CREDENTIALS if one["user"].get(key))
    return {needle for value in found for needle in of_value(value.encode())}


def of_secrets(objects: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the needles of Secrets: all they hold, but what is public; of a kubeconfig in them, its credentials."""
    found: set[str] = set()
    for obj in objects:
        if obj.get("type") == HELM_RELEASE:
            continue
        for key, encoded in (obj.get("data") or {}).items():
            if key in PUBLIC:
                continue
            raw = base64.b64decode(encoded)
            found |= set(pieces(encoded)) | set(pieces(base64.b64encode(encoded.encode()).decode()))
            found |= of_kubeconfig(raw.decode()) if raw.startswith(b"apiVersion") else of_value(raw)
    return found


def of_files(folder: Path) -> set[str]:
    """Return the needles of the private keys in a folder."""
    return {needle for path in folder.rglob("*key.pem") for needle in of_value(path.read_bytes())}


def of_value(raw: bytes) -> set[str]:
    """Return the needles of one secret value; of a text each line counts, but a PEM file's first and last."""
    encoded = base64.b64encode(raw).decode()
    lines = [line for line in raw.decode("latin-1").splitlines() if not line.startswith(MARKERS)]
    return {*pieces(encoded), *(piece for line in lines for piece in pieces(line))}


def pieces(text: str) -> Iterator[str]:
    """Cut a text; what is shorter than a piece is one, unless it is so short that it may be anything."""
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        if len(piece) >= SHORTEST:
            yield piece


def showing(texts: Mapping[str, str], needles: Iterable[str]) -> list[str]:
    """Return the names of the texts that show any needle."""
    wanted = tuple(needles)
    return [name for name, text in texts.items() if any(needle in text for needle in wanted)]
