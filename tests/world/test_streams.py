"""Output that nobody takes: streams that are closed from the start, and readers that go."""

import json
import shlex
import subprocess
import sys

import pytest

from meshctl.names import THE_ISTIO
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.harness import MESH

GIVEN_UP = "the output was closed, so the run was given up"
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


@pytest.mark.parametrize("output", [(), ("-o", "json")])
def test_a_reader_of_everything_who_goes_ends_an_install(start_lab: StartLab, output: tuple[str, ...]) -> None:
    lab = start_lab()
    done = in_shell(lab, "2>&1 | head -1", "install", *MESH, *output)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")
    assert closing(lab) == (1, GIVEN_UP)


def test_a_reader_of_stdout_who_goes_is_named_on_stderr(start_lab: StartLab) -> None:
    lab = start_lab()
    done = in_shell(lab, "| head -1", "install", *MESH, "-o", "json")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert done.stderr.endswith(f"error: {GIVEN_UP}\n")
    assert "Traceback" not in done.stderr
    assert closing(lab) == (1, GIVEN_UP)


def test_what_is_printed_at_once_and_not_read_is_told_too(start_lab: StartLab) -> None:
    done = in_shell(start_lab(), "| true", "plan", *MESH, "-o", "json")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, f"error: {GIVEN_UP}")


def closing(lab: ThreadLab) -> tuple[int, str]:
    """Return how the one journal says that its run was left."""
    (journal,) = (lab.folder / "state" / "journals").glob("*.jsonl")
    left = json.loads(journal.read_text().splitlines()[-1])
    return left["exit_code"], left["message"]
