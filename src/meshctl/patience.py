"""A client that asks again after answers that may pass, one request at a time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import builtins
    from collections.abc import Callable, Sequence

    from meshctl.cluster import Client, ExecResult, Watch
    from meshctl.objects import Kind, Manifest, Ref
    from meshctl.plan import Clients
    from meshctl.waiting import Waiter

T = TypeVar("T")


class Retry(Protocol):
    """Returns what an attempt returns, trying again as it sees fit."""

    def __call__(self, attempt: Callable[[], T], /) -> T:
        """Return what the attempt returns in the end, or raise its last error."""
        ...


@dataclass(frozen=True, slots=True)
class Patient:
    """A client that asks again after answers that may pass: each request on its own, so that many can get through.

    `retry` is handed every request; reading for a mesh of many objects would hardly ever succeed as a whole on an API
    server that refuses every third request.
    """

    client: Client
    retry: Retry

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return self.client.cluster

    def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None."""
        return self.retry(lambda: self.client.get(ref))

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> builtins.list[Manifest]:
        """Return the objects of a kind."""
        return self.retry(lambda: self.client.list(kind, namespace, labels))

    def watch(self, ref: Ref) -> Watch:
        """Follow one object; a watch mends itself."""
        return self.client.watch(ref)

    def apply(
        self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = "meshctl"
    ) -> Manifest:
        """Server-side apply."""
        return self.retry(lambda: self.client.apply(manifest, force=force, dry_run=dry_run, manager=manager))

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create; after a broken connection the object may be there already, and then it is this one's."""
        return self.retry(lambda: self.client.create(manifest, dry_run=dry_run))

    def replace(self, manifest: Manifest) -> Manifest:
        """Put the whole object."""
        return self.retry(lambda: self.client.replace(manifest))

    def merge(self, ref: Ref, patch: Manifest) -> Manifest:
        """JSON merge patch."""
        return self.retry(lambda: self.client.merge(ref, patch))

    def delete(self, ref: Ref, *, uid: str = "", grace_period: int | None = None) -> bool:
        """Ask for deletion."""
        return self.retry(lambda: self.client.delete(ref, uid=uid, grace_period=grace_period))

    def exec(self, pod: str, namespace: str, container: str, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command in a container."""
        return self.retry(lambda: self.client.exec(pod, namespace, container, argv, timeout))

    def logs(self, pod: str, namespace: str, container: str, lines: int) -> str:
        """Return the last lines that a container has written."""
        return self.retry(lambda: self.client.logs(pod, namespace, container, lines))

    def allowed(
        self, verb: str, resource: str, group: str = "", namespace: str = "", subresource: str = "", name: str = ""
    ) -> bool:
        """Say whether this user may do that."""
        return self.retry(lambda: self.client.allowed(verb, resource, group, namespace, subresource, name))

    def version(self) -> str:
        """Return the server's version."""
        return self.retry(self.client.version)

    def server(self) -> str:
        """Return the API server's URL."""
        return self.client.server()

    def close(self) -> None:
        """Close the client."""
        self.client.close()


def patient(clients: Clients, waiter: Waiter, seconds: float) -> dict[str, Client]:
    """Return clients that try each request for this long."""

    def retry(attempt: Callable[[], T]) -> T:
        return waiter.retry(attempt, seconds)

    return {name: Patient(client, retry) for name, client in clients.items()}


def until(clients: Clients, waiter: Waiter, seconds: float) -> dict[str, Client]:
    """Return clients that try their requests until the same moment, in this many seconds."""
    deadline = time.monotonic() + seconds

    def retry(attempt: Callable[[], T]) -> T:
        return waiter.retry(attempt, deadline - time.monotonic())

    return {name: Patient(client, retry) for name, client in clients.items()}
