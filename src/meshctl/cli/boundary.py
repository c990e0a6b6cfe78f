"""The one place that prints errors and exits: ours as sentences, bugs with their traceback."""

import os
import sys

from meshctl.cli.streams import open_closed
from meshctl.errors import Exit, MeshctlError


def main() -> None:
    """Run the command line and exit with the documented code."""
    open_closed()
    from meshctl.cli.app import app

    try:
        app()
    except MeshctlError as error:
        _tell(error)
        _add(error)
        _leave(int(error.exit_code))
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("\ninterrupted; what was begun may be half done: run the same command again to go on\n")
        _add(interrupt)
        _leave(int(Exit.INTERRUPTED))
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); what was begun is not undone.
        sys.stderr.write("the output was closed, so the run was given up\n")
        _silence()
        _leave(int(Exit.FAILED))
    except OSError as error:
        # Files, folders and disks are the user's. What goes wrong with a cluster never comes here.
        what = f"{error.filename}: " if error.filename else ""
        _silence()
        _tell(MeshctlError(f"{what}{(error.strerror or str(error)).lower()}"))
        _leave(int(Exit.FAILED))


def _silence() -> None:
    """Throw away what is left to print: it cannot be."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(error: MeshctlError) -> None:
    from meshctl.render.choose import Output, choose, say
    from meshctl.render.problems import problems

    look = choose(Output.AUTO, is_terminal=sys.stderr.isatty(), environ=os.environ)
    say(problems(error), sys.stderr, colour=look.colour)


def _add(error: BaseException) -> None:
    """Say what was noted on the way: what a run has left behind, whatever it ended with."""
    for note in getattr(error, "__notes__", ()):
        sys.stderr.write(f"{note}\n")


def _leave(code: int) -> None:
    sys.stdout.flush()
    sys.exit(code)
