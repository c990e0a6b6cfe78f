"""What `status` does: gathers evidence of the whole mesh, has it judged, and prints it."""

import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.evidence import Evidence, gather
from meshctl.checks.status.report import status_report
from meshctl.cli.diagnosing import ending, quick_diagnosis
from meshctl.cli.files import write_whole
from meshctl.cli.session import Session, Show, session
from meshctl.cli.status import Form
from meshctl.errors import Exit
from meshctl.render.choose import Output, choose, say
from meshctl.spec import MeshSpec

if TYPE_CHECKING:
    from meshctl.checks.status.model import StatusReport

PIPED = 120
"""How wide a report is that goes to no terminal."""


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """What the command line says: the options that name the mesh, and where to write the report as a page."""

    options: str
    form: Form = Form.TEXT
    page: Path | None = None
    watch: bool = False


def run_status(mesh: MeshSpec, wanted: StatusOptions, show: Show) -> int:
    """Look once, or until Ctrl-C, and return the exit code: it is about what was seen last."""
    with session(mesh, show) as one:
        if wanted.watch:
            from meshctl.cli.following import follow

            report = follow(one, wanted)
        else:
            report = judged(one, gather(one.patient(), mesh), wanted.options)
            tell(report, wanted.form)
        if wanted.page is not None:
            write(report, wanted.page)
            one.sink.note(f"written: {wanted.page}")
        return int(Exit.DONE if report.healthy else Exit.FAILED)


def judged(one: Session, evidence: Evidence, options: str) -> "StatusReport":
    """Judge what the clusters say; what is not well is looked into."""
    report = status_report(one.mesh, evidence, datetime.now(UTC), options)
    if report.sound or not report.installed or one.stop:
        return report
    found = quick_diagnosis(one, options)
    if isinstance(found, Diagnosis) and not found.healthy:
        return replace(report, broken=found.first)
    one.sink.note(ending(found, options))
    return replace(report, broken=report.open_links)


def write(report: "StatusReport", path: Path) -> None:
    """Write a report as a page."""
    from meshctl.render.status.page import status_page

    write_whole(path, status_page(report))


def tell(report: "StatusReport", form: Form) -> None:
    """Print a report to stdout."""
    if form is Form.JSON:
        from meshctl.render.status.document import document

        sys.stdout.write(json.dumps(document(report)) + "\n")
        return
    from meshctl.render.status.screen import fitted

    columns = shutil.get_terminal_size((PIPED, 0)).columns
    say(fitted(report, sys.stdout.encoding, columns), sys.stdout, colour=coloured())


def coloured() -> bool:
    """Say whether stdout takes colours."""
    return choose(Output.AUTO, is_terminal=sys.stdout.isatty(), environ=os.environ).colour
