"""One object, followed over a watch that mends itself, and that another thread can end at once."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Condition, Thread, get_ident
from types import TracebackType
from typing import Self, TypeVar

from urllib3 import HTTPResponse

from meshctl.errors import ClusterError, MeshctlError, NotFoundError, TransientError
from meshctl.kube.transport import CONNECT_TIMEOUT, READ_TIMEOUT, Call, Query, Transport
from meshctl.objects import Manifest, Ref, dig

GONE = 410

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things take, in seconds.

    The server ends a stream after `window`: proxies like to cut what is silent for five minutes. It begins one within
    `answer`, however long nothing happens then. A stream that lived for `steady` was a good one. The pause after a
    failure doubles from `first` to `longest`.
    """

    window: int = 290
    answer: float = READ_TIMEOUT
    steady: float = 10.0
    first: float = 0.05
    longest: float = 10.0


class ObjectWatch:
    """See `meshctl.cluster.Watch`."""

    def __init__(self, transport: Transport, ref: Ref, pace: Pace | None = None) -> None:
        self._transport = transport
        self._ref = ref
        self._pace = pace or Pace()
        self._change = Condition()
        self._closed = False
        self._response: HTTPResponse | None = None
        self._trouble = ""
        self._failures = 0
        self._reader = 0

    @property
    def trouble(self) -> str:
        """Why nothing can be seen at the moment; empty while all is well."""
        return self._trouble

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        # A reader that is at work in another thread has been woken and lets go of the connection by itself.
        if self._response is not None and self._reader == get_ident():
            self._drop(self._response)

    def close(self) -> None:
        """End the iteration at once, from whichever thread."""
        with self._change:
            self._closed = True
            self._change.notify_all()
            if self._response is not None:
                _wake(self._response)

    def __iter__(self) -> Iterator[Manifest | None]:
        last: object = ()
        for state in self._states():
            here = state and (dig(state, "metadata", "uid"), dig(state, "metadata", "resourceVersion"))
            if here != last:
                last = here
                yield state

    def _states(self) -> Iterator[Manifest | None]:
        """Yield what the server says, over and over; the same state may come twice."""
        version = ""
        self._reader = get_ident()
        while not self._closed:
            try:
                if not version:
                    state, version = self._interruptible(self._list)
                    yield state
                for event in self._events(version):
                    version = dig(event, "object", "metadata", "resourceVersion") or version
                    if event.get("type") != "BOOKMARK":
                        yield None if event.get("type") == "DELETED" else event["object"]
            except TransientError as error:
                version = ""
                self._pause(error)
            except _ClosedError:
                return

    def _list(self) -> tuple[Manifest | None, str]:
        page = self._transport.fetch(Call("GET", self._path, self._query()))
        version = str(dig(page, "metadata", "resourceVersion") or "")
        for item in page.get("items") or ():
            if dig(item, "metadata", "name") == self._ref.name:
                return {"apiVersion": self._ref.kind.api_version, "kind": self._ref.kind.name, **item}, version
        return None, version

    def _events(self, version: str) -> Iterator[Manifest]:
        """Yield the events of one stream until the server ends it in good order."""
        response = self._interruptible(lambda: self._open(version))
        self._trouble = ""
        opened = time.monotonic()
        try:
            for line in _lines(response, self._transport):
                event = self._event(line)
                self._failures = 0
                yield event
        except (ClusterError, ValueError):  # ssl has a ValueError for a connection that goes away while it reads
            if self._closed:
                raise _ClosedError from None
            raise
        finally:
            self._drop(response)
        if time.monotonic() - opened >= self._pace.steady:
            self._failures = 0
        elif not self._closed:
            raise TransientError(f"{self._transport.cluster}: the watch ended early")

    def _open(self, version: str) -> HTTPResponse:
        query = [
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(self._pace.window)),
        ]
        call = Call("GET", self._path, self._query(*query), read_timeout=self._pace.answer)
        try:
            response = self._transport.stream(call)
        except NotFoundError as error:
            if error.status == GONE:
                raise TransientError(error.message, status=GONE) from error
            raise
        _allow_silence(response, self._pace.window + 2 * CONNECT_TIMEOUT)
        with self._change:
            if self._closed:
                response.close()
            else:
                self._response = response
        return response

    def _drop(self, response: HTTPResponse) -> None:
        with self._change:
            self._response = None
        response.close()

    def _event(self, line: bytes) -> Manifest:
        try:
            event: Manifest = json.loads(line)
            kind, code = event["type"], dig(event, "object", "code")
        except (ValueError, KeyError, TypeError) as error:
            raise TransientError(f"{self._transport.cluster}: the watch sent something unreadable") from error
        if kind == "ERROR":
            # Mostly 410: what happened since is no longer known. What is wrong for good, the next list will say.
            raise TransientError(f"{self._transport.cluster}: the watch must begin again ({code})")
        return event

    def _interruptible(self, ask: Callable[[], T]) -> T:
        """Ask in a thread of its own, which close() need not wait for."""
        answers: list[T] = []
        refusals: list[MeshctlError] = []
        done = False

        def work() -> None:
            nonlocal done
            try:
                answers.append(ask())
            except MeshctlError as error:
                refusals.append(error)
            finally:
                with self._change:
                    done = True
                    self._change.notify_all()

        Thread(target=work, name=f"watch {self._transport.cluster} {self._ref}", daemon=True).start()
        with self._change:
            self._change.wait_for(lambda: done or self._closed)
            if self._closed:
                raise _ClosedError
        if refusals:
            raise refusals[0]
        return answers[0]

    def _pause(self, error: TransientError) -> None:
        self._trouble = error.message
        longest = min(self._pace.longest, self._pace.first * 2**self._failures)
        pause = max(longest * secrets.SystemRandom().uniform(0.5, 1), error.retry_after or 0)
        self._failures = min(self._failures + 1, 10)
        with self._change:
            self._change.wait_for(lambda: self._closed, pause)

    @property
    def _path(self) -> str:
        return self._ref.kind.path(self._ref.namespace)

    def _query(self, *more: tuple[str, str]) -> Query:
        return [("fieldSelector", f"metadata.name={self._ref.name}"), *more]


class _ClosedError(Exception):
    """The watch was closed while something was under way."""


def _lines(response: HTTPResponse, transport: Transport) -> Iterator[bytes]:
    """Yield lines as they come: read1 hands over what is there, where read would wait for more."""
    rest = b""
    while True:
        with transport.border.guard():
            chunk = response.read1()
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(None, lines)
    if rest:
        raise TransientError(f"{transport.cluster}: the watch broke off")


def _allow_silence(response: HTTPResponse, seconds: float) -> None:
    """Let the stream be silent for longer than its beginning was waited for."""
    sock = getattr(response.connection, "sock", None)
    if sock is not None:
        sock.settimeout(seconds)


def _wake(response: HTTPResponse) -> None:
    """Make a read that waits in another thread return."""
    try:
        response.shutdown()
    except (OSError, ValueError, RuntimeError):
        return  # the stream has ended by itself
