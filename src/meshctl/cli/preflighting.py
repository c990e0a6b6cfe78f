"""What `preflight` does: ask every cluster, judge, and report."""

import json
import os
import sys
import time
from dataclasses import dataclass, replace

from meshctl.checks.catalog import PREFLIGHT, Check
from meshctl.checks.refusals import Judgement
from meshctl.checks.report import Member, Report
from meshctl.cli.looking import look
from meshctl.cli.probing import probe_from_primary, probe_load_balancers
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
    from_primary: bool = False
    load_balancer: bool = False

    @property
    def probes(self) -> tuple[str, ...]:
        """The options of the probes that are asked for."""
        asked = {"--probe-from-primary": self.from_primary, "--probe-load-balancer": self.load_balancer}
        return tuple(option for option, wanted in asked.items() if wanted)


def run_preflight(mesh: MeshSpec, wanted: PreflightOptions, show: Show) -> int:
    """Look, report, and return the exit code."""
    if wanted.form not in FORMS:
        raise SpecError([f"--output: {wanted.form!r} is none of {', '.join(FORMS)}"])
    began = time.monotonic()
    with session(mesh, show) as one:
        seen = look(one)
        report = report_of(one, probed(one, seen, wanted), wanted, began)
    print_report(report, wanted.form)
    return int(report.exit_code)


def probed(one: Session, seen: Judgement, wanted: PreflightOptions) -> Judgement:
    """Carry out the probes that are asked for, where there is somebody to ask."""
    findings = list(seen.findings)
    answering = {name: client for name, client in one.clients.items() if name in seen.versions}
    there = replace(one, clients=answering)
    if wanted.load_balancer:
        findings = probe_load_balancers(there, findings)
    if wanted.from_primary and one.mesh.primary.name in answering:
        findings = probe_from_primary(there, seen.servers, findings)
    return replace(seen, findings=tuple(findings))


def made(check: Check, wanted: PreflightOptions) -> bool:
    """Say whether a check is made: it is not skipped, and if it is a probe's, that is asked for."""
    asked = not check.asked_by or any(option in check.asked_by for option in wanted.probes)
    return asked and check not in wanted.skip


def report_of(one: Session, seen: Judgement, wanted: PreflightOptions, began: float) -> Report:
    """Return what was found as a report."""
    counting, passed_over = split(seen.findings, wanted.skip)
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
        made=tuple(check for check in PREFLIGHT if made(check, wanted)),
        skipped=wanted.skip,
        findings=tuple(counting),
        passed_over=tuple(passed_over),
        requests=one.asked.requests,
        seconds=time.monotonic() - began,
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
