"""What `diagnose` does: ask everything once, judge it purely, print it; and the same at the end of what has failed."""

import json
import sys
import threading
from queue import Empty, SimpleQueue

from meshctl.checks.diagnosis.case import Case
from meshctl.checks.diagnosis.gathering import case_of
from meshctl.checks.diagnosis.judging import judge
from meshctl.checks.diagnosis.result import Diagnosis
from meshctl.checks.finding import Finding
from meshctl.cli.resolving import resolve
from meshctl.cli.session import Session, Show, session
from meshctl.errors import Exit, MeshctlError, SpecError
from meshctl.render.choose import say
from meshctl.spec import MeshSpec

FORMS = ("text", "json")
LIMIT = 10.0
"""Seconds that a diagnosis may take at the end of a command that has failed."""


def run_diagnose(mesh: MeshSpec, form: str, how: Show) -> int:
    """Diagnose and return the exit code."""
    if form not in FORMS:
        raise SpecError([f"--output: {form!r} is none of {', '.join(FORMS)}"])
    with session(mesh, how) as one:
        found = diagnosis(one)
        show(found, form, one)
    return int(Exit.DONE if found.healthy else Exit.FAILED)


def diagnosis(one: Session) -> Diagnosis:
    """Ask every cluster, and judge."""
    return judge(case_at_hand(one))


def case_at_hand(one: Session) -> Case:
    """Ask every cluster."""
    return case_of(one.clients, one.patient(), one.mesh, one.words, resolve)


def tell_first_broken(one: Session) -> None:
    """End a command that has failed with the first broken link: a short block on stderr, never an error of its own."""
    if not one.stop:
        one.sink.note(ending(quick_diagnosis(one, one.words), one.words))


def quick_diagnosis(one: Session, options: str) -> Diagnosis | MeshctlError | None:
    """Diagnose within a few seconds; return what went wrong with that, or None when it took too long.

    It must not stand in front of a failure: nothing is asked twice, and nothing is waited for.
    """
    ended: SimpleQueue[Diagnosis | MeshctlError] = SimpleQueue()

    def look() -> None:
        try:
            ended.put(judge(case_of(one.clients, one.clients, one.mesh, options, resolve)))
        except MeshctlError as error:
            ended.put(error)

    threading.Thread(target=look, name="diagnosis", daemon=True).start()
    try:
        return ended.get(timeout=LIMIT)
    except Empty:
        return None


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
