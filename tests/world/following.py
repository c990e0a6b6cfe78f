"""Somebody who follows a README: types every block of it into a shell, one after the other, in the folder it is in."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
SECONDS = 120


@dataclass(frozen=True, slots=True)
class Typed:
    """A block of a README and the heading it stands below."""

    heading: str
    text: str


def blocks(readme: str) -> Iterator[Typed]:
    """Yield the blocks of a README."""
    for found in BLOCK.finditer(readme):
        headings = HEADING.findall(readme[: found.start()])
        yield Typed(headings[-1] if headings else "", found[1])


def follow(folder: Path, environ: Mapping[str, str], *, until: str = "") -> None:
    """Type the blocks of a folder's README, up to a heading; each must succeed."""
    for one in list(blocks((folder / "README.md").read_text())):
        if until and one.heading == until:
            return
        done = shell(one.text, folder, environ)
        assert done.returncode == 0, f"{one.heading}\n{one.text}\n{done.stdout}\n{done.stderr}"


def shell(text: str, folder: Path, environ: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a script as a shell does that stops at the first command that fails."""
    bash = shutil.which("bash")
    assert bash is not None
    path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', '')}"
    return subprocess.run(
        [bash, "-euo", "pipefail", "-c", text],
        env={**environ, "PATH": path},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
