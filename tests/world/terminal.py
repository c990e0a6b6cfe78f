"""A terminal for a command to run in: so wide that no line is broken, and all that was ever drawn is kept."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence

ROWS, COLUMNS = 60, 400


def run_in_terminal(command: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    """Run a command with a terminal on all its streams; return its exit code and all that it printed."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environ = {**environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, env=environ, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = bytearray()
    try:
        while chunk := _read(leader):
            shown += chunk
    finally:
        os.close(leader)
    return process.wait(), shown.decode(errors="replace")


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # nobody holds the other end any more
        return b""
