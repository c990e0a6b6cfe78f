"""`bundle`: options in, exit code out."""

from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.errors import SpecError
from meshctl.render.choose import Output


def bundle(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    out: Annotated[
        str,
        typer.Option(
            "--out", metavar="FILE.tar.gz", help="The archive to write; a name made of mesh and time, unless given."
        ),
    ] = "",
    time_limit: Annotated[
        str,
        typer.Option("--time-limit", metavar="DURATION", help="How long to collect; what comes later is missing."),
    ] = "30s",
    verbose: opt.Verbose = False,
    output: Annotated[
        Output, typer.Option("--output", "-o", metavar="plain|json", help="How to tell what was written.")
    ] = Output.PLAIN,
) -> None:
    """Collect what a support ticket needs into one archive: no secret is in it, and no tool is needed to read it.

    Exit codes: 0 written, whatever is missing in it, 1 it could not be, 2 bad input, 130 interrupted.
    """
    from meshctl.cli.bundling import BundleOptions, run_bundle
    from meshctl.cli.session import Show
    from meshctl.spec.texts import seconds

    limit = seconds(time_limit)
    if not limit:
        raise SpecError([f"--time-limit: {time_limit!r} is not a duration such as 30s or 2m"])
    mesh = opt.mesh_from(east, west, kubeconfig, file, sets)
    raise typer.Exit(run_bundle(mesh, BundleOptions(out, limit), Show(output, verbose=verbose)))
