"""`diagnose`: options in, exit code out."""

from typing import Annotated

import typer

from meshctl.cli import options as opt


def diagnose(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    addresses: opt.Addresses = None,
    verbose: opt.Verbose = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="text|json", help="The form of the result.")
    ] = "text",
) -> None:
    """Name the first broken link of a mesh, with what shows it, why it matters, and the command that mends it.

    Writes nothing, and works for meshes that meshctl has not installed.

    Exit codes: 0 nothing is broken, 1 something is, 2 bad input.
    """
    from meshctl.cli.diagnosing import run_diagnose

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses)
    options = opt.typed(east, west, kubeconfig, file, sets, servers, addresses)
    raise typer.Exit(run_diagnose(mesh, options, output, verbose=verbose))
