"""What kubeconfig files say about the contexts of a mesh, read without a Kubernetes client and without credentials."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshctl.spec.addresses import server_problem

# Kubeconfigs of large platforms carry certificates for hundreds of clusters.
LARGEST = 16 * 1024 * 1024
MOST_NAMES = 20

_LISTS = {"clusters": "cluster", "users": "user", "contexts": "context"}


@dataclass(frozen=True, slots=True)
class ContextInfo:
    """One context: where it leads and how, never with what credentials.

    `file` is the kubeconfig that has it. URLs are without user names and passwords.
    """

    name: str
    cluster: str
    user: str
    server: str
    file: str
    namespace: str = ""
    proxy_url: str = ""
    tls_server_name: str = ""
    has_exec_auth: bool = False
    has_certificate_authority: bool = False
    insecure: bool = False

    @property
    def foreign_problem(self) -> str:
        """Say why another cluster can't use this server's URL; empty when it may."""
        return server_problem(self.server)


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One or more kubeconfig files, merged as kubectl does: of entries with the same name the first counts."""

    files: tuple[str, ...]
    clusters: Mapping[str, Mapping[str, Any]]
    users: Mapping[str, Mapping[str, Any]]
    contexts: Mapping[str, Mapping[str, Any]]
    homes: Mapping[str, str]

    def __repr__(self) -> str:
        # The entries hold credentials.
        return f"Kubeconfig({', '.join(self.files)})"


@dataclass(frozen=True, slots=True)
class _Unusable(Exception):  # noqa: N818
    text: str


def kubeconfig_files(kubeconfig: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files to read: the one that was named, else those of KUBECONFIG, else the one in the home directory."""
    if kubeconfig:
        return (kubeconfig,)
    listed = [name for name in environ.get("KUBECONFIG", "").split(os.pathsep) if name]
    if listed:
        return tuple(dict.fromkeys(listed))
    return (str(Path(environ.get("HOME") or Path.home()) / ".kube" / "config"),)
