"""How a lab in the background is talked to: one JSON document per line over a socket that only its owner can open."""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from meshctl.errors import MeshctlError, SpecError
from meshctl.lab.logbook import of_cluster
from meshctl.lab.status import lab_status
from meshctl.lab.world import Lab

PATIENCE = 30.0
LINE = 1 << 26  # a whole log may be one line

Handler = Callable[[Mapping[str, Any]], Awaitable[Any]]


class Control:
    """Answers the questions and orders that come over the control socket. `stopping` is set by the order to stop."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.stopping = asyncio.Event()
        self._handlers: dict[str, Handler] = {
            "status": self._status,
            "faults": self._faults,
            "clear": self._clear,
            "requests": self._requests,
            "changes": self._changes,
            "stop": self._stop,
        }

    async def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Return `{"ok": ...}` or `{"error": ...}`."""
        handler = self._handlers.get(str(question.get("do")))
        if handler is None:
            return {"error": {"problems": [f"the lab does not know the order {question.get('do')!r}"]}}
        try:
            return {"ok": await handler(question)}
        except SpecError as error:
            return {"error": {"problems": list(error.problems), "hint": error.hint, "usage": True}}

    async def _status(self, question: Mapping[str, Any]) -> Any:
        del question
        return {"pid": os.getpid(), **lab_status(self._lab)}

    async def _faults(self, question: Mapping[str, Any]) -> Any:
        return [str(fault) for fault in await self._lab.add_faults(question["names"])]

    async def _clear(self, question: Mapping[str, Any]) -> Any:
        return [str(fault) for fault in await self._lab.clear_faults(question.get("names") or ())]

    async def _requests(self, question: Mapping[str, Any]) -> Any:
        log = self._lab.logbook.requests
        entries = log.since(int(question.get("since", 0)))
        return {"next": log.next, "entries": of_cluster(entries, str(question.get("cluster", "")))}

    async def _changes(self, question: Mapping[str, Any]) -> Any:
        log = self._lab.logbook.changes
        entries = log.since(int(question.get("since", 0)))
        return {"next": log.next, "entries": of_cluster(entries, str(question.get("cluster", "")))}

    async def _stop(self, question: Mapping[str, Any]) -> Any:
        del question
        self.stopping.set()
        return "stopping"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the lines of one connection, which stays open until the other side, or the lab, ends."""
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await self.answer(json.loads(line))).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return
        finally:
            writer.close()


async def listen(control: Control, path: Path) -> asyncio.Server:
    """Open the control socket."""
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        return await asyncio.start_unix_server(control.serve, path, limit=LINE)
    finally:
        os.umask(before)


class Unanswered(Exception):
    """Nobody answers at the control socket."""


def ask(path: Path, do: str, **more: Any) -> Any:
    """Put one question; raise Unanswered when nobody is there, and the lab's own complaint when it has one."""
    with connected(path) as connection:
        return asked(connection, do, **more)


def connected(path: Path) -> socket.socket:
    """Return a connection to a control socket."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        raise Unanswered(str(error)) from error
    return connection


def asked(connection: socket.socket, do: str, **more: Any) -> Any:
    """Put one question over a connection."""
    try:
        connection.sendall(json.dumps({"do": do, **more}).encode() + b"\n")
        with connection.makefile("rb") as lines:
            answer = json.loads(lines.readline() or b"null")
    except (OSError, ValueError) as error:
        raise Unanswered(str(error)) from error
    if not isinstance(answer, dict):
        raise Unanswered("the connection was closed")
    if complaint := answer.get("error"):
        problems = complaint.get("problems") or ["the lab refused"]
        if complaint.get("usage"):
            raise SpecError(problems, hint=complaint.get("hint", ""))
        raise MeshctlError("\n".join(problems))
    return answer["ok"]


def until_closed(connection: socket.socket, seconds: float) -> bool:
    """Wait until the other side has closed the connection, as a process does when it ends."""
    connection.settimeout(seconds)
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True
