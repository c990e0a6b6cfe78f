"""What stays of a run when it is over, however it ended: its journal, and the report that was asked for."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from meshctl.cli.journal import Journaling, folder_of, opening_of
from meshctl.cli.reporting import Report, report_at
from meshctl.cli.session import Listener
from meshctl.errors import Exit, MeshctlError
from meshctl.render.journal import Closing, Journal
from meshctl.spec import MeshSpec


@dataclass(frozen=True, slots=True)
class Keep:
    """What the command line asks to keep of a run."""

    report: str | None = None


def kept(command: str, mesh: MeshSpec, keep: Keep, perform: Callable[[Listener], int]) -> int:
    """Perform a command and keep what is asked for; returns its exit code.

    Whether that can be written is known before anything begins. What goes wrong with it afterwards is told, and
    changes neither the exit code nor the error of the run.
    """
    report = report_at(keep.report) if keep.report is not None else None
    journaling = Journaling(opening_of(command, mesh, time.time()), folder_of())
    try:
        code = perform(journaling)
    except MeshctlError as error:
        _over(journaling.close(Closing(time.time(), error.exit_code, error.message, error.hint)), report)
        raise
    except KeyboardInterrupt:
        _over(journaling.close(Closing(time.time(), Exit.INTERRUPTED)), report)
        raise
    except BaseException as bug:
        text = f"a bug in meshctl: {type(bug).__name__}"
        _over(journaling.close(Closing(time.time(), Exit.FAILED, text)), report)
        raise
    _over(journaling.close(Closing(time.time(), Exit(code))), report)
    return code


def _over(journal: Journal, report: Report | None) -> None:
    if report is None:
        return
    try:
        report.write(journal)
    except OSError as error:
        sys.stderr.write(f"warning: no report at {report.path}: {(error.strerror or str(error)).lower()}\n")
    else:
        sys.stderr.write(f"report: {report.path}\n")
