"""What `status` does: gathers evidence of the whole mesh, has it judged, and prints it."""

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from meshctl.checks.evidence import gather
from meshctl.checks.status.report import status_report
from meshctl.cli.session import Session, Show, session
from meshctl.cli.status import Form
from meshctl.errors import Exit
from meshctl.render.choose import Output, choose, say
from meshctl.spec import MeshSpec

if TYPE_CHECKING:
    from meshctl.checks.status.model import StatusReport

PIPED = 120
"""How wide a report is that goes to no terminal."""


def run_status(mesh: MeshSpec, form: Form, show: Show) -> int:
    """Look once and return the exit code."""
    with session(mesh, show) as one:
        report = look(one)
        tell(report, form)
        return int(Exit.DONE if report.healthy else Exit.FAILED)


def look(one: Session) -> "StatusReport":
    """Ask every cluster, and judge what they say."""
    evidence = gather(one.patient(), one.mesh)
    return status_report(one.mesh, evidence, datetime.now(UTC))


def tell(report: "StatusReport", form: Form) -> None:
    """Print a report to stdout."""
    if form is Form.JSON:
        from meshctl.render.status.document import document

        sys.stdout.write(json.dumps(document(report)) + "\n")
        return
    from meshctl.render.status.paper import pen_for, writable
    from meshctl.render.status.text import status_text

    look = choose(Output.AUTO, is_terminal=sys.stdout.isatty(), environ=os.environ)
    pen = pen_for(sys.stdout.encoding, shutil.get_terminal_size((PIPED, 0)).columns)
    say(writable(status_text(report, pen), sys.stdout.encoding), sys.stdout, colour=look.colour)
