"""The other end of the control socket: questions and orders to a lab in the background."""

import json
import socket
from pathlib import Path
from typing import Any

from meshctl.errors import MeshctlError, SpecError

PATIENCE = 30.0


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
