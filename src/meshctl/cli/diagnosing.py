"""What `diagnose` does: ask everything once, judge it purely, print it; and the same at the end of what has failed."""

import json
import sys
import threading

from meshctl.checks.diagnosis.case import Case
from meshctl.checks.diagnosis.gathering import case_of
from meshctl.checks.diagnosis.judging import judge
from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.finding import Finding
from meshctl.checks.refusals import mesh_options
from meshctl.cli.installing import resolve
from meshctl.cli.session import Session, Show, session
from meshctl.errors import Exit, MeshctlError, SpecError
from meshctl.render.choose import Output, say
from meshctl.spec import MeshSpec

FORMS = ("text", "json")
LIMIT = 10.0
"""Seconds that a diagnosis may take at the end of a command that has failed."""


def run_diagnose(mesh: MeshSpec, options: str, form: str, *, verbose: bool) -> int:
    """Diagnose and return the exit code."""
    if form not in FORMS:
        raise SpecError([f"--output: {form!r} is none of {', '.join(FORMS)}"])
    with session(mesh, Show(Output.AUTO, verbose=verbose)) as one:
        found = diagnosis(one, options)
        show(found, form, one)
    return int(Exit.DONE if found.healthy else Exit.FAILED)


def diagnosis(one: Session, options: str) -> Diagnosis:
    """Ask every cluster, and judge."""
    return judge(case_at_hand(one, options))


def case_at_hand(one: Session, options: str) -> Case:
    """Ask every cluster."""
    return case_of(one.clients, one.patient(), one.mesh, options, resolve)


def tell_first_broken(one: Session, options: str = "") -> None:
    """End a command that has failed with the first broken link: a short block on stderr, never an error of its own.

    `options` are the words that name this mesh on a command line; without them its contexts do. What takes too long, or
    fails itself, is given up in one line: it must not stand in front of the failure.
    """
    if one.stop:
        return
    words = options or mesh_options(one.mesh)
    one.sink.note(ending(quick_diagnosis(one, words), words))


def quick_diagnosis(one: Session, options: str) -> Diagnosis | MeshctlError | None:
    """Ask every cluster once, and judge; return why that failed, or None when it takes longer than LIMIT."""
    ended: list[Diagnosis | MeshctlError] = []

    def look() -> None:
        try:
            ended.append(judge(case_of(one.clients, one.clients, one.mesh, options, resolve)))
        except MeshctlError as error:
            ended.append(error)

    worker = threading.Thread(target=look, daemon=True)
    worker.start()
    worker.join(LIMIT)
    return ended[0] if ended else None


def ending(found: Diagnosis | MeshctlError | None, options: str) -> str:
    """Return the lines that a command which has failed ends with."""
    again = f"meshctl diagnose {options}"
    if found is None:
        return f"diagnosis: not done within {LIMIT:g} s; take the time for it: {again}"
    if isinstance(found, MeshctlError):
        return f"diagnosis: {found.message}; try again: {again}"
    if found.healthy:
        return f"diagnosis: no broken link is to be seen any more; look again: {again}"
    lines = [line for one in found.first for line in brief(one)]
    return "\n".join([*lines, f"           why, and what follows: {again}"])


def brief(one: Finding) -> list[str]:
    """Return a finding in a few lines."""
    advice = (
        [f"           mend: {one.command}"] if one.command else [f"           next: {one.hint}"] if one.hint else []
    )
    return [f"diagnosis: {one.code} {one.text}", *(f"           seen: {seen}" for seen in one.evidence), *advice]


def show(found: Diagnosis, form: str, one: Session) -> None:
    """Print the result to stdout."""
    from meshctl.render.diagnosis import diagnosis_text, document

    if form == "json":
        sys.stdout.write(json.dumps(document(found)) + "\n")
    else:
        say(diagnosis_text(found), sys.stdout, colour=one.look.colour and sys.stdout.isatty())
