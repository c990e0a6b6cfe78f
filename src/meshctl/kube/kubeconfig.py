"""Cuts out of the kubeconfig the one context that is asked for.

The official loader then sees a kubeconfig of one context: it parses a page instead of a book (40 ms for 31 contexts,
each time), and writes no key into a temporary file that a killed process would leave behind.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from meshctl.errors import SpecError
from meshctl.objects import Manifest
from meshctl.spec.kubeconfig import Kubeconfig, kubeconfig_files, read_kubeconfig

_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Context:
    """One context of a kubeconfig: its cluster and its user, file names made absolute."""

    name: str
    cluster: Manifest
    user: Manifest


def files(kubeconfig: str) -> tuple[str, ...]:
    """Return the files that make up the kubeconfig: the named one, else KUBECONFIG's, else the usual one."""
    return kubeconfig_files(kubeconfig, os.environ)


def contexts(kubeconfig: str = "") -> list[str]:
    """Return the names of the contexts there are."""
    return list(_load(kubeconfig).contexts)


def context(name: str, kubeconfig: str = "") -> Context:
    """Return one context; raise SpecError when it, or what it refers to, is not there."""
    config = _load(kubeconfig)
    if name not in config.contexts:
        known = ", ".join(config.contexts) or "none"
        raise SpecError([f"context {name} is not in the kubeconfig"], hint=f"there are: {known}")
    cluster, user = (str(config.contexts[name].get(key) or "") for key in ("cluster", "user"))
    if not config.clusters.get(cluster, {}).get("server"):
        raise SpecError([f"context {name} in the kubeconfig has no cluster with a server"])
    return Context(name, _absolute(config, "clusters", cluster), _absolute(config, "users", user))


def _load(kubeconfig: str) -> Kubeconfig:
    config, problems = read_kubeconfig(kubeconfig, os.environ)
    if config is None:
        raise SpecError([f"kubeconfig: {problem}" for problem in problems])
    return config


def _absolute(config: Kubeconfig, part: str, name: str) -> Manifest:
    """Return the entry with its file names made absolute: they are meant relative to the kubeconfig."""
    entries = config.clusters if part == "clusters" else config.users
    if name not in entries:
        return {}
    entry = entries[name]
    folder = Path(config.origins[part][name]).expanduser().absolute().parent
    paths: Manifest = {key: str(folder / Path(entry[key])) for key in _FILES if entry.get(key)}
    plugin = entry.get("exec")
    if isinstance(plugin, dict) and os.sep in str(plugin.get("command", "")):
        paths["exec"] = {**plugin, "command": str(folder / plugin["command"])}
    return {**entry, **paths}
