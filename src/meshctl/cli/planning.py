"""What `plan` does: look as an install does, ask for its objects as dry runs, and say what would change."""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from meshctl.changes.asking import Foresight
from meshctl.changes.model import Outcome, Outlook
from meshctl.checks.catalog import Check
from meshctl.checks.finding import errors
from meshctl.checks.rights import plan_rights
from meshctl.cli.installing import refuse
from meshctl.cli.looking import look
from meshctl.cli.planfiles import write_plan
from meshctl.cli.resolving import resolve
from meshctl.cli.session import Session, Show, session
from meshctl.cli.skipping import split, told_skipped
from meshctl.errors import Exit, RefusedError
from meshctl.manifests import render
from meshctl.plans.facts import Circumstances
from meshctl.plans.install import install
from meshctl.render import text
from meshctl.render.choose import Output, choose, say
from meshctl.spec import MeshSpec


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the command line says besides which mesh; `mesh` is that as words for a shell."""

    mesh: str
    force_conflicts: bool = False
    skip: tuple[Check, ...] = ()
    out: Path | None = None
    as_json: bool = False


def run_plan(mesh: MeshSpec, wanted: PlanOptions, show: Show) -> int:
    """Show what an install would change, and return the exit code."""
    began = time.monotonic()
    with session(mesh, show) as one:
        found = look(one, plan_rights)
        counting, passed_over = split(found.findings, wanted.skip)
        if len(found.versions) < len(mesh.clusters):
            refuse(counting)  # whoever does not answer cannot be asked for more
        plan = install(mesh, Circumstances(resolve, found.servers, old_kernel=found.old_kernel))
        outlook = Foresight(one.patient(), render, force=wanted.force_conflicts).of(plan)
        stopping = errors(counting)
        code = Exit.REFUSED if stopping else outlook.exit_code
        tell(outlook, code, wanted, show)
        for said in [*told_skipped(wanted.skip, passed_over), *(str(f) for f in counting if f not in stopping)]:
            one.sink.note(f"warning: {said}")
        if wanted.out and not stopping:
            write_plan(one, outlook, wanted.out, force=wanted.force_conflicts)
        asked = text.count(one.asked.requests, "request")
        took = text.span(time.monotonic() - began)
        one.sink.note(f"asked {text.count(len(mesh.clusters), 'cluster')} with {asked} in {took}")
        next_steps(one, outlook, wanted, code)
    if stopping:
        raise RefusedError("an install would be refused, because\n" + "\n".join(map(str, stopping)))
    return int(code)


def tell(outlook: Outlook, code: Exit, wanted: PlanOptions, show: Show) -> None:
    """Print the result."""
    if wanted.as_json:
        from meshctl.render.changes_json import changes_document

        sys.stdout.write(json.dumps(changes_document(outlook, code)) + "\n")
        return
    from meshctl.render.changes_text import changes_text

    look = choose(Output.PLAIN, is_terminal=sys.stdout.isatty(), environ=os.environ)
    say(changes_text(outlook), sys.stdout, colour=look.colour and not show.plain)


def next_steps(one: Session, outlook: Outlook, wanted: PlanOptions, code: Exit) -> None:
    """Say what carries the plan out."""
    if code is not Exit.CHANGES or outlook.counts[Outcome.CONFLICT] or outlook.counts[Outcome.REFUSED]:
        return
    more = " --force-conflicts" if wanted.force_conflicts else ""
    held = f" --plan-file {quote(str(wanted.out))}" if wanted.out else ""
    skipped = "".join(f" --skip-check {check.code}" for check in wanted.skip)
    one.sink.note(f"next: {' '.join(['meshctl install', wanted.mesh]).strip()}{skipped}{more}{held}")
