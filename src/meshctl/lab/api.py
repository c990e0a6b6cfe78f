"""What a controller of the lab may do to a cluster, whichever kind of API server answers.

Controllers are written against this protocol alone, so the same code runs in the lab's own process and attached to a
real kube-apiserver.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from meshctl.objects import Kind, Manifest, Ref

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch. `obj` is the object after the change; for DELETED the last state."""

    type: EventType
    obj: Manifest


class ApiError(Exception):
    """An API server's refusal: its HTTP status, reason and message, as in a `v1 Status`."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message


class Api(Protocol):
    """One cluster's API, as seen by one client with its own field manager (`manager`)."""

    async def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None when it is not there."""
        ...

    async def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """Return the objects of a kind, in all namespaces or in one, with these labels."""
        ...

    def watch(self, kind: Kind, namespace: str = "") -> AsyncIterator[Change]:
        """Yield what is there now as ADDED, then every change, for ever (re-listing by itself when a stream breaks)."""
        ...

    async def create(self, obj: Manifest) -> Manifest:
        """Create; raise ApiError 409 AlreadyExists."""
        ...

    async def update(self, obj: Manifest) -> Manifest:
        """Replace; raise ApiError 409 Conflict when metadata.resourceVersion is given and stale."""
        ...

    async def update_status(self, obj: Manifest) -> Manifest:
        """Replace the status subresource only."""
        ...

    async def merge(self, ref: Ref, patch: Manifest, *, status: bool = False) -> Manifest:
        """JSON merge patch, of the object or of its status subresource; raise ApiError 404."""
        ...

    async def delete(self, ref: Ref, *, uid: str = "", grace: int | None = None) -> bool:
        """Delete; False when it is not there (or the uid differs).

        `grace` is gracePeriodSeconds: a kubelet ends a pod's termination with 0.
        """
        ...
