"""Draws docs/terminal.svg from a real run: lab up, install and verify, as a terminal shows them.

    python scripts/picture.py docs/terminal.svg

A pseudo-terminal records what the commands print; the live display draws over itself, so what is shown is what a
reader of the terminal is left with.
"""

import os
import pty
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 110
SPEED = "10"
COMMANDS = (
    ("meshctl", "install", "--east", "east", "--west", "west"),
    ("meshctl", "verify", "--east", "east", "--west", "west"),
)


def main() -> None:
    """Run the commands on a lab of their own and write the picture."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            **{k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR")},
            "MESHCTL_STATE_DIR": folder,
            "KUBECONFIG": f"{folder}/kubeconfig",
            "TERM": "xterm-256color",
            "COLUMNS": str(WIDTH),
        }
        up = ("meshctl", "lab", "up", "--speed", SPEED, "--kubeconfig", environ["KUBECONFIG"])
        subprocess.run(up, env=environ, check=True, stdout=subprocess.DEVNULL)
        try:
            screens = [(command, recorded(command, environ)) for command in COMMANDS]
        finally:
            subprocess.run(("meshctl", "lab", "down"), env=environ, check=False, stdout=subprocess.DEVNULL)
    target.write_text(drawn(screens))


def recorded(command: tuple[str, ...], environ: dict[str, str]) -> str:
    """Run a command in a pseudo-terminal and return what it printed."""
    leader, follower = pty.openpty()
    program = shutil.which(command[0]) or command[0]
    process = subprocess.Popen([program, *command[1:]], env=environ, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    chunks = []
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:  # the other side is closed: the command has ended
            break
        if not chunk:
            break
        chunks.append(chunk)
    os.close(leader)
    if process.wait():
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return settled(b"".join(chunks).decode())


def settled(output: str) -> str:
    """Return what is left on a screen: erased lines are gone, and a line written over is its last state."""
    lines: list[str] = [""]
    row = 0
    for part in output.replace("\r\n", "\n").split("\n"):
        rows_up = part.count("\x1b[1A")
        row = max(0, row - rows_up)
        text = part.rpartition("\x1b[2K")[2].rpartition("\r")[2]
        for hidden in ("\x1b[1A", "\x1b[?25l", "\x1b[?25h"):
            text = text.replace(hidden, "")
        lines[row:] = [*([text] if row < len(lines) else []), *([] if row < len(lines) else [text])]
        row += 1
    return "\n".join(line for line in lines if line is not None)


def drawn(screens: Sequence[tuple[tuple[str, ...], str]]) -> str:
    """Return the picture of all commands and what they left on the screen."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, force_terminal=True, file=nowhere, color_system="truecolor")
        for command, screen in screens:
            console.print(Text(f"$ {' '.join(command)}", style="bold green"))
            console.print(Text.from_ansi(screen.strip("\n")))
            console.print()
        return console.export_svg(title="meshctl")


if __name__ == "__main__":
    main()
