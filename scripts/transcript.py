"""Writes docs/explanation/real-api-servers.md: install, verify and teardown on two real control planes, as they went.

    python -m scripts.transcript docs/explanation/real-api-servers.md

The binaries come from `python -m tests.real.build`; the clusters end with the run.
"""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.world.harness import LabUnderTest, fresh_real

INTRODUCTION = Path(__file__).with_name("real-api-servers.md")
MESH = ("--east", "east", "--west", "west", "--plain")
LOOK = ("get", "istio,istiocni,istiorevision", "-A")
COMMANDS = (
    ("kubectl", "--context", "east", "version"),
    ("meshctl", "install", *MESH),
    ("kubectl", "--context", "east", *LOOK),
    ("kubectl", "--context", "west", *LOOK),
    ("meshctl", "install", *MESH),
    ("meshctl", "verify", *MESH),
    ("meshctl", "teardown", *MESH, "--yes"),
    ("kubectl", "--context", "east", *LOOK),
    ("kubectl", "--context", "west", *LOOK),
)
PORT = re.compile(r"\b127\.0\.0\.1:\d+")
SECONDS = 300


def main() -> None:
    """Run the commands on clusters of their own and write the page."""
    target = Path(sys.argv[1])
    with fresh_real() as mesh:
        asked = mesh.kubectl("east", "version", "-o", "json")
        shown = [told(mesh, command) for command in COMMANDS]
    version = str(json.loads(asked)["serverVersion"]["gitVersion"])
    introduction = INTRODUCTION.read_text(encoding="utf-8").replace("{version}", version)
    target.write_text(introduction.rstrip("\n") + "\n\n```console\n" + "\n".join(shown) + "```\n", encoding="utf-8")


def told(mesh: LabUnderTest, command: tuple[str, ...]) -> str:
    """Run a command and return it with all it printed, in the order in which it did."""
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run(
        [str(program), *command[1:]],
        env=mesh.environ,
        cwd=mesh.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}")
    lines = [f"$ {shlex.join(command)}", *map(str.rstrip, impersonal(mesh, done.stdout).splitlines())]
    return "\n".join(lines) + "\n"


def impersonal(mesh: LabUnderTest, text: str) -> str:
    """Take out what belongs to this machine: ports and folders."""
    return PORT.sub("127.0.0.1:PORT", text).replace(str(mesh.folder), "~")


if __name__ == "__main__":
    main()
