"""The supervisor keeps its promises for any command; no Kubernetes is needed to see it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from .processes import SUPERVISOR, ReservedPort, Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHELL = shutil.which("sh") or "/bin/sh"
SECONDS = 10.0


def eventually(reached: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def shell(tmp_path: Path, script: str) -> Server:
    return Server("shell", [SHELL, "-c", script], tmp_path / "log")


def state(pid: str) -> str:
    """Tell the process state as `ps` does (T is stopped), or nothing when there is no such process."""
    finished = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True, check=False)
    return finished.stdout.strip()


def alive(pid: str) -> bool:
    return state(pid)[:1] not in ("", "Z")


def test_a_server_is_paused_resumed_and_killed(tmp_path: Path) -> None:
    server = shell(tmp_path, "echo $$; exec sleep 60")
    try:
        assert eventually(lambda: bool(server.log_tail()))
        pid = server.log_tail()
        server.send(signal.SIGSTOP)
        assert eventually(lambda: state(pid).startswith("T"))
        server.send(signal.SIGCONT)
        assert eventually(lambda: state(pid).startswith("S"))
        assert server.running
    finally:
        server.kill()
    assert not alive(pid)
    assert not server.running


def test_terminate_lets_a_server_finish_even_when_it_was_paused(tmp_path: Path) -> None:
    server = shell(tmp_path, "trap 'echo finished; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    assert eventually(lambda: "up" in server.log_tail())
    server.send(signal.SIGSTOP)
    server.terminate(SECONDS)
    assert "finished" in server.log_tail()


def test_terminate_kills_a_server_that_will_not_end(tmp_path: Path) -> None:
    server = shell(tmp_path, "trap '' TERM; echo up; while :; do sleep 0.05; done")
    assert eventually(lambda: "up" in server.log_tail())
    server.terminate(0.2)
    assert not server.running


def test_a_server_that_ended_cannot_be_signalled(tmp_path: Path) -> None:
    server = shell(tmp_path, "exit 3")
    assert eventually(lambda: not server.running)
    with pytest.raises(ProcessLookupError, match="shell"):
        server.send(signal.SIGSTOP)
    server.terminate(SECONDS)


@pytest.mark.parametrize("victim", ["owner", "supervisor"])
def test_a_server_dies_with_its_owner_and_with_its_supervisor(tmp_path: Path, victim: str) -> None:
    if victim == "supervisor" and sys.platform != "linux":
        pytest.skip("only Linux tells a child that its parent died")
    scratch, pid_file = tmp_path / "scratch", tmp_path / "pid"
    scratch.mkdir()
    command = [sys.executable, "-I", "-S", str(SUPERVISOR), str(scratch), SHELL, "-c"]
    with subprocess.Popen(
        [*command, f"echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 60"],
        stdin=subprocess.PIPE,
    ) as supervisor:
        assert supervisor.stdin is not None
        assert eventually(pid_file.exists)
        pid = pid_file.read_text().strip()
        assert alive(pid)
        if victim == "supervisor":
            supervisor.kill()
        else:
            supervisor.stdin.close()  # what the kernel does for an owner that was killed
        assert eventually(lambda: not alive(pid))
    assert scratch.exists() == (victim == "supervisor")


def test_reserved_ports_differ_and_take_a_listener_beside_them() -> None:
    ports = [ReservedPort() for _ in range(20)]
    try:
        assert len({port.number for port in ports}) == len(ports)
    finally:
        for port in ports:
            port.close()


def test_what_a_server_leaves_running_is_killed_when_it_ends(tmp_path: Path) -> None:
    server = shell(tmp_path, "sleep 60 & echo $!; exit 3")
    assert server.wait() == 3
    pid = server.log_tail()
    assert pid
    assert eventually(lambda: not alive(pid))
    server.kill()


def test_what_a_server_has_started_dies_with_its_owner(tmp_path: Path) -> None:
    server = shell(tmp_path, "sleep 60 & echo $!; wait")
    assert eventually(lambda: bool(server.log_tail()))
    pid = server.log_tail()
    server.kill()
    assert eventually(lambda: not alive(pid))
