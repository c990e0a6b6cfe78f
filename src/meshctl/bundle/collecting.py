"""Asks every cluster at the same time, each by a few threads of its own, until all is told or the time is over.

The threads are daemons: one that hangs on a cluster which does not answer holds nobody up, neither now nor when the
process ends.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from types import MappingProxyType

from meshctl.bundle.question import Found, Missing, Question
from meshctl.cluster import Client
from meshctl.errors import MeshctlError
from meshctl.plan import Clients
from meshctl.stopping import Stop
from meshctl.waiting import stopped

AT_ONCE = 4
"""Questions under way to one cluster at the same time."""

VERSION = "version.txt"
LARGEST = 1_000_000  # characters of a file; of longer ones the end is kept, for that is the newest
FULL = 100_000_000  # characters of a bundle

NOTHING: Mapping[str, Callable[[], str]] = MappingProxyType({})
Answer = Found | BaseException


@dataclass(slots=True)
class Collected:
    """Texts by path, what is missing and why, secret values seen on the way, and bugs of our own."""

    files: dict[str, str] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set, repr=False)
    bugs: list[BaseException] = field(default_factory=list)
    size: int = 0

    def add(self, path: str, text: str) -> None:
        """Take in a file, of a long one the end."""
        if self.size >= FULL:
            self.missing.append(Missing(path, "the bundle is full"))
            return
        kept = text if len(text) <= LARGEST else f"(the beginning is not here)\n{text[-LARGEST:]}"
        self.files[path] = kept
        self.size += len(kept)


def collect(
    clients: Clients,
    questions: Sequence[Question],
    seconds: float,
    stop: Stop,
    beside: Mapping[str, Callable[[], str]] = NOTHING,
) -> Collected:
    """Ask every cluster everything; one that does not give its version is asked nothing else.

    `beside` are texts about all clusters, by path, each told in a thread of its own.
    """
    collecting = _Collecting(clients, questions, Collected(), time.monotonic() + seconds, seconds, beside)
    with stop.waking(lambda: collecting.answers.put(None)):
        collecting.run(stop)
    return collecting.found


@dataclass(slots=True)
class _Collecting:
    clients: Clients
    questions: Sequence[Question]
    found: Collected
    deadline: float
    seconds: float
    beside: Mapping[str, Callable[[], str]]
    answers: "SimpleQueue[tuple[str, Question, Answer] | None]" = field(default_factory=SimpleQueue)
    waiting: Mapping[str, "SimpleQueue[Question]"] = field(init=False)
    open: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.waiting = {name: SimpleQueue() for name in self.clients}

    def run(self, stop: Stop) -> None:
        for name, client in self.clients.items():
            for _ in range(AT_ONCE):
                threading.Thread(target=self._work, args=(name, client), name=f"bundle {name}", daemon=True).start()
            self._put(name, Question(VERSION, _version))
        for path, tell in self.beside.items():
            self.open.add(("", path))
            threading.Thread(target=self._tell, args=(path, tell), name=f"bundle {path}", daemon=True).start()
        while self.open and (left := self.deadline - time.monotonic()) > 0:
            try:
                answer = self.answers.get(timeout=left)
            except Empty:
                break
            if stop:
                raise stopped()
            if answer is not None:
                self._take(*answer)
        for name, path in sorted(self.open):
            self.found.missing.append(Missing(_below(name, path), f"no answer within {self.seconds:g} s"))

    def _put(self, name: str, question: Question) -> None:
        self.open.add((name, question.path))
        self.waiting[name].put(question)

    def _work(self, name: str, client: Client) -> None:
        while True:
            question = self.waiting[name].get()
            try:
                answer: Answer = question.ask(client)
            except BaseException as error:
                answer = error
            self.answers.put((name, question, answer))

    def _tell(self, path: str, tell: Callable[[], str]) -> None:
        try:
            answer: Answer = Found({path: tell()})
        except BaseException as error:
            answer = error
        self.answers.put(("", Question(path, _version), answer))

    def _take(self, name: str, question: Question, answer: Answer) -> None:
        self.open.discard((name, question.path))
        if isinstance(answer, Found):
            for path, text in answer.files.items():
                self.found.add(_below(name, path), text)
            self.found.secrets |= answer.secrets
            for more in (*answer.then, *(self.questions if question.path == VERSION else ())):
                self._put(name, more)
            return
        reason = answer.message if isinstance(answer, MeshctlError) else f"a bug in meshctl: {answer!r}"
        # Without its version, nothing of a cluster is there.
        path = "" if question.path == VERSION else question.path
        self.found.missing.append(Missing(_below(name, path), reason))
        if not isinstance(answer, MeshctlError):
            self.found.bugs.append(answer)


def _below(name: str, path: str) -> str:
    return f"{name}/{path}" if name else path


def _version(client: Client) -> Found:
    return Found({VERSION: f"{client.version()}\n{client.server()}\n"})
