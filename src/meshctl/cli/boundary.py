"""The one place that prints errors and exits: ours as sentences, bugs with their traceback."""

import os
import sys
from contextlib import suppress
from typing import TextIO

from meshctl.cli.streams import open_closed, output_closed
from meshctl.errors import Exit, MeshctlError


def main() -> None:
    """Run the command line and exit with the documented code."""
    open_closed()
    try:
        _run()
    except MeshctlError as error:
        _tell(error)
        _leave(int(error.exit_code))
    except KeyboardInterrupt as interrupt:
        with suppress(OSError):
            sys.stderr.write("\ninterrupted; what was begun may be half done: run the same command again to go on\n")
            _add(interrupt)
        _leave(int(Exit.INTERRUPTED))
    except BrokenPipeError:
        _tell(output_closed())
        _leave(int(Exit.FAILED))
    except OSError as error:
        # Files, folders and disks are the user's. What goes wrong with a cluster never comes here.
        what = f"{error.filename}: " if error.filename else ""
        _tell(MeshctlError(f"{what}{(error.strerror or str(error)).lower()}"))
        _leave(int(Exit.FAILED))


def _run() -> None:
    """Run the command; what it has printed is out when it ends, or known not to be."""
    from meshctl.cli.app import app

    try:
        app()
    except SystemExit:
        sys.stdout.flush()
        raise


def _tell(error: MeshctlError) -> None:
    """Say what is wrong and what was noted on the way, unless stderr takes nothing either."""
    from meshctl.render.choose import Output, choose, say
    from meshctl.render.problems import problems

    look = choose(Output.AUTO, is_terminal=sys.stderr.isatty(), environ=os.environ)
    with suppress(OSError):
        say(problems(error), sys.stderr, colour=look.colour)
        _add(error)


def _add(error: BaseException) -> None:
    """Say what was noted on the way: what a run has left behind, whatever it ended with."""
    for note in getattr(error, "__notes__", ()):
        sys.stderr.write(f"{note}\n")


def _leave(code: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        _empty(stream)
    sys.exit(code)


def _empty(stream: TextIO) -> None:
    """Let out what is left to print, or throw it away where it cannot be: Python would complain of it at the end."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
