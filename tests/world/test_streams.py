"""Output that nobody takes: streams that are closed from the start, and readers that go."""

import shlex
import subprocess
import sys

import pytest

from meshctl.names import THE_ISTIO
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.harness import MESH

LOOKING = ("status", "diagnose", "plan", "preflight", "verify", "bundle")
TEARDOWN = ("teardown", *MESH, "--yes")


@pytest.fixture
def installed(start_lab: StartLab) -> ThreadLab:
    """A mesh on a lab of the test's own."""
    lab = start_lab()
    done = lab.meshctl("install", *MESH)
    assert done.returncode == 0, done.stderr
    return lab


def in_shell(lab: ThreadLab, rest: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run meshctl in a shell; `rest` is what follows on its line."""
    command = shlex.join([sys.executable, "-m", "meshctl", *arguments])
    return lab.run(["bash", "-o", "pipefail", "-c", f"{command} {rest}"])


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_stream_changes_no_exit_code(installed: ThreadLab, closed: str) -> None:
    for name in LOOKING:
        unseen = in_shell(installed, closed, name, *MESH)
        assert (name, unseen.returncode, unseen.stderr.count("Traceback")) == (name, 0, 0), unseen.stderr
    gone = in_shell(installed, closed, *TEARDOWN)
    assert (gone.returncode, gone.stderr.count("Traceback")) == (0, 0), gone.stderr
    assert installed.get("east", THE_ISTIO) is None


def test_nobody_to_ask_and_nobody_to_tell_is_still_a_refusal(start_lab: StartLab) -> None:
    assert in_shell(start_lab(), "<&- >&- 2>&-", "teardown", *MESH).returncode == 3
