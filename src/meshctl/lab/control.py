"""How a lab in the background is talked to: one JSON document per line over a socket that only its owner can open."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from meshctl.errors import SpecError
from meshctl.lab.logbook import of_cluster
from meshctl.lab.overview import lab_overview
from meshctl.lab.world import Lab

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
        return {"pid": os.getpid(), **lab_overview(self._lab)}

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
