"""Write kubeconfig files with everything embedded, so that they stay valid wherever they are copied."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from .certificates import KeyPair

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Context:
    """One context: a cluster and the user who goes there, both called after it."""

    name: str
    server: str
    certificate_authority: bytes
    client: KeyPair

    def cluster(self) -> dict[str, object]:
        """Render the entry under `clusters`."""
        authority = _base64(self.certificate_authority)
        return {
            "name": self.name,
            "cluster": {"server": self.server, "certificate-authority-data": authority},
        }

    def user(self) -> dict[str, object]:
        """Render the entry under `users`."""
        certificate, key = _base64(self.client.certificate), _base64(self.client.key)
        return {
            "name": self.name,
            "user": {"client-certificate-data": certificate, "client-key-data": key},
        }

    def context(self) -> dict[str, object]:
        """Render the entry under `contexts`."""
        return {"name": self.name, "context": {"cluster": self.name, "user": self.name}}


def render(contexts: Sequence[Context]) -> str:
    """Render one kubeconfig with all the contexts; the first is the current one."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [context.cluster() for context in contexts],
        "users": [context.user() for context in contexts],
        "contexts": [context.context() for context in contexts],
        "current-context": contexts[0].name,
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_private(path: Path, content: bytes) -> Path:
    """Write a file only its owner can read from its first byte on, whatever the umask says."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    return path


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
