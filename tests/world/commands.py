"""The command line in processes that have imported it before: most of a short command's time is the start of Python."""

import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PRELOADED = (
    "meshctl.cli.app",
    "meshctl.cli.installing",
    "meshctl.cli.introducing",
    "meshctl.cli.keeping",
    "meshctl.cli.plan",
    "meshctl.cli.planning",
    "meshctl.cli.removing",
    "meshctl.cli.rendering",
    "meshctl.cli.verifying",
    "meshctl.kube.client",
    "meshctl.lab.background",
    "meshctl.render.changes_json",
    "meshctl.render.changes_text",
    "meshctl.render.junit",
    "meshctl.render.matrix",
    "meshctl.render.plain",
    "meshctl.render.summary",
    "meshctl.render.timeline_json",
    "meshctl.render.timeline_page",
)
"""Everything the commands import when they need it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it printed."""
        return self.out + self.err


def run(args: tuple[str, ...], environ: dict[str, str], stdin: str, timeout: float) -> Result:
    """Run meshctl to its end in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*PRELOADED])
    with TemporaryDirectory(prefix="command-") as name:
        folder = Path(name)
        (folder / "0").write_text(stdin)
        process = context.Process(target=perform, args=(args, environ, folder), daemon=True)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
        out, err = ((folder / number).read_text() if (folder / number).exists() else "" for number in "12")
        assert process.exitcode is not None
        assert process.exitcode >= 0, f"meshctl {' '.join(args)} did not end within {timeout:g} s\n{out}{err}"
        return Result(process.exitcode, out, err)


def perform(args: tuple[str, ...], environ: dict[str, str], folder: Path) -> None:
    """Be meshctl with these arguments: in the new process."""
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    for number, flags in enumerate((os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(folder / str(number), flags), number)
    sys.stdin = os.fdopen(0)
    sys.argv = ["meshctl", *args]
    from meshctl.cli import main

    main()
