"""Stopping a run, taking its lock, and taking the API server from under it."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from meshctl.names import GATEWAY_SERVICE, LOCK
from meshctl.objects import dig
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.harness import MESH
from tests.world.interruption import end, running, signalled, tripwire
from tests.world.settling import settled

BOTH = ("east", "west")
AWAY = 0.3  # seconds for which a restarting API server is not there


@contextmanager
def waiting_install(lab: ThreadLab, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run an install that waits for addresses which do not come."""
    lab.set_faults("lb-never")
    with running(lab, "install", *MESH, *options) as process:
        watched = settled(lambda: watches(lab), lambda found: len(found) == len(BOTH))
        assert watched == set(BOTH)
        yield process


def watches(lab: ThreadLab) -> set[str]:
    """Return the clusters whose gateway Service is being watched."""
    path = GATEWAY_SERVICE.path.rpartition("/")[0]
    return {r["cluster"] for r in lab.requests() if r["path"].startswith(path) and r["query"].get("watch")}


def locks(lab: ThreadLab) -> list[str]:
    """Return the clusters that are locked."""
    return [context for context in BOTH if lab.get(context, LOCK) is not None]


def holder(lab: ThreadLab, context: str) -> str:
    """Return who holds the lock of a cluster, nobody if empty."""
    return str(dig(lab.get(context, LOCK), "spec", "holderIdentity") or "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_waiting_run_in_good_order(start_lab: StartLab, number: signal.Signals) -> None:
    lab = start_lab()
    with waiting_install(lab) as process:
        process.send_signal(number)
        begun = time.monotonic()
        stopped = end(process)
        took = time.monotonic() - begun

    assert stopped.code == 130, stopped.err
    assert took < 10
    assert "Install mesh mesh1 (Istio 1.28.6) on cluster1 (east), cluster2 (west): interrupted" in stopped.err
    assert "To go on, run the same command again: it goes on where this run stopped." in stopped.err
    assert "Traceback" not in stopped.err
    assert locks(lab) == []

    lab.clear_faults()
    again = lab.meshctl("install", *MESH)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("at", [4, 16])
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


def test_a_run_that_ends_leaves_a_lock_that_was_taken_from_it_alone(start_lab: StartLab) -> None:
    lab = start_lab()
    with waiting_install(lab) as first:
        holders = [holder(lab, context) for context in BOTH]
        with running(lab, "install", *MESH, "--force-unlock"):
            taken = settled(lambda: [holder(lab, c) for c in BOTH], lambda now: not set(now) & set(holders))
            assert not set(taken) & set(holders)
            first.send_signal(signal.SIGINT)
            assert end(first).code == 130

            assert [holder(lab, context) for context in BOTH] == taken
            assert lab.meshctl("install", *MESH).returncode == 6


def test_a_second_ctrl_c_does_not_wait_for_a_server_that_hangs(start_lab: StartLab) -> None:
    lab = start_lab()
    with waiting_install(lab) as process:
        lab.set_faults("api-down")
        process.send_signal(signal.SIGINT)
        skipped = next(line for line in process.stderr or () if "the run was stopped" in line)
        assert skipped
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        stopped = end(process)
        took = time.monotonic() - begun

    assert stopped.code == 130
    assert took < 10
    assert "run the same command again" in stopped.err
    assert "Traceback" not in stopped.err


@pytest.mark.parametrize("at", [6, 18])
def test_an_api_server_that_restarts_during_an_install(start_lab: StartLab, at: int) -> None:
    lab = start_lab()
    cluster = lab.lab.clusters["east"]

    async def restart() -> None:
        port = cluster.port
        await cluster.stop()
        await asyncio.sleep(AWAY)
        await cluster.start(port)

    restarts: list[asyncio.Task[None]] = []
    wire = tripwire(lab)
    wire.arm(at, lambda: restarts.append(lab.loop.create_task(restart())))

    done = lab.meshctl("install", *MESH)

    assert done.returncode == 0, done.stderr
    assert [task.done() for task in restarts] == [True]


@pytest.mark.parametrize("fault", ["api-reset=0.1", "watch-gone"])
def test_an_install_on_an_api_server_that_breaks_connections(start_lab: StartLab, fault: str) -> None:
    lab = start_lab(faults=[fault])
    done = lab.meshctl("install", *MESH)
    assert done.returncode == 0, done.stderr


def test_a_lock_that_is_taken_by_force_ends_the_run_that_had_it(start_lab: StartLab) -> None:
    lab = start_lab()
    with waiting_install(lab) as first, running(lab, "install", *MESH, "--force-unlock") as second:
        ended = end(first)
        assert ended.code == 130, ended.err
        assert "another run took this one's lock over" in ended.err
        assert locks(lab) == list(BOTH)
        lab.clear_faults()
        assert end(second).code == 0
    assert locks(lab) == []
