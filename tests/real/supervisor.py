"""Run one server, and kill it as soon as whoever asked for it is gone.

Started as a script (`supervisor.py SCRATCH COMMAND ARGUMENT...`) with a pipe as its standard input. The
kernel closes that pipe whatever way the other end dies, SIGKILL included, which no `finally` or `atexit` of
the test process could promise. Each line on the pipe names a signal for the server and is answered with the
same line once it is sent. When the pipe is closed, the server is killed and the folder SCRATCH deleted (""
for none); a server that ends by itself leaves the folder, so that its owner can read why. Either way, what it
started and left behind in its process group is killed too.

Only the standard library is used: the script runs isolated (`python -I -S`), so that it starts at once.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import sys
from contextlib import suppress

PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
STDIN, STDOUT, STDERR = 0, 1, 2


def main(scratch: str, command: list[str]) -> int:
    """Start the server, stay until it ends, and pass its exit status on."""
    child_ended = _wake_on_child_exit()
    pid = _start(command)
    while True:
        ready, _, _ = select.select([STDIN, child_ended], [], [])
        if child_ended in ready:
            os.read(child_ended, 4096)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                _kill_group(pid)
                return _exit_status(status)
        if STDIN in ready and not _obey(pid):
            _kill_group(pid)
            status = os.waitpid(pid, 0)[1]
            if scratch:
                shutil.rmtree(scratch, ignore_errors=True)
            return _exit_status(status)


def _wake_on_child_exit() -> int:
    """Turn SIGCHLD into something `select` can wait for next to the pipe."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
    return reader


def _start(command: list[str]) -> int:
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        with suppress(PermissionError):  # it has become the server already, and did it itself
            os.setpgid(pid, pid)
        return pid
    try:
        os.setpgid(0, 0)
        _become(command, supervisor)
    finally:
        os._exit(127)


def _become(command: list[str], supervisor: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, STDIN)
    os.dup2(STDERR, STDOUT)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and that would outlive the exec
    if sys.platform == "linux":
        # The second safety: someone kills the supervisor itself, as the out-of-memory killer may.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != supervisor:
            return
    os.execv(command[0], command)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _obey(pid: int) -> bool:
    """Send the signal the owner asks for; there is none to send when the owner is gone."""
    order = os.read(STDIN, 4096)
    if not order:
        return False
    os.kill(pid, signal.Signals[order.decode().strip()])
    with suppress(BrokenPipeError):  # an owner gone since then shows at the next read
        os.write(STDOUT, order)
    return True


def _exit_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
