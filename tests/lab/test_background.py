"""The lab in the background: the command line starts it, asks it, breaks it and ends it."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.labs import KUBECTL, PROGRAM_SECONDS

Program = "subprocess.CompletedProcess[str]"


class Shell:
    """A user with a state folder of his own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        source = str(Path(__file__).parents[2] / "src")
        places = {"MESHCTL_STATE_DIR": str(self.state), "KUBECACHEDIR": str(folder / "kube-cache")}
        self.environ = {**os.environ, **places, "PYTHONPATH": source}
        self.environ.pop("KUBECONFIG", None)

    def lab(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `meshctl lab ...`."""
        return self.run(sys.executable, "-m", "meshctl", "lab", *arguments)

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a program."""
        return subprocess.run(
            command, env=self.environ, cwd=self.folder, capture_output=True, text=True, timeout=PROGRAM_SECONDS
        )

    def record(self) -> dict[str, object]:
        """Return what the running lab has left in its folder."""
        found: dict[str, object] = json.loads((self.state / "lab" / "lab.json").read_text())
        return found


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell whose lab, if there is one, ends with the test."""
    user = Shell(tmp_path)
    yield user
    user.lab("down")


def ended(pid: int) -> bool:
    """Wait until a process is gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
            return True  # dead, and only waiting for somebody to collect it
        time.sleep(0.02)
    return False


def mode(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_lab_lives_until_it_is_taken_down(shell: Shell) -> None:
    up = shell.lab("up", "--speed", "0")
    assert up.returncode == 0, up.stderr
    record = shell.record()
    kubeconfig = Path(str(record["kubeconfig"]))
    assert up.stdout.splitlines()[1] == f"export KUBECONFIG={kubeconfig}"

    nodes = shell.run(str(KUBECTL), "--kubeconfig", str(kubeconfig), "--context", "west", "get", "nodes", "-o", "name")
    assert nodes.stdout.split() == ["node/west-control-plane", "node/west-worker"], nodes.stderr

    status = json.loads(shell.lab("status", "-o", "json").stdout)
    assert [cluster["context"] for cluster in status["clusters"]] == ["east", "west"]
    assert status["pid"] == record["pid"]
    assert status["clusters"][0]["requests"] >= 1
    assert status["clusters"][0]["objects"]["Node"] == 2

    down = shell.lab("down")
    assert (down.returncode, down.stdout) == (0, "the lab is down\n"), down.stderr
    assert ended(int(str(record["pid"])))
    assert sorted(path.name for path in (shell.state / "lab").iterdir()) == ["lab.lock", "lab.log"]
    assert shell.lab("down").stdout == "no lab was running\n"


def test_only_the_owner_can_use_a_lab(shell: Shell) -> None:
    assert shell.lab("up", "--speed", "0", "--remotes", "0").returncode == 0
    record = shell.record()
    assert mode(shell.state / "lab") == 0o700
    for name in ("kubeconfig", "socket", "log"):
        assert mode(Path(str(record[name]))) == 0o600, name
    assert mode(shell.state / "lab" / "lab.json") == 0o600


def test_up_again_returns_the_lab_that_runs(shell: Shell) -> None:
    first = shell.lab("up", "--speed", "0", "--remotes", "0")
    again = shell.lab("up", "--speed", "0", "--remotes", "0")
    assert again.returncode == 0
    assert again.stdout == first.stdout.replace("is up", "is running already")

    other = shell.lab("up", "--speed", "0", "--remotes", "1")
    assert other.returncode == 1
    assert "a lab is running already, with other options: --remotes 0 --speed 0 --operator vendor" in other.stderr
    assert "meshctl lab down" in other.stderr


def test_faults_come_and_go_while_it_runs(shell: Shell) -> None:
    assert shell.lab("up", "--speed", "0", "--fault", "lb-late@west=5").returncode == 0
    assert shell.lab("fault").stdout == "lb-late@west=5\n"
    assert shell.lab("fault", "api-429=0.1", "rbac-denied").stdout.split() == [
        "lb-late@west=5",
        "api-429=0.1",
        "rbac-denied=secrets",
    ]
    assert json.loads(shell.lab("status", "-o", "json").stdout)["faults"][-1] == "rbac-denied=secrets"
    assert shell.lab("fault", "lb-late@west=7").stdout.split()[-1] == "lb-late@west=7"
    assert shell.lab("fault", "--clear", "api-429").stdout.split() == ["rbac-denied=secrets", "lb-late@west=7"]
    assert shell.lab("fault", "--clear").stdout == "no fault is in force\n"

    wrong = shell.lab("fault", "lb-late@north", "gremlins")
    assert wrong.returncode == 2
    assert "there is no cluster 'north' in this lab (it has east, west)" in wrong.stderr
    assert "there is no fault 'gremlins'" in wrong.stderr


def test_every_fault_is_listed_without_a_lab(shell: Shell) -> None:
    listed = shell.lab("fault", "--list")
    assert listed.returncode == 0
    assert "lb-late[=seconds]" in listed.stdout
    assert "stuck-finalizer" in listed.stdout


def test_a_dead_lab_is_noticed_and_cleared_up(shell: Shell) -> None:
    assert shell.lab("up", "--speed", "0", "--remotes", "0").returncode == 0
    before = shell.record()
    os.kill(int(str(before["pid"])), signal.SIGKILL)
    assert ended(int(str(before["pid"])))

    status = shell.lab("status")
    assert status.returncode == 1
    assert "the lab has died; its log is" in status.stderr

    assert shell.lab("up", "--speed", "0", "--remotes", "0").returncode == 0
    assert shell.record()["pid"] != before["pid"]


def test_a_terminated_lab_leaves_nothing_behind(shell: Shell) -> None:
    assert shell.lab("up", "--speed", "0", "--remotes", "0").returncode == 0
    record = shell.record()
    os.kill(int(str(record["pid"])), signal.SIGTERM)
    assert ended(int(str(record["pid"])))
    assert not Path(str(record["kubeconfig"])).exists()
    assert "no lab is running" in shell.lab("status").stderr


def test_without_a_lab_there_is_nothing_to_ask(shell: Shell) -> None:
    for command in (("status",), ("fault", "lb-never"), ("fault", "--clear")):
        asked = shell.lab(*command)
        assert asked.returncode == 1
        assert "no lab is running" in asked.stderr
        assert "meshctl lab up" in asked.stderr


def test_wrong_options_are_refused_at_once_and_all_together(shell: Shell) -> None:
    refused = shell.lab("up", "--remotes", "99", "--speed", "-1", "--operator", "homemade")
    assert refused.returncode == 2
    for text in ("--remotes 99", "--speed -1", "--operator homemade"):
        assert text in refused.stderr
    assert not shell.state.exists()


def test_the_kubeconfig_goes_where_it_is_wanted_but_not_into_other_peoples(shell: Shell) -> None:
    theirs = shell.folder / "theirs"
    theirs.write_text("apiVersion: v1\nkind: Config\n")
    refused = shell.lab("up", "--speed", "0", "--remotes", "0", "--kubeconfig", str(theirs))
    assert refused.returncode == 1
    assert "is not a kubeconfig of the lab" in refused.stderr
    assert theirs.read_text() == "apiVersion: v1\nkind: Config\n"

    ours = shell.folder / "ours"
    assert shell.lab("up", "--speed", "0", "--remotes", "0", "--kubeconfig", "ours").returncode == 0
    assert mode(ours) == 0o600
    assert yaml.safe_load(ours.read_text())["current-context"] == "east"
    assert shell.lab("up", "--speed", "0", "--remotes", "0").returncode == 1

    config = yaml.safe_load(ours.read_text())
    config["contexts"].append({"name": "mine", "context": {"cluster": "mine", "user": "mine"}})
    ours.write_text(yaml.safe_dump(config))
    assert shell.lab("down").returncode == 0
    assert [context["name"] for context in yaml.safe_load(ours.read_text())["contexts"]] == ["mine"]
