"""A run of the tests leaves no process and no file behind, whoever is killed; the tests here start no servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import build

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS = 30.0
TOP = Path(__file__).parents[2]
SUITE = """
import os, subprocess, tempfile
from pathlib import Path

def test_takes_long():
    sleeper = subprocess.Popen(["sleep", "600"])
    told = Path({told!r})
    told.with_suffix(".new").write_text(f"{{os.getpid()}} {{sleeper.pid}} {{tempfile.mkdtemp()}}")
    told.with_suffix(".new").rename(told)
    sleeper.wait()

def test_is_quick():
    pass
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which there is nothing to build."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in build.PACKAGES:
        (assets / name).write_text("")
        (assets / name).chmod(0o755)
    own = {"PYTHONPATH": str(TOP), build.ASSETS_VARIABLE: str(assets), "TMPDIR": str(tmp_path)}
    return {**os.environ, **own}


def eventually(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1] not in ("", "Z")


def command(tmp_path: Path, *options: str) -> list[str]:
    suite = tmp_path / "test_suite.py"
    suite.write_text(SUITE.format(told=str(tmp_path / "told")))
    return [sys.executable, "-m", "tests.real.run", "-p", "no:cacheprovider", "-q", str(suite), *options]


@pytest.mark.parametrize(
    ("victim", "number", "code"),
    [
        ("run", signal.SIGINT, 128 + signal.SIGINT),
        ("run", signal.SIGTERM, 128 + signal.SIGTERM),
        ("run", signal.SIGKILL, -signal.SIGKILL),
        ("pytest", signal.SIGKILL, 128 + signal.SIGKILL),
    ],
)
def test_nothing_is_left(tmp_path: Path, environ: dict[str, str], victim: str, number: int, code: int) -> None:
    with subprocess.Popen(command(tmp_path), env=environ, stdout=subprocess.DEVNULL, cwd=tmp_path) as run:
        eventually((tmp_path / "told").exists)
        tester, sleeper, folder = (tmp_path / "told").read_text().split()
        scratch = Path(folder).parent
        assert scratch.parent == tmp_path
        assert scratch.name.startswith("mt-")
        os.kill(run.pid if victim == "run" else int(tester), number)
        assert run.wait(SECONDS) == code
    eventually(lambda: not alive(int(tester)) and not alive(int(sleeper)) and not scratch.exists())


def test_the_exit_code_and_the_output_are_those_of_pytest(tmp_path: Path, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command(tmp_path, "-k", "quick"), env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 passed" in done.stdout
    assert not list(tmp_path.glob("mt-*"))
