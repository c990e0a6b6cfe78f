"""Ending a running command at a chosen request: a tripwire in the lab's own log."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from meshctl.lab.logbook import Log
from tests.labs import ThreadLab
from tests.world.commands import Result
from tests.world.harness import SECONDS
from tests.world.requests import is_release, is_write


class Tripwire(Log[dict[str, Any]]):
    """The log of requests, which acts when the n-th write is noted.

    That is in the API server's own thread, after the write was done and before its answer is sent: the moment when a
    client that dies knows least.
    """

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self._at = 0
        self._act: Callable[[], None] = lambda: None

    def arm(self, at: int, act: Callable[[], None]) -> None:
        """Act once at the `at`-th write, or at the next one when there have been more.

        No two runs take quite as many: one that takes fewer is met at its last write, which gives up a lock.
        """
        self._at, self._act = at, act

    def add(self, entry: dict[str, Any]) -> None:
        super().add(entry)
        self.writes += is_write(entry)
        if self._at and (self.writes >= self._at or is_release(entry)):
            self._at = 0
            self._act()


def tripwire(lab: ThreadLab) -> Tripwire:
    """Lay a tripwire through a lab."""
    wire = Tripwire()
    lab.lab.logbook.requests = wire
    return wire


def begin(lab: ThreadLab, *arguments: str) -> "subprocess.Popen[str]":
    """Start meshctl and let it run; `end` ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", "meshctl", *arguments],
        env=lab.environ,
        cwd=lab.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(lab: ThreadLab, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run meshctl while the block lasts, and not a moment longer."""
    with begin(lab, *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def end(process: "subprocess.Popen[str]", seconds: float = SECONDS) -> Result:
    """Wait for a command's end; it is killed when that does not come."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Result(process.returncode, out, err)


def signalled(lab: ThreadLab, number: signal.Signals, at: int, *arguments: str) -> Result:
    """Run meshctl and send it a signal at its n-th write."""
    wire = tripwire(lab)
    process = begin(lab, *arguments)
    wire.arm(at, lambda: os.kill(process.pid, number))
    return end(process)
