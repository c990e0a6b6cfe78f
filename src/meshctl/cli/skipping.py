"""Which checks a user may leave out, and how that is told."""

from collections.abc import Iterable, Sequence

from meshctl.checks.catalog import PREFLIGHT, Check, check_of, unknown
from meshctl.checks.finding import Finding
from meshctl.errors import SpecError


def checks_to_skip(codes: Sequence[str] | None) -> tuple[Check, ...]:
    """Return the checks with these codes; raise SpecError with every code that is none, or that cannot be skipped."""
    problems = [problem for code in codes or () if (problem := _problem(code))]
    if problems:
        raise SpecError(problems, hint="meshctl explain lists every check")
    found = (check_of(code) for code in dict.fromkeys(codes or ()))
    return tuple(dict.fromkeys(check for check in found if check))


def _problem(code: str) -> str:
    check = check_of(code)
    if check is None:
        return f"--skip-check {code}: {unknown(code)}"
    if check not in PREFLIGHT:
        return f"--skip-check {code}: is not made before an install, so there is nothing to skip"
    if check.essential:
        return f"--skip-check {code}: cannot be skipped ({check.title}): nothing could go on without it"
    return ""


def split(findings: Iterable[Finding], skip: Sequence[Check]) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that count, and those of skipped checks."""
    codes = {check.code for check in skip}
    counting: list[Finding] = []
    passed: list[Finding] = []
    for one in findings:
        (passed if one.code in codes else counting).append(one)
    return counting, passed


def told_skipped(skip: Sequence[Check], passed: Sequence[Finding]) -> list[str]:
    """Return a sentence for everything that a skipped check found, or that it found nothing."""
    return [
        f"skipped: {text}"
        for check in skip
        for text in [str(one) for one in passed if one.code == check.code] or [f"{check.title} [{check.code}]: no"]
    ]
