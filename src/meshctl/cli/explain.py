"""`explain`: what a code means, offline."""

from typing import Annotated

import typer


def _codes(incomplete: str) -> list[str]:
    from meshctl.checks.catalog import CATALOG

    return [check.code for check in CATALOG if check.code.startswith(incomplete.upper())]


def explain(
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="CODE...", help="Codes like MESH-101; none lists all.", autocompletion=_codes),
    ] = None,
) -> None:
    """Say what a check asks, why it matters, and what to do; without a code, list all checks.

    Nothing is asked of any cluster. Exit codes: 0 done, 2 there is no such code.
    """
    from meshctl.checks.catalog import check_of, unknown
    from meshctl.errors import SpecError
    from meshctl.render.explanation import explanation, overview

    if not codes:
        typer.echo(overview())
        return
    problems = [f"{code}: {unknown(code)}" for code in codes if check_of(code) is None]
    if problems:
        raise SpecError(problems, hint="meshctl explain lists every check")
    checks = dict.fromkeys(check for code in codes if (check := check_of(code)))
    typer.echo("\n\n".join(explanation(check) for check in checks))
