"""What an API server of the lab asks of the world around it, and what it tells; the lab provides these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from meshctl.lab.api import EventType
from meshctl.objects import Kind, Manifest


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One HTTP request, before it is answered."""

    cluster: str
    user: str
    method: str
    path: str
    query: Mapping[str, str]
    agent: str


@dataclass(frozen=True, slots=True)
class Answered:
    """One HTTP request, after it was answered (a watch: when it began). `status` 0: the connection was cut."""

    time: float
    cluster: str
    user: str
    method: str
    path: str
    status: int
    seconds: float
    query: Mapping[str, str] = field(default_factory=dict)
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """One write that changed an object. `time` is the event loop's clock's (time.monotonic)."""

    time: float
    cluster: str
    type: EventType
    kind: Kind
    namespace: str
    name: str
    before: Manifest | None
    after: Manifest | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One right a user needs. An empty `path` means a resource request."""

    cluster: str
    user: str
    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How a request is spoilt: it hangs as long as this is said, waits `delay` s, then is cut or answered `status`."""

    delay: float = 0.0
    hang: bool = False
    reset: bool = False
    status: int = 0
    message: str = ""
    retry_after: int | None = None


class WebhookUnreachableError(Exception):
    """An admission webhook gave no usable answer; `text` is what follows the URL in the API server's message."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class WebhookRejectedError(Exception):
    """An admission webhook's server answered with an error of its own; `text` is all there is to say, without a URL."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class CallWebhook(Protocol):
    """Sends an AdmissionReview to a `clientConfig` and returns the AdmissionReview that answers it.

    Raises WebhookUnreachableError or WebhookRejectedError.
    """

    async def __call__(self, config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
        """`path` is the clientConfig's; `timeout` the webhook's, in seconds."""
        ...


class Exec(Protocol):
    """Runs a command in a container; returns stdout, stderr and the exit code. Raises ApiError."""

    async def __call__(
        self, namespace: str, pod: str, container: str, argv: Sequence[str], stdin: bytes = b""
    ) -> tuple[bytes, bytes, int]:
        """`container` is never empty: the API server has chosen the default one."""
        ...


class Logs(Protocol):
    """Returns what a container has written. Raises ApiError."""

    async def __call__(self, namespace: str, pod: str, container: str) -> bytes:
        """`container` is never empty."""
        ...


async def refuse_webhook(config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
    """Refuse like an address where nobody listens."""
    del config, path, timeout, review
    raise WebhookUnreachableError("dial tcp: connect: connection refused")


async def exec_nothing(
    namespace: str, pod: str, container: str, argv: Sequence[str], stdin: bytes = b""
) -> tuple[bytes, bytes, int]:
    """Succeed without a word."""
    del namespace, pod, container, argv, stdin
    return b"", b"", 0


async def no_logs(namespace: str, pod: str, container: str) -> bytes:
    """Return nothing."""
    del namespace, pod, container
    return b""


def undisturbed(seen: Seen) -> Disturbance | None:
    """Leave every request alone."""
    del seen
    return None


def nothing_denied(asked: Asked) -> bool:
    """Leave rights to the roles."""
    del asked
    return False


def forget_request(answered: Answered) -> None:
    """Take no note of a request."""
    del answered


def forget_change(changed: Changed) -> None:
    """Take no note of a write."""
    del changed


@dataclass(frozen=True, slots=True)
class Hooks:
    """The world around one cluster. The defaults: nothing runs in its pods, no webhook answers, nothing goes wrong.

    `disturb` is asked for every HTTP request how to spoil it, `denied` whether a right is refused whatever the roles
    grant; `watch_lifetime` returns after how many seconds a watch ends with 410 Gone, if so; `clock_skew` by how many
    seconds the Date header is off; `version` which one the server says it is, if not its own; `expired` whether the
    tokens in Secrets are not accepted any more. `answered` and `changed` take note.
    """

    call_webhook: CallWebhook = refuse_webhook
    exec: Exec = exec_nothing
    logs: Logs = no_logs
    disturb: Callable[[Seen], Disturbance | None] = undisturbed
    denied: Callable[[Asked], bool] = nothing_denied
    watch_lifetime: Callable[[], float | None] = lambda: None
    clock_skew: Callable[[], float] = lambda: 0.0
    expired: Callable[[], bool] = lambda: False
    version: Callable[[], str] = lambda: ""
    answered: Callable[[Answered], None] = forget_request
    changed: Callable[[Changed], None] = forget_change
