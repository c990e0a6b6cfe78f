"""What meshctl may ask of one cluster, so that nobody who asks needs to know which library carries it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from meshctl.objects import Kind, Manifest, Ref


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What a command in a container printed, and its exit code."""

    stdout: str
    stderr: str
    code: int


@dataclass(frozen=True, slots=True)
class Request:
    """One request as `--verbose` shows it. `status` is 0 when there was no answer."""

    cluster: str
    method: str
    path: str
    status: int
    milliseconds: float


class Watch(Protocol):
    """One object, followed: as it is now, then as it is after every change, for ever.

    None means that it is not there. A broken connection is mended without a word; what cannot be mended (no permission,
    no such kind) is raised where it is iterated.
    """

    @property
    def trouble(self) -> str:
        """Why nothing can be seen at the moment (`connection refused …`), or nothing at all while all is well."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __iter__(self) -> Iterator[Manifest | None]:
        """Iterate once, in one thread; the iteration ends when the watch is closed."""
        ...

    def close(self) -> None:
        """End the iteration at once, from whichever thread."""
        ...


class Client(Protocol):
    """One cluster. Every method may be called from many threads, and raises ClusterError and its kinds only."""

    @property
    def cluster(self) -> str:
        """The cluster's name, which every error begins with."""
        ...

    def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None when it is not there; raise UnknownKindError when its kind is not served."""
        ...

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> builtins.list[Manifest]:
        """Return the objects of a kind, of all namespaces or of one, that the label selector takes."""
        ...

    def watch(self, ref: Ref) -> Watch:
        """Follow one object. Nothing is asked before the watch is iterated."""
        ...

    def apply(
        self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = "meshctl"
    ) -> Manifest:
        """Server-side apply; raise ConflictError naming the other managers unless `force` takes their fields over."""
        ...

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create; raise AlreadyExistsError."""
        ...

    def replace(self, manifest: Manifest) -> Manifest:
        """Put the whole object; raise StaleError when its resourceVersion is not the latest."""
        ...

    def merge(self, ref: Ref, patch: Manifest) -> Manifest:
        """JSON merge patch: None takes a key away."""
        ...

    def delete(self, ref: Ref, *, uid: str = "", grace_period: int | None = None) -> bool:
        """Ask for deletion; False when the object (the one with this uid) is not there."""
        ...

    def exec(self, pod: str, namespace: str, container: str, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command in a container; a non-zero exit code is a result, not an error."""
        ...

    def logs(self, pod: str, namespace: str, container: str, lines: int) -> str:
        """Return the last lines that a container has written; an empty text when its pod has no node yet."""
        ...

    def allowed(
        self, verb: str, resource: str, group: str = "", namespace: str = "", subresource: str = "", name: str = ""
    ) -> bool:
        """Say whether this user may do that, to the object called `name` if that is given."""
        ...

    def version(self) -> str:
        """Return the server's version, like `v1.34.2`."""
        ...

    def server(self) -> str:
        """Return the API server's URL as the kubeconfig has it."""
        ...

    def close(self) -> None:
        """Close the idle connections and end the watches that are still open."""
        ...
