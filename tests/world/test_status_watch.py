"""`meshctl status --watch`: every change is shown when it happens, and Ctrl-C is a good end."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import Any

import pytest

from tests.world.harness import MESH, SECONDS, LabUnderTest, fresh_lab

SYSTEM = ("-n", "istio-system")
SECRET = "istio-remote-secret-cluster2"


@pytest.fixture(scope="module")
def installed() -> Iterator[LabUnderTest]:
    """A mesh; each test heals what it broke."""
    with fresh_lab() as lab:
        assert lab.install().code == 0
        yield lab


@contextmanager
def watching(lab: LabUnderTest, *more: str) -> Iterator["subprocess.Popen[str]"]:
    process = lab.begin("status", *MESH, "--watch", *more)
    # What never comes must fail the test, not hold it for ever.
    guard = Timer(SECONDS, process.kill)
    guard.start()
    try:
        yield process
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def documents(process: "subprocess.Popen[str]") -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def until(found: Iterator[dict[str, Any]], healthy: bool) -> dict[str, Any]:
    return next(one for one in found if one["healthy"] is healthy)


def test_changes_are_told_as_they_happen_and_the_exit_code_is_about_the_last(installed: LabUnderTest) -> None:
    secret = json.loads(installed.kubectl("east", *SYSTEM, "get", "secret", SECRET, "-o", "json"))
    secret["metadata"] = {key: secret["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    with watching(installed, "-o", "json") as process:
        found = documents(process)
        assert next(found)["healthy"]
        installed.kubectl("east", *SYSTEM, "delete", "secret", SECRET)
        broken = until(found, healthy=False)
        assert [one["cluster"] for one in broken["problems"]] == ["cluster2"]
        assert [one["cluster"] for one in broken["first_broken_links"]] == ["cluster2"]
        installed.kubectl("east", "create", "-f", "-", stdin=json.dumps(secret))
        assert until(found, healthy=True)["problems"] == []
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0


def test_what_exposes_the_services_is_missed_at_once(installed: LabUnderTest) -> None:
    gone = ("gateways.networking.istio.io", "cross-network-gateway")
    made = json.loads(installed.kubectl("east", *SYSTEM, "get", *gone, "-o", "json"))
    made["metadata"] = {key: made["metadata"][key] for key in ("name", "namespace")}
    with watching(installed, "-o", "json") as process:
        found = documents(process)
        assert next(found)["healthy"]
        installed.kubectl("east", *SYSTEM, "delete", *gone)
        assert [one["code"] for one in until(found, healthy=False)["first_broken_links"]] == ["MESH-230"]
        installed.kubectl("east", "create", "-f", "-", stdin=json.dumps(made))
        assert until(found, healthy=True)["first_broken_links"] == []


def test_a_terminal_shows_it_in_place_and_keeps_the_last(installed: LabUnderTest) -> None:
    leader, follower = pty.openpty()
    environ = {**installed.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    command = installed.command("status", *MESH, "--watch")
    process = subprocess.Popen(command, env=environ, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    guard = Timer(SECONDS, process.kill)
    try:
        guard.start()
        while "─── synced ───▶".encode() not in shown:
            shown += os.read(leader, 1 << 16)  # fails when the guard has ended it
        process.send_signal(signal.SIGINT)
        while chunk := read(leader):
            shown += chunk
    finally:
        guard.cancel()
        code = process.wait()
        os.close(leader)
    picture, _, rest = shown.decode(errors="replace").partition("\x1b[?1049l")
    assert code == 0
    assert "\x1b[?1049h" in picture
    assert "mesh1 is healthy" in rest
    assert "Signing certificates" in rest


def read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:  # nobody holds the other end any more
        return b""
