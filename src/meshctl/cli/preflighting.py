"""What `preflight` does: ask every cluster, judge, and report."""

import json
import os
import sys
import time
from dataclasses import dataclass

from meshctl.checks.catalog import PREFLIGHT, Check
from meshctl.checks.refusals import Judgement
from meshctl.checks.report import Member, Report
from meshctl.cli.looking import look
from meshctl.cli.session import Session, Show, session
from meshctl.cli.skipping import split
from meshctl.errors import SpecError
from meshctl.render.choose import Output, choose, say
from meshctl.spec import MeshSpec

FORMS = ("text", "json", "junit")


@dataclass(frozen=True, slots=True)
class PreflightOptions:
    """What the command line says besides which mesh."""

    skip: tuple[Check, ...] = ()
    form: str = "text"


def run_preflight(mesh: MeshSpec, wanted: PreflightOptions, show: Show) -> int:
    """Look, report, and return the exit code."""
    if wanted.form not in FORMS:
        raise SpecError([f"--output: {wanted.form!r} is none of {', '.join(FORMS)}"])
    began = time.monotonic()
    with session(mesh, show) as one:
        seen = look(one)
        report = report_of(one, seen, wanted.skip, time.monotonic() - began)
    print_report(report, wanted.form)
    return int(report.exit_code)


def report_of(one: Session, seen: Judgement, skip: tuple[Check, ...], seconds: float) -> Report:
    """Return what was found as a report."""
    counting, passed_over = split(seen.findings, skip)
    return Report(
        members=tuple(
            Member(
                cluster.name,
                cluster.context,
                one.clients[cluster.name].server(),
                seen.versions.get(cluster.name, ""),
            )
            for cluster in one.mesh.clusters
        ),
        made=tuple(check for check in PREFLIGHT if check not in skip),
        skipped=skip,
        findings=tuple(counting),
        passed_over=tuple(passed_over),
        requests=one.asked.requests,
        seconds=seconds,
    )


def print_report(report: Report, form: str) -> None:
    """Print the report to stdout in the wanted form."""
    from meshctl.render.junit import junit
    from meshctl.render.preflight import report_cases, report_document, report_text

    match form:
        case "json":
            sys.stdout.write(json.dumps(report_document(report)) + "\n")
        case "junit":
            sys.stdout.write(junit(report_cases(report)))
        case _:
            colour = choose(Output.PLAIN, is_terminal=sys.stdout.isatty(), environ=os.environ).colour
            say(report_text(report), sys.stdout, colour=colour)
