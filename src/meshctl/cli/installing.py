"""What `install` does around its plan: look first, refuse or go on, hold the lock, sum up."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from meshctl.certs.material import Severity
from meshctl.checks.catalog import Check
from meshctl.checks.finding import Finding, errors
from meshctl.checks.refusals import mesh_options
from meshctl.checks.rights import Rights, install_rights, plan_rights
from meshctl.cli.diagnosing import tell_first_broken
from meshctl.cli.looking import look
from meshctl.cli.planfiles import read_plan, refuse_another_request, refuse_moved
from meshctl.cli.resolving import resolve
from meshctl.cli.session import Session, Show, session
from meshctl.cli.skipping import split, told_skipped
from meshctl.errors import Exit, RefusedError
from meshctl.plan import Plan
from meshctl.plans.facts import Circumstances
from meshctl.plans.install import install
from meshctl.render.choose import Output
from meshctl.spec import Cluster, MeshSpec


@dataclass(frozen=True, slots=True)
class InstallOptions:
    """What the command line says besides which mesh."""

    dry_run: bool = False
    force_conflicts: bool = False
    force_unlock: bool = False
    skip: tuple[Check, ...] = ()
    plan_file: str = ""


def run_install(mesh: MeshSpec, wanted: InstallOptions, show: Show) -> int:
    """Install and return the exit code."""
    # Before anything is asked: a file that is none should not take the time of a survey.
    held_to = read_plan(wanted.plan_file) if wanted.plan_file else None
    with session(mesh, show) as one:
        found = look(one, held_rights if held_to else install_rights)
        counting, passed_over = split(found.findings, wanted.skip)
        plan = install(mesh, Circumstances(resolve, found.servers, old_kernel=found.old_kernel))
        if wanted.dry_run:
            return tell(plan, counting, one, told_skipped(wanted.skip, passed_over))
        for text in told_skipped(wanted.skip, passed_over):
            one.warn(text)
        for finding in counting:
            if finding.severity is not Severity.ERROR:
                one.warn(str(finding))
        refuse(counting)
        if held_to:
            refuse_another_request(one, held_to, force=wanted.force_conflicts)
        with one.lock("meshctl install", force=wanted.force_unlock):
            if held_to:
                refuse_moved(one, plan, held_to, force=wanted.force_conflicts)
            ended, record = one.perform(plan, force_conflicts=wanted.force_conflicts)
        one.sum_up(record)
        if ended.exit_code is Exit.DONE:
            one.sink.note(f"next: meshctl verify {mesh_options(mesh)}")
        elif ended.exit_code is not Exit.INTERRUPTED:
            tell_first_broken(one)
        return int(ended.exit_code)


def held_rights(mesh: MeshSpec, cluster: Cluster) -> Rights:
    """Return what an install needs that is held to a plan: it plans anew first."""
    return install_rights(mesh, cluster) | plan_rights(mesh, cluster)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise RefusedError with everything that stands in the way."""
    found = errors(findings)
    if found:
        raise RefusedError("nothing was written, because\n" + "\n".join(map(str, found)))


def tell(plan: Plan, findings: list[Finding], one: Session, skipped: list[str]) -> int:
    """Print the plan, and what would stand in its way."""
    from meshctl.cli.telling import objects_of
    from meshctl.render.plan_text import plan_document, plan_text

    if one.look.output is Output.JSON:
        sys.stdout.write(json.dumps(plan_document(plan, objects_of(plan.mesh))) + "\n")
    else:
        sys.stdout.write(plan_text(plan, objects_of(plan.mesh)) + "\n")
    stopping = errors(findings)
    for text in skipped:
        one.sink.note(f"warning: {text}")
    for finding in findings:
        # stdout holds the one document; what there is to say besides goes to stderr.
        one.sink.note(f"{'install would refuse' if finding in stopping else 'warning'}: {finding}")
    return int(Exit.REFUSED if stopping else Exit.DONE)
