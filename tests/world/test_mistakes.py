"""Mistakes are all told at once, and before anything is sent to any cluster: the labs here are never asked anything."""

from pathlib import Path

import pytest
import yaml

from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.spec.test_every_mistake import EVERY_MISTAKE, EVERY_PROBLEM
from tests.world.harness import LabUnderTest

FLAGS = ("--set", "nonsense", "--set", "west[7].network=x")
INSTALL_FLAGS = ("--server", "nobody=https://api.example.com", "--gateway-address", "192.0.2.1")
COMMANDS = {
    "install": ("install", *INSTALL_FLAGS),
    "install --dry-run": ("install", "--dry-run", *INSTALL_FLAGS),
    "verify": ("verify",),
    "teardown": ("teardown", "--yes"),
    "certs apply": ("certs", "apply", "--from", "certificates"),
    "certs check": ("certs", "check"),
}
ONLY_INSTALL = ("--server", "--gateway-address")


@pytest.fixture
def lab(start_lab: StartLab, monkeypatch: pytest.MonkeyPatch) -> ThreadLab:
    """A lab with the mesh file in the folder where commands run, and mistakes in the environment."""
    started = start_lab(remotes=2)
    (started.folder / "mesh.yaml").write_text(EVERY_MISTAKE)
    monkeypatch.setenv("MESHCTL_ISTIO_VERSIO", "1.28.6")
    monkeypatch.setenv("MESHCTL_TIMEOUTS_TOKEN", "never")
    return started


def test_every_mistake_is_in_one_report_and_nothing_is_sent(lab: ThreadLab) -> None:
    for name, command in COMMANDS.items():
        done = lab.meshctl(*command, "-f", "mesh.yaml", *FLAGS)
        wanted = [p for p in EVERY_PROBLEM if name.startswith("install") or not p.startswith(ONLY_INSTALL)]
        assert done.returncode == 2, f"{name}: {done.stderr}"
        assert done.stdout == "", name
        assert told(done.stderr) == wanted, name
    assert lab.requests() == []


def test_a_file_that_cannot_be_read_is_one_report_too(lab: ThreadLab) -> None:
    (lab.folder / "mesh.yaml").write_text("east: {context: east\n")
    done = lab.meshctl("install", "-f", "mesh.yaml", "--set", "nonsense")
    assert done.returncode == 2
    assert "mesh.yaml" in done.stderr
    assert "nonsense" in done.stderr
    assert "Traceback" not in done.stderr
    assert lab.requests() == []


def test_contexts_that_are_missing_are_all_named_and_nothing_is_sent(mesh: LabUnderTest) -> None:
    before = mesh.requests()
    for name, command in COMMANDS.items():
        words = tuple(word for word in command if word not in INSTALL_FLAGS)
        done = mesh.meshctl(*words, "--east", "east", "--west", "nowhere", "--west", "neither")
        assert done.code == 2, f"{name}: {done.said}"
        assert done.out == "", name
        for context in ("nowhere", "neither"):
            assert context in done.err, name
    assert mesh.requests() == before


def test_contexts_that_lead_nowhere_are_all_named_and_nothing_is_sent(start_lab: StartLab, tmp_path: Path) -> None:
    lab = start_lab(remotes=2)
    config = yaml.safe_load(lab.kubeconfig.read_text())
    config["clusters"] = [one for one in config["clusters"] if "west2" not in one["name"]]
    config["contexts"] = [one for one in config["contexts"] if one["name"] != "west"]
    broken = tmp_path / "broken"
    broken.write_text(yaml.safe_dump(config))
    mesh = ("--east", "east", "--west", "west", "--west", "west2")
    done = lab.meshctl("install", "--kubeconfig", str(broken), *mesh)
    assert done.returncode == 2, done.stderr
    assert "there is no context 'west'" in done.stderr
    assert "context west2 names the cluster 'west2', which the kubeconfig does not have" in done.stderr
    assert lab.requests() == []


def told(text: str) -> list[str]:
    """Return the problems of a report, which come one to a line after how many they are."""
    first, *lines = text.splitlines()
    found = [line.strip() for line in lines if line.startswith("  ")]
    assert first == f"error: {len(found)} problems"
    return found
