"""`remote-secret`: what lets the primary's istiod into a remote; the one command whose output is a secret."""

from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.render.choose import Output


def remote_secret(
    remotes: Annotated[
        list[str] | None, typer.Argument(metavar="[REMOTE]...", help="Names of remotes; all of them if none is given.")
    ] = None,
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Make the reader's token if need be, and apply the Secrets to the primary."),
    ] = False,
    force_unlock: opt.ForceUnlock = False,
    verbose: opt.Verbose = False,
    plain: opt.Plain = False,
) -> None:
    """Print the remote secrets, which hold tokens; or apply them to the primary, as `install` does.

    Exit codes: 0 done, 1 a step failed, 2 bad input, 3 refused, 4 there is no token (yet), 6 locked, 130 interrupted.
    """
    from meshctl.cli.introducing import IntroduceOptions, run_introduce
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers)
    wanted = IntroduceOptions(names=tuple(remotes or ()), apply=apply, force_unlock=force_unlock)
    raise typer.Exit(run_introduce(mesh, wanted, Show(Output.AUTO, plain, verbose)))
