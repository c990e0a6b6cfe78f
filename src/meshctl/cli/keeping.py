"""What stays of a run when it is over, however it ended: its journal, and what was asked for besides."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from meshctl.cli.journal import Journaling, folder_of, opening_of
from meshctl.cli.reporting import Report, report_at
from meshctl.cli.session import Listener
from meshctl.cli.streams import given_up_when_closed
from meshctl.errors import Exit, MeshctlError
from meshctl.render.journal import Closing, Journal
from meshctl.spec import MeshSpec

NO_FAILURE = frozenset({Exit.DONE, Exit.USAGE, Exit.INTERRUPTED})
"""After these there is nothing to collect: nobody was asked, or somebody wants it to end."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What the command line asks to keep of a run: a report, and a bundle in a folder if it fails."""

    report: str | None = None
    bundle: bool = False
    folder: str = "."


@dataclass(frozen=True, slots=True)
class Keeping:
    """What will be kept; that it can be written has been tried."""

    mesh: MeshSpec
    journaling: Journaling
    report: Report | None
    bundle: Path | None

    def over(self, code: Exit, message: str = "", hint: str = "") -> list[str]:
        """Keep everything and return the lines to end with; what cannot be kept is told, and changes nothing else."""
        journal = self.journaling.close(Closing(time.time(), code, message, hint))
        said = [self._reported(self.report, journal)] if self.report else []
        if self.bundle and code not in NO_FAILURE:
            from meshctl.cli.bundling import bundle_after

            said.append(bundle_after(self.mesh, self.bundle))
        return said

    def _reported(self, report: Report, journal: Journal) -> str:
        try:
            report.write(journal)
        except OSError as error:
            return f"warning: no report at {report.path}: {(error.strerror or str(error)).lower()}"
        return f"report: {report.path}"


def kept(command: str, mesh: MeshSpec, keep: Keep, perform: Callable[[Listener], int]) -> int:
    """Perform a command and keep what is asked for; returns its exit code.

    Whether that can be written is known before anything begins. What there is to say of it comes last: after the
    error, if there is one, as its notes.
    """
    report = report_at(keep.report) if keep.report is not None else None
    bundle = _bundle_in(mesh, keep.folder) if keep.bundle else None
    journaling = Journaling(opening_of(command, mesh, time.time()), folder_of())
    keeping = Keeping(mesh, journaling, report, bundle)
    try:
        with given_up_when_closed():
            code = perform(journaling)
    except MeshctlError as error:
        _note(error, keeping.over(error.exit_code, error.message, error.hint))
        raise
    except KeyboardInterrupt as interrupt:
        _note(interrupt, keeping.over(Exit.INTERRUPTED))
        raise
    except BaseException as bug:
        _note(bug, keeping.over(Exit.FAILED, f"a bug in meshctl: {type(bug).__name__}"))
        raise
    for line in keeping.over(Exit(code)):
        sys.stderr.write(f"{line}\n")
    return code


def _bundle_in(mesh: MeshSpec, folder: str) -> Path:
    from meshctl.cli.bundling import place_of

    return place_of(mesh, "", folder)


def _note(error: BaseException, lines: list[str]) -> None:
    for line in lines:
        error.add_note(line)
