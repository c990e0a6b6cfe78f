"""Everything meshctl raises on purpose, and the exit code each kind ends with.

MeshctlError                exit 1   a step failed
├── SpecError               exit 2   what was asked for is not valid; carries every problem found
├── RefusedError            exit 3   the clusters are not fit for it; nothing was written
├── NotReadyError           exit 4   waited to the deadline; says what was last seen
├── LockedError             exit 6   another run holds a cluster
├── StoppedError            exit 130 the user wants the run to stop
└── ClusterError            exit 1   a cluster answered with an error, or not at all
    ├── TransientError               worth another try: reset, timeout, 429, 5xx, webhook not serving
    ├── ConflictError                server-side apply: another manager owns the field
    │   ├── StaleError               the object changed since it was read; read it again
    │   └── AlreadyExistsError       there is an object of that name
    ├── ForbiddenError               no permission
    ├── NotFoundError                the object is not there
    │   └── UnknownKindError         the server does not serve its kind
    └── InvalidError                 the API server refused the content

5 and 7 are no errors: `verify` and `teardown` come to them as results. Nor is 10: `plan` has found something to change.
Anything else that escapes is a bug and shows its traceback.
"""

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """The documented exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    TIMEOUT = 4
    VERIFICATION = 5
    LOCKED = 6
    LEFTOVERS = 7
    CHANGES = 10
    INTERRUPTED = 130


class MeshctlError(Exception):
    """One sentence saying what is wrong, and, where there is one, the next thing to do."""

    exit_code = Exit.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(MeshctlError):
    """The spec is not valid; `problems` holds one line each, with its place first."""

    exit_code = Exit.USAGE

    def __init__(self, problems: Sequence[str], *, hint: str = "") -> None:
        super().__init__("\n".join(problems), hint=hint)
        self.problems = tuple(problems)


class RefusedError(MeshctlError):
    """The clusters are not fit for the job; nothing was written."""

    exit_code = Exit.REFUSED


class NotReadyError(MeshctlError):
    """A wait reached its deadline; the message says what was last seen."""

    exit_code = Exit.TIMEOUT


class LockedError(MeshctlError):
    """Another run holds the lock of a cluster."""

    exit_code = Exit.LOCKED


class StoppedError(MeshctlError):
    """The user wants the run to stop."""

    exit_code = Exit.INTERRUPTED


class ClusterError(MeshctlError):
    """A cluster answered with an error, or not at all.

    `status` is the HTTP status, 0 when there was no answer.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after


class TransientError(ClusterError):
    """Worth another try: connection reset, timeout, 429, 5xx, a webhook that is not serving yet."""


class ConflictError(ClusterError):
    """Another field manager owns a field, or the object changed meanwhile."""


class StaleError(ConflictError):
    """The object changed since it was read: read it again and repeat."""


class AlreadyExistsError(ConflictError):
    """There is an object of that name, perhaps one that is being deleted."""


class ForbiddenError(ClusterError):
    """The user may not do this (401 and 403)."""


class NotFoundError(ClusterError):
    """The object, or its kind, is not there (404 and 410 on anything but a watch)."""


class UnknownKindError(NotFoundError):
    """The server does not serve the kind: its CustomResourceDefinition is not installed."""


class InvalidError(ClusterError):
    """The API server refused the content (400, 422)."""
