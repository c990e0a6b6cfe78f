"""A check's long form, and the list of all checks, as `meshctl explain` prints them."""

import textwrap
from collections.abc import Iterable, Iterator

from meshctl.checks.catalog import CATALOG, PREFLIGHT, Check

WIDTH = 100


def explanation(check: Check) -> str:
    """Return what is asked, why it matters, how it comes about, and what to do."""
    where = "before an install" if check in PREFLIGHT else "of a mesh that is there"
    about = f"{check.severity}, {check.category}, asked {where}"
    about += f" with {check.asked_by}" if check.asked_by else ", cannot be skipped" if check.essential else ""
    heading = [f"{check.code}  {check.title}", f"          ({about})"]
    return "\n".join([*heading, "", *_wrapped(check.explanation), "", "What to do", *_wrapped(check.remedy)])


def overview(checks: Iterable[Check] = CATALOG) -> str:
    """Return every check in a line, by category."""
    return "\n".join(_overview(tuple(checks)))


def _overview(checks: tuple[Check, ...]) -> Iterator[str]:
    before = ""
    for check in checks:
        if check.category != before:
            yield f"\n{check.category}" if before else str(check.category)
            before = check.category
        yield f"  {check.code}  {check.severity:<7}  {check.title}"
    yield "\nmeshctl explain CODE says what is asked, why, and what to do."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
