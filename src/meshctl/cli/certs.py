"""`certs generate`, `certs apply`, `certs check`: the guide's prerequisite without the openssl recipe."""

from pathlib import Path
from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.render.choose import Output

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, apply and check the mesh's certificates.")

Keys = Annotated[str, typer.Option("--key", metavar="TYPE", help="rsa-4096, rsa-3072, rsa-2048, ec-p256 or ec-p384.")]


@app.command()
def generate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write; nothing there is overwritten.")],
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    key: Keys = "rsa-4096",
) -> None:
    """Make one root, and an intermediate for each cluster of the mesh."""
    from meshctl.cli.certifying import run_generate

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, with_contexts=False)
    run_generate(mesh, out, key)


@app.command()
def apply(
    source: Annotated[Path, typer.Option("--from", metavar="DIR", help="What `certs generate` wrote.")],
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a different root.")] = False,
    verbose: opt.Verbose = False,
) -> None:
    """Create the `cacerts` secret on every cluster."""
    from meshctl.cli.certifying import run_apply
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets)
    raise typer.Exit(run_apply(mesh, source, Show(Output.PLAIN, verbose=verbose), force=force))


@app.command()
def check(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    verbose: opt.Verbose = False,
) -> None:
    """Check the `cacerts` secrets: complete, chain, keys, expiry, the same root everywhere."""
    from meshctl.cli.certifying import run_check
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets)
    raise typer.Exit(run_check(mesh, Show(Output.PLAIN, verbose=verbose)))
