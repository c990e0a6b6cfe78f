"""`status`: options in, exit code out."""

from enum import StrEnum
from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.cli.typed import Typed


class Form(StrEnum):
    """What a report is written as."""

    TEXT = "text"
    JSON = "json"


def status(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    addresses: opt.Addresses = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again whenever something changes, until Ctrl-C.")
    ] = False,
    html: Annotated[
        str | None,
        typer.Option(
            "--html", metavar="FILE", help="Also write it as one self-contained page.", rich_help_panel=opt.OUTPUT
        ),
    ] = None,
    verbose: opt.Verbose = False,
    output: Annotated[
        Form, typer.Option("--output", "-o", help="text, or one JSON document.", rich_help_panel=opt.OUTPUT)
    ] = Form.TEXT,
) -> None:
    """Show the whole mesh on one screen, whoever installed it; nothing is written to any cluster.

    A cluster that does not answer is shown as such, and the rest goes on.

    Exit codes: 0 healthy, 1 not healthy, not to be judged whole, or nothing installed, 2 bad input, 130 interrupted.
    With --watch Ctrl-C is the usual end, and the code is about what was seen last.
    """
    from meshctl.cli.files import file_at
    from meshctl.cli.seeing import StatusOptions, run_status
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, addresses=addresses)
    typed = Typed(east, tuple(west or ()), kubeconfig, file, tuple(sets or ()), addresses=tuple(addresses or ()))
    wanted = StatusOptions(typed.whole(), output, file_at("--html", html, (".html",)) if html else None, watch)
    raise typer.Exit(run_status(mesh, wanted, Show(verbose=verbose)))
