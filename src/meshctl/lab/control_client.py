"""The other end of the control socket: questions and orders to a lab in the background."""

import json
import socket
from pathlib import Path
from typing import Any

from meshctl.errors import MeshctlError, SpecError

PATIENCE = 30.0


class UnansweredError(Exception):
    """Nobody answers at the control socket."""


def ask(path: Path, do: str, **more: Any) -> Any:
    """Put one question; raise Unanswered when nobody is there, and the lab's own complaint when it has one."""
    question = json.dumps({"do": do, **more}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(path))
            connection.sendall(question)
            with connection.makefile("rb") as lines:
                answer = json.loads(lines.readline() or b"null")
    except (OSError, ValueError) as error:
        raise UnansweredError(str(error)) from error
    if not isinstance(answer, dict):
        raise UnansweredError("the connection was closed")
    if complaint := answer.get("error"):
        raise _complaint(complaint)
    return answer["ok"]


def _complaint(complaint: dict[str, Any]) -> MeshctlError:
    problems = complaint.get("problems") or ["the lab refused"]
    if complaint.get("usage"):
        return SpecError(problems, hint=complaint.get("hint", ""))
    return MeshctlError("\n".join(problems), hint=complaint.get("hint", ""))
