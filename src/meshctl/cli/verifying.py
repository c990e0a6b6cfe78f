"""What `verify` does around its plans: samples, calls, the matrix, and cleaning up."""

import json
import sys
import uuid
from dataclasses import dataclass

from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.inventory import is_own_namespace
from meshctl.checks.missing_pairs import explain
from meshctl.checks.reviews import missing
from meshctl.checks.rights import Right, verify_rights
from meshctl.cli.diagnosing import ending, quick_diagnosis, tell_first_broken
from meshctl.cli.session import Session, Show, session
from meshctl.cluster import Client
from meshctl.errors import Exit, SpecError
from meshctl.events import Ended
from meshctl.plans.verify import Tally, cleanup, expected_versions, verify
from meshctl.spec import MeshSpec
from meshctl.verification import Matrix

FORMS = ("table", "json", "junit")


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What the command line says besides which mesh."""

    requests: int = 10
    keep: bool = False
    as_is: bool = False
    force_unlock: bool = False
    form: str = "table"


def run_verify(mesh: MeshSpec, wanted: VerifyOptions, show: Show) -> int:
    """Verify and return the exit code."""
    if wanted.form not in FORMS:
        raise SpecError([f"--output: {wanted.form!r} is none of {', '.join(FORMS)}"])
    tally = Tally(wanted.requests)
    with session(mesh, show) as one:
        one.reach()
        one.refuse_strangers(also=one.lacking(lambda client: missing_rights(client, mesh, wanted)))
        with one.lock("meshctl verify", force=wanted.force_unlock):
            plan = verify(mesh, tally, uuid.uuid4().hex[:8], as_is=wanted.as_is)
            ended, record = one.perform(plan, settle=lambda ended: verdict(ended, matrix_of(mesh, tally)))
            matrix = matrix_of(mesh, tally)
            broken = None if one.stop or matrix.complete() else quick_diagnosis(one, one.words)
            if not one.stop:
                matrix = explained(one, matrix, broken if isinstance(broken, Diagnosis) else None)
            if not wanted.keep and not wanted.as_is and not one.stop:
                cleaned, _ = one.perform(cleanup(mesh))
            else:
                cleaned = None
        if not matrix.complete():
            one.sum_up(record)
        print_result(matrix, wanted.form, ended.seconds)
        failed = ended if ended.exit_code is not Exit.DONE else cleaned
        if not one.stop and not matrix.complete():
            one.sink.note(ending(broken, one.words))
        elif not one.stop and failed and failed.exit_code is not Exit.DONE:
            tell_first_broken(one)
        return int(failed.exit_code) if failed else int(Exit.DONE)


def missing_rights(client: Client, mesh: MeshSpec, wanted: VerifyOptions) -> tuple[Right, ...]:
    """Return the rights that a user lacks on one cluster."""
    deploy = not wanted.as_is
    own = deploy and is_own_namespace(client, mesh.sample_namespace)
    return missing(client, verify_rights(mesh, deploy=deploy, remove=not wanted.keep, namespace=own))


def verdict(ended: Ended, matrix: Matrix) -> int:
    """Return the exit code: a stop first, then a missing pair; with every pair there, no step's trouble matters."""
    if ended.exit_code is Exit.INTERRUPTED:
        return int(Exit.INTERRUPTED)
    return int(Exit.DONE if matrix.complete() else Exit.VERIFICATION)


def matrix_of(mesh: MeshSpec, tally: Tally) -> Matrix:
    """Return what was counted."""
    versions = expected_versions(mesh)
    sent = max(tally.sent.values(), default=0)
    return Matrix(tuple(versions), tuple(versions.values()), tally.counts(), sent, {})


def explained(one: Session, matrix: Matrix, found: Diagnosis | None) -> Matrix:
    """Return the matrix with what is likely open for every missing pair."""
    hints = explain(one.patient(), one.mesh, matrix, found)
    return Matrix(matrix.clusters, matrix.versions, matrix.counts, matrix.requests, hints)


def print_result(matrix: Matrix, form: str, seconds: float) -> None:
    """Print the result to stdout in the wanted form."""
    from meshctl.render.junit import junit
    from meshctl.render.matrix import cases, document, table

    match form:
        case "json":
            text = json.dumps(document(matrix)) + "\n"
        case "junit":
            text = junit(cases(matrix, seconds))
        case _:
            text = "\n" + table(matrix) + "\n"
    sys.stdout.write(text)
