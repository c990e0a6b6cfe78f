"""Run the tests against real control planes, and leave nothing behind however the run ends.

    python -m tests.real.run ARGUMENT...    the arguments are pytest's

Everything the tests write goes into one temporary folder. A supervisor deletes it, and kills whatever the tests have
started, when pytest ends or is killed, and when this process is.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from . import build
from .processes import Server

PATIENCE = 60
"""Seconds in which an interrupted run has to end in good order before it is killed."""


class StoppedError(Exception):
    """Somebody wants the run to end, and has sent a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main(arguments: list[str]) -> int:
    """Build what is missing, run pytest, and return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    # A short path: the folders of the control planes in it hold sockets.
    scratch = Path(tempfile.mkdtemp(prefix="mt-"))
    try:
        build.prepare()
        return _run_pytest(arguments, scratch)
    except build.BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except StoppedError as stopped:
        return 128 + stopped.number
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run_pytest(arguments: list[str], scratch: Path) -> int:
    pytest = Server(
        "pytest",
        [sys.executable, "-m", "pytest", *arguments],
        sys.stdout.fileno(),
        scratch,
        environ={**os.environ, "TMPDIR": str(scratch)},
    )
    try:
        return pytest.wait()
    except StoppedError:
        pytest.interrupt(PATIENCE)
        raise
    finally:
        pytest.kill()


def _stop(number: int, _frame: FrameType | None) -> None:
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    raise StoppedError(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
