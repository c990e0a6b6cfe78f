"""`plan`, also called `diff`: what an install would change."""

from enum import StrEnum
from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.cli.typed import Typed


class Form(StrEnum):
    """How the changes are written."""

    TEXT = "text"
    JSON = "json"


def plan(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    addresses: opt.Addresses = None,
    skip_checks: opt.SkipChecks = None,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Show what taking over other managers' fields would change.")
    ] = False,
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Write the plan down, for meshctl install --plan-file.")
    ] = "",
    verbose: opt.Verbose = False,
    plain: Annotated[bool, typer.Option("--plain", help="No colours.", rich_help_panel=opt.OUTPUT)] = False,
    output: Annotated[
        Form, typer.Option("--output", "-o", help="The result's form.", rich_help_panel=opt.OUTPUT)
    ] = Form.TEXT,
) -> None:
    """Show what meshctl install would change, field by field, and write nothing. Also called meshctl diff.

    Exit codes: 0 nothing to do, 10 something to change, 1 a cluster failed, 2 bad input, 3 an install would be refused,
    130 interrupted.
    """
    from meshctl.cli.files import file_at
    from meshctl.cli.planning import PlanOptions, run_plan
    from meshctl.cli.session import Show
    from meshctl.cli.skipping import checks_to_skip
    from meshctl.render.choose import Output

    skip = checks_to_skip(skip_checks)
    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses)
    given = [tuple(words or ()) for words in (west, sets, servers, addresses)]
    typed = Typed(east, given[0], kubeconfig, file, *given[1:])
    wanted = PlanOptions(
        typed.whole(), force_conflicts, skip, file_at("--out", out) if out else None, as_json=output is Form.JSON
    )
    raise typer.Exit(run_plan(mesh, wanted, Show(Output.AUTO, plain, verbose)))
