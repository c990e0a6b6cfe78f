"""Kubeconfig files as plain entries by name, merged as kubectl merges them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

# Kubeconfigs of large platforms carry certificates for hundreds of clusters.
LARGEST = 16 * 1024 * 1024

_PARTS = {"clusters": "cluster", "users": "user", "contexts": "context"}

Entries = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, repr=False)
class Kubeconfig:
    """Entries by name, and the file of every entry by part and name.

    It has no `repr`, for the entries hold credentials.
    """

    files: tuple[str, ...]
    clusters: Entries
    users: Entries
    contexts: Entries
    origins: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, repr=False)
class _File:
    """One file, read; `entries` has the three parts, `problems` say what is wrong without showing any of it."""

    name: str
    entries: Mapping[str, Entries]
    problems: tuple[str, ...] = ()


def kubeconfig_files(named: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that count: the one that was named, else those in KUBECONFIG, else the one in the home."""
    if named:
        return (named,)
    listed = [name for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    if listed:
        return tuple(dict.fromkeys(listed))
    return (str(Path(environ.get("HOME") or Path.home()) / ".kube" / "config"),)


def read_kubeconfig(named: str, environ: Mapping[str, str]) -> tuple[Kubeconfig | None, list[str]]:
    """Return the merged files, or None and what is wrong with them.

    Of several files in KUBECONFIG those that do not exist are passed over, as kubectl does. Of two entries with one
    name the first file's counts, as a whole.
    """
    names = kubeconfig_files(named, environ)
    there = [name for name in names if Path(name).exists()]
    if not there:
        way = "" if named else " (name a file with --kubeconfig or KUBECONFIG)"
        return None, [f"{name}: no such file{way}" for name in names]
    files = [_read(name) for name in there]
    problems = [problem for file in files for problem in file.problems]
    if problems:
        return None, problems
    parts: dict[str, dict[str, Mapping[str, Any]]] = {part: {} for part in _PARTS}
    origins: dict[str, dict[str, str]] = {part: {} for part in _PARTS}
    for file in files:
        for part, known in parts.items():
            fresh = {name: entry for name, entry in file.entries[part].items() if name not in known}
            known.update(fresh)
            origins[part].update(dict.fromkeys(fresh, file.name))
    return Kubeconfig(tuple(there), **parts, origins=origins), []


def _read(name: str) -> _File:
    """Read one file. What the YAML parser says of it is not passed on: it may quote a token."""
    try:
        with Path(name).open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        return _File(name, {}, (f"{name}: can't be read: {(error.strerror or 'unknown reason').lower()}",))
    if len(content) > LARGEST:
        return _File(name, {}, (f"{name}: is larger than {LARGEST // 1024 // 1024} MiB",))
    try:
        # The C parser is some ten times faster, where it is there.
        data = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(content).get_single_data()
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        return _File(name, {}, (f"{name}{line}: is not valid YAML",))
    except (yaml.YAMLError, ValueError, RecursionError):
        return _File(name, {}, (f"{name}: is not valid YAML",))
    if data is not None and not isinstance(data, dict):
        return _File(name, {}, (f"{name}: is not a kubeconfig",))
    return _parts(name, data or {})


def _parts(name: str, data: Mapping[str, Any]) -> _File:
    problems: list[str] = []
    parts: dict[str, Entries] = {}
    for part, kind in _PARTS.items():
        entries: dict[str, Mapping[str, Any]] = {}
        for entry_name, entry in _entries(data.get(part), kind):
            if entry_name is None:
                problems.append(f"{name}: {part} must be a list of entries with name and {kind}")
            elif entry_name in entries:
                problems.append(f"{name}: two {part} are called {entry_name}")
            else:
                entries[entry_name] = entry
        parts[part] = entries
    return _File(name, parts, tuple(problems))


def _entries(part: Any, kind: str) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Yield the entries of one part by name; the name is None where something is not as it should be."""
    if part is None:
        return
    if not isinstance(part, list):
        yield None, {}
        return
    for item in part:
        entry = item.get(kind, {}) if isinstance(item, dict) else None
        name = item.get("name") if isinstance(item, dict) else None
        if isinstance(name, str) and isinstance(entry, dict | None):
            yield name, entry or {}
        else:
            yield None, {}
