"""Stopping a run, taking its lock, and taking the API server from under it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.harness import MESH
from tests.world.interruption import begin, end, signalled, tripwire
from tests.world.settling import settled

from meshctl.names import GATEWAY_SERVICE, LOCK

BOTH = ("east", "west")


@contextmanager
def waiting_install(lab: ThreadLab, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run an install that waits for addresses which do not come."""
    lab.set_faults("lb-never")
    process = begin(lab, "install", *MESH, *options)
    try:
        watched = settled(lambda: watches(lab), lambda found: len(found) == len(BOTH))
        assert watched == set(BOTH)
        yield process
    finally:
        process.kill()
        process.wait()


def watches(lab: ThreadLab) -> set[str]:
    """Return the clusters whose gateway Service is being watched."""
    path = GATEWAY_SERVICE.path.rpartition("/")[0]
    return {r["cluster"] for r in lab.requests() if r["path"].startswith(path) and r["query"].get("watch")}


def locks(lab: ThreadLab) -> list[str]:
    """Return the clusters that are locked."""
    return [context for context in BOTH if lab.get(context, LOCK) is not None]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_waiting_run_in_good_order(start_lab: StartLab, number: signal.Signals) -> None:
    lab = start_lab()
    with waiting_install(lab) as process:
        process.send_signal(number)
        begun = time.monotonic()
        stopped = end(process)
        took = time.monotonic() - begun

    assert stopped.code == 130, stopped.err
    assert took < 3
    assert "Install mesh mesh1 (Istio 1.28.6): interrupted" in stopped.err
    assert "To go on, run the same command again: it goes on where this run stopped." in stopped.err
    assert "Traceback" not in stopped.err
    assert locks(lab) == []

    lab.clear_faults()
    again = lab.meshctl("install", *MESH)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("at", [2, 9, 20])
def test_ctrl_c_in_the_middle_of_the_work(start_lab: StartLab, at: int) -> None:
    lab = start_lab()
    stopped = signalled(lab, signal.SIGINT, at, "install", *MESH)
    assert stopped.code == 130, stopped.err
    assert locks(lab) == []

    again = lab.meshctl("install", *MESH)
    assert again.returncode == 0, again.stderr


def test_two_installs_at_once(start_lab: StartLab) -> None:
    lab = start_lab()
    with waiting_install(lab) as first:
        second = lab.meshctl("install", *MESH)
        assert second.returncode == 6, second.stderr
        assert "another run is in progress" in second.stderr
        for name in ("cluster1", "cluster2"):
            assert f"{name}: meshctl install by " in second.stderr
        assert "--force-unlock" in second.stderr

        lab.clear_faults()
        assert end(first).code == 0
    assert locks(lab) == []


def test_a_lock_that_is_taken_by_force_ends_the_run_that_had_it(start_lab: StartLab) -> None:
    lab = start_lab()
    with waiting_install(lab) as first:
        second = begin(lab, "install", *MESH, "--force-unlock")
        try:
            ended = end(first)
            assert ended.code == 130, ended.err
            assert "another run took this one's lock over" in ended.err
            assert locks(lab) == list(BOTH)
            lab.clear_faults()
            assert end(second).code == 0
        finally:
            second.kill()
            second.wait()
    assert locks(lab) == []
