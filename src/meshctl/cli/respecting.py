"""Clients that leave other managers' fields alone: a repair mends what was edited by hand, not what a tool keeps so."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from meshctl.changes.compare import Path, differences, laid_over
from meshctl.changes.owners import owners_of
from meshctl.cluster import Client
from meshctl.errors import ConflictError
from meshctl.kube.status import FORCE_HINT
from meshctl.names import FIELD_MANAGER, KINDS
from meshctl.objects import Manifest, Ref
from meshctl.patience import Patient
from meshctl.plan import Clients

T = TypeVar("T")

BY_HAND = "kubectl"
"""What the names of kubectl's own managers begin with: `kubectl`, `kubectl-edit`, `kubectl-client-side-apply` …"""


@dataclass(frozen=True, slots=True)
class Respectful(Patient):
    """A client that raises ConflictError before it changes a field that somebody else's tool owns."""

    def apply(
        self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = FIELD_MANAGER
    ) -> Manifest:
        """Server-side apply; `force` takes over what was set by hand, and nothing else."""
        live = self.get(ref_of(manifest)) if force and not dry_run else None
        if live is not None:
            wanted = self.client.apply(manifest, force=True, dry_run=True, manager=manager)
            refuse_theirs(self.cluster, live, wanted)
        return self.client.apply(manifest, force=force, dry_run=dry_run, manager=manager)

    def merge(self, ref: Ref, patch: Manifest) -> Manifest:
        """JSON merge patch."""
        live = self.get(ref)
        if live is not None:
            refuse_theirs(self.cluster, live, laid_over(live, patch))
        return self.client.merge(ref, patch)


def respectful(clients: Clients) -> dict[str, Client]:
    """Return clients that leave other managers' fields alone."""
    return {name: Respectful(client, at_once) for name, client in clients.items()}


def at_once(attempt: Callable[[], T]) -> T:
    """Return what the attempt returns: whoever uses the client tries again."""
    return attempt()


def refuse_theirs(cluster: str, live: Manifest, wanted: Manifest) -> None:
    """Raise ConflictError when a change of an object would touch a field that somebody else's tool owns."""
    fields: dict[str, list[str]] = defaultdict(list)
    for one in differences(live, wanted):
        for owner in filter(is_other, owners_of(live, one.path)):
            fields[owner].append(place(one.path))
    if fields:
        theirs = "; ".join(f'"{owner}" owns {", ".join(owned)}' for owner, owned in fields.items())
        msg = f"{cluster}: conflict: {theirs}"
        raise ConflictError(msg, hint=FORCE_HINT)


def is_other(manager: str) -> bool:
    """Say whether a field manager is neither meshctl nor somebody at a keyboard."""
    return not any(manager == own or manager.startswith(f"{own}-") for own in (FIELD_MANAGER, BY_HAND))


def place(path: Path) -> str:
    """Return a path as API servers write it in a conflict: `.metadata.labels.app`."""
    return "".join(f".{part}" if isinstance(part, str) else f"[{part.label}]" for part in path)


def ref_of(manifest: Manifest) -> Ref:
    """Return which object a manifest is about."""
    kind = next(one for one in KINDS if (one.api_version, one.name) == (manifest["apiVersion"], manifest["kind"]))
    return Ref(kind, manifest["metadata"]["name"], manifest["metadata"].get("namespace", ""))
