"""An API server goes away while an install is at work, and comes back: the run goes on."""

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from subprocess import Popen

import pytest

from tests.real.controlplane import ControlPlane
from tests.world.harness import MESH, LabUnderTest

AWAY = 3.0
"""Seconds. Real API servers were away for twenty when people looked on; the run showed the same."""

GOES: Mapping[str, Callable[[ControlPlane], None]] = {"hangs": ControlPlane.pause, "dies": ControlPlane.crash}

CASES = [
    pytest.param("lab", "hangs", "hangs", id="lab"),
    pytest.param("real", "hangs", "dies", id="real-hangs-then-dies", marks=pytest.mark.real),
    pytest.param("real", "dies", "hangs", id="real-dies-then-hangs", marks=pytest.mark.real),
]
"""How the API server of East goes away first, and later that of West."""


@contextmanager
def installing(mesh: LabUnderTest) -> Iterator["Popen[str]"]:
    """Run an install while the block lasts, and not a moment longer."""
    with mesh.begin("install", *MESH, "-o", "json") as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def until_finished(process: "Popen[str]", steps: int) -> None:
    """Wait until so many more steps have finished."""
    events = (json.loads(line) for line in process.stdout or ())
    told = (event for event in events if event["type"] == "finished")
    assert [next(told)["outcome"] for _ in range(steps)] == ["succeeded"] * steps


@contextmanager
def away(mesh: LabUnderTest, context: str, how: str) -> Iterator[None]:
    """Take one API server away; it is back after the block."""
    plane = next((plane for plane in mesh.planes if plane.name == context), None)
    if plane is None:
        mesh.fault(f"api-down@{context}")
    else:
        GOES[how](plane)
    try:
        yield
    finally:
        if plane is None:
            mesh.clear()
        else:
            plane.recover()


@pytest.mark.parametrize(("mesh", "east", "west"), CASES, indirect=["mesh"])
def test_an_install_survives_api_servers_that_are_away_for_a_while(mesh: LabUnderTest, east: str, west: str) -> None:
    with installing(mesh) as process:
        for context, how, finished in (("east", east, 3), ("west", west, 4)):
            until_finished(process, finished)
            with away(mesh, context, how):
                time.sleep(AWAY)
        out, err = process.communicate(timeout=180)
        assert process.returncode == 0, out + err

    again = mesh.install()
    assert again.code == 0, again.said
    verified = mesh.verify()
    assert verified.code == 0, verified.said
