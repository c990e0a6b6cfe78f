"""One run at a time, and a run that died does not stand in the way of the next."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from subprocess import Popen

import pytest

from meshctl.names import LOCK
from meshctl.objects import dig
from tests.world.harness import MESH, LabUnderTest

BOTH = ("east", "west")


@contextmanager
def stopped(mesh: LabUnderTest, finished: int, *command: str) -> Iterator["Popen[str]"]:
    """Freeze a command as soon as it has told of so many steps that are done; it does not outlive the block."""
    with mesh.begin(*command, *MESH, "--plain") as process:
        try:
            told = (line for line in process.stderr or () if line.split()[2:3] == ["done"])
            assert [next(told) for _ in range(finished)]
            process.send_signal(signal.SIGSTOP)
            yield process
        finally:
            process.kill()


def holder(mesh: LabUnderTest, context: str) -> str:
    """Return who holds the lock of a cluster, nobody if empty."""
    return str(dig(mesh.get(context, LOCK), "spec", "holderIdentity") or "")


def test_a_second_install_is_refused_while_the_first_one_is_at_work(mesh: LabUnderTest) -> None:
    with stopped(mesh, 1, "install") as first:
        second = mesh.install()
        assert second.code == 6, second.said
        assert "another run is in progress" in second.err
        for name in ("cluster1", "cluster2"):
            assert f"{name}: meshctl install by " in second.err

        first.send_signal(signal.SIGCONT)
        told, said = first.communicate(timeout=120)
        assert first.returncode == 0, told + said
    assert [holder(mesh, context) for context in BOTH] == ["", ""]


@pytest.mark.parametrize("finished", [2, 7])
def test_an_install_goes_on_where_a_killed_one_stopped(mesh: LabUnderTest, finished: int) -> None:
    with stopped(mesh, finished, "install") as first:
        first.kill()
        assert first.wait(10) == -signal.SIGKILL

    again = mesh.install()
    assert again.code == 0, again.said
    verified = mesh.verify()
    assert verified.code == 0, verified.said


def test_verify_and_teardown_go_on_where_killed_ones_stopped(mesh: LabUnderTest) -> None:
    assert mesh.install().code == 0
    for command, finished in ((("verify",), 1), (("teardown", "--yes"), 5)):
        with stopped(mesh, finished, *command) as first:
            first.kill()
            assert first.wait(10) == -signal.SIGKILL
        again = mesh.meshctl(*command, *MESH)
        assert again.code == 0, again.said
    assert "nothing is left of the mesh" in again.out


def test_ctrl_c_gives_the_locks_back_and_the_next_run_goes_on(mesh: LabUnderTest) -> None:
    with stopped(mesh, 2, "install") as first:
        assert "" not in [holder(mesh, context) for context in BOTH]
        first.send_signal(signal.SIGINT)
        first.send_signal(signal.SIGCONT)
        _, said = first.communicate(timeout=60)
        assert first.returncode == 130, said
    assert [holder(mesh, context) for context in BOTH] == ["", ""]
    again = mesh.install()
    assert again.code == 0, again.said


def test_the_lock_of_another_machine_needs_force(mesh: LabUnderTest) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    meta = {
        "name": LOCK.name,
        "namespace": LOCK.namespace,
        "annotations": {"meshctl.io/purpose": "meshctl teardown"},
    }
    spec = {"holderIdentity": "ada@elsewhere/0/1", "leaseDurationSeconds": 30, "acquireTime": now, "renewTime": now}
    lease = {"apiVersion": LOCK.kind.api_version, "kind": "Lease", "metadata": meta, "spec": spec}
    mesh.kubectl("west", "create", "-f", "-", stdin=json.dumps(lease))

    refused = mesh.install()
    assert refused.code == 6, refused.said
    assert "cluster2: meshctl teardown by ada@elsewhere/0/1" in refused.err
    assert [holder(mesh, context) for context in BOTH] == ["", "ada@elsewhere/0/1"]
    assert mesh.writes() == []

    forced = mesh.install("--force-unlock")
    assert forced.code == 0, forced.said
    assert [holder(mesh, context) for context in BOTH] == ["", ""]
