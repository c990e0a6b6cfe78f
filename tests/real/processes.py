"""The test process's end of a supervised server."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SUPERVISOR = Path(__file__).with_name("supervisor.py")
KILL_SECONDS = 10.0
LOG_TAIL_LINES = 20


class Server:
    """One server process that cannot outlive this Python process, however that one ends."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path | int,
        scratch: Path | None = None,
        *,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; what it says goes to the end of a file, or to a descriptor of ours.

        `scratch` is a folder to delete when it is killed, also if that is because we were.
        """
        self.name = name
        self.log = log
        with ExitStack() as opened:
            output = log if isinstance(log, int) else opened.enter_context(log.open("ab"))
            # A session of its own keeps Ctrl-C away from it: the tests are to stop it in their order.
            self._supervisor = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SUPERVISOR), str(scratch or ""), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                cwd=folder,
                env=environ,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Tell whether the server is there (a paused one is)."""
        return self._supervisor.poll() is None

    def wait(self) -> int:
        """Wait until it ends by itself, and return its exit code (128 + the number of the signal that killed it)."""
        return self._supervisor.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, and return when the kernel has it."""
        orders, answers = self._supervisor.stdin, self._supervisor.stdout
        if orders is None or answers is None or not self.running:
            message = f"{self.name} is not running"
            raise ProcessLookupError(message)
        orders.write(f"{number.name}\n".encode())
        if not answers.readline():
            message = f"{self.name} ended"
            raise ProcessLookupError(message)

    def terminate(self, seconds: float) -> None:
        """Ask it to end in good order, and kill it if that takes longer than `seconds`."""
        self._end(signal.SIGTERM, seconds)

    def interrupt(self, seconds: float) -> None:
        """Do what Ctrl-C does, and kill it if it takes longer than `seconds` to end."""
        self._end(signal.SIGINT, seconds)

    def _end(self, number: signal.Signals, seconds: float) -> None:
        with suppress(ProcessLookupError, BrokenPipeError):  # gone already, which is what we want
            self.send(number)
            self.send(signal.SIGCONT)  # a paused process gets its signal only when it runs again
        with suppress(subprocess.TimeoutExpired):
            self._supervisor.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it at once; a server that is already gone is fine."""
        for pipe in (self._supervisor.stdin, self._supervisor.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._supervisor.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._supervisor.kill()
            self._supervisor.wait()

    def log_tail(self) -> str:
        """Return the last lines in its file, for an error message."""
        if isinstance(self.log, int):
            return ""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])


class ReservedPort:
    """A loopback port nobody else gets, also not while the server behind it is down for a restart.

    The socket is bound and never listens, so the kernel hands it no connection; the server binds the same
    port beside it with SO_REUSEPORT.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Give the port back."""
        self._socket.close()
