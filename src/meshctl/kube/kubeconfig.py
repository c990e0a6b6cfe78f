"""Reads a kubeconfig the way kubectl does, and cuts out the one context that is asked for.

The official loader then sees a kubeconfig of one context: it parses a page instead of a book (40 ms for 31 contexts,
each time), and writes no key into a temporary file that a killed process would leave behind.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from meshctl.errors import SpecError
from meshctl.objects import Manifest, dig

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Context:
    """One context of a kubeconfig: its cluster and its user, file names made absolute."""

    name: str
    cluster: Manifest
    user: Manifest


def files(kubeconfig: str) -> list[Path]:
    """Return the files that make up the kubeconfig: the named one, else KUBECONFIG's, else the usual one."""
    if kubeconfig:
        return [Path(kubeconfig).expanduser()]
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(part).expanduser() for part in listed or ["~/.kube/config"]]


def contexts(kubeconfig: str = "") -> list[str]:
    """Return the names of the contexts there are."""
    names = (entry.get("name") for _, config in _load(kubeconfig) for entry in _entries(config, "contexts"))
    return list(dict.fromkeys(str(name) for name in names))


def context(name: str, kubeconfig: str = "") -> Context:
    """Return one context; raise SpecError when it, or what it refers to, is not there."""
    configs = _load(kubeconfig)
    entry, _ = _find(configs, "contexts", name)
    if entry is None:
        known = ", ".join(contexts(kubeconfig)) or "none"
        raise SpecError([f"context {name} is not in the kubeconfig"], hint=f"there are: {known}")
    cluster, cluster_file = _find(configs, "clusters", dig(entry, "context", "cluster"))
    user, user_file = _find(configs, "users", dig(entry, "context", "user"))
    if not dig(cluster, "cluster", "server"):
        raise SpecError([f"context {name} in the kubeconfig has no cluster with a server"])
    return Context(
        name,
        _absolute(dig(cluster, "cluster"), cluster_file),
        _absolute(dig(user, "user"), user_file),
    )


def _load(kubeconfig: str) -> list[tuple[Path, Manifest]]:
    paths = files(kubeconfig)
    found = [(path, _parse(path)) for path in paths if path.exists()]
    if not found:
        listed = ", ".join(str(path) for path in paths)
        raise SpecError([f"kubeconfig: no such file: {listed}"], hint="name it with --kubeconfig or KUBECONFIG")
    return found


def _parse(path: Path) -> Manifest:
    # YAML's own messages quote the line, which may be a token: say where, not what.
    try:
        config = _yaml(path.read_text())
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", -1) + 1
        raise SpecError([f"kubeconfig: {path} is not valid YAML (line {line})"]) from error
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "not text"
        raise SpecError([f"kubeconfig: cannot read {path}: {why}"]) from error
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise SpecError([f"kubeconfig: {path} is not a kubeconfig"])
    return config


def _yaml(text: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _entries(config: Manifest, section: str) -> list[Manifest]:
    entries = config.get(section)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _find(configs: list[tuple[Path, Manifest]], section: str, name: str | None) -> tuple[Manifest | None, Path]:
    """Return the first entry of that name, as kubectl does when files disagree, and the file it is in."""
    for path, config in configs:
        for entry in _entries(config, section):
            if entry.get("name") == name:
                return entry, path
    return None, Path()


def _absolute(entry: object, file: Path) -> Manifest:
    """Return the entry with its file names made absolute: they are meant relative to the kubeconfig."""
    if not isinstance(entry, dict):
        return {}
    folder = file.absolute().parent
    paths: Manifest = {key: str(folder / Path(entry[key])) for key in _FILES if entry.get(key)}
    plugin = entry.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        paths["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return {**entry, **paths}
