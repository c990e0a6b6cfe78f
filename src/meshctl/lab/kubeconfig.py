"""The user's way into the lab: a kubeconfig that `lab up` writes and `lab down` takes away again."""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from meshctl.errors import MeshctlError

MARK = "meshctl-lab"


@dataclass(frozen=True, slots=True)
class Entry:
    """How the user gets into one cluster; `token` is his password."""

    context: str
    server: str
    authority: str
    token: str = field(repr=False)


def kubeconfig(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return a kubeconfig with one context for each cluster, the first being the current one."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": entry.context, "cluster": _cluster(entry)} for entry in entries],
        "users": [{"name": entry.context, "user": {"token": entry.token}} for entry in entries],
        "contexts": [
            {"name": entry.context, "context": {"cluster": entry.context, "user": entry.context}} for entry in entries
        ],
        "current-context": entries[0].context,
        "preferences": {},
        "extensions": [{"name": MARK, "extension": {"contexts": [entry.context for entry in entries]}}],
    }


def _cluster(entry: Entry) -> dict[str, str]:
    authority = base64.b64encode(entry.authority.encode()).decode()
    return {"server": entry.server, "certificate-authority-data": authority}


def is_ours(path: Path) -> bool:
    """Say whether a file is a kubeconfig that a lab has written."""
    return bool(_our_contexts(_read(path)))


def check_writable(path: Path) -> None:
    """Raise unless there is no such file yet, or a lab has written it."""
    if path.exists() and not is_ours(path):
        raise MeshctlError(
            f"{path} is not a kubeconfig of the lab, and the lab does not write into other people's",
            hint="meshctl lab up --kubeconfig with the name of a new file",
        )


def write(path: Path, entries: Sequence[Entry]) -> None:
    """Write the file; nobody but its owner can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, yaml.safe_dump(kubeconfig(entries), sort_keys=False))


def servers(path: Path) -> list[tuple[str, str]]:
    """Return the URL and the authority's PEM of every cluster in a kubeconfig of the lab."""
    found = [entry["cluster"] for entry in (_read(path) or {}).get("clusters") or []]
    return [(one["server"], base64.b64decode(one["certificate-authority-data"]).decode()) for one in found]


def remove(path: Path) -> None:
    """Take the lab's contexts away, and with the last context the file."""
    config = _read(path)
    ours = _our_contexts(config)
    if config is None or not ours:
        return
    for kind in ("contexts", "clusters", "users"):
        config[kind] = [entry for entry in config.get(kind) or [] if entry.get("name") not in ours]
    config["extensions"] = [entry for entry in config.get("extensions") or [] if entry.get("name") != MARK]
    if not config["contexts"]:
        path.unlink(missing_ok=True)
        return
    if config.get("current-context") in ours:
        config["current-context"] = ""
    write_private(path, yaml.safe_dump(config, sort_keys=False))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, so that readers see all of it or nothing."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return config if isinstance(config, dict) else None


def _our_contexts(config: dict[str, Any] | None) -> tuple[str, ...]:
    extensions = (config or {}).get("extensions")
    for entry in extensions if isinstance(extensions, list) else ():
        if isinstance(entry, dict) and entry.get("name") == MARK:
            return tuple((entry.get("extension") or {}).get("contexts") or ())
    return ()
