"""`preflight`: options in, exit code out."""

from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.render.choose import Output


def preflight(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    addresses: opt.Addresses = None,
    skip_checks: opt.SkipChecks = None,
    from_primary: Annotated[
        bool,
        typer.Option("--probe-from-primary", help="Try the remotes' API servers from a pod of the primary."),
    ] = False,
    load_balancer: Annotated[
        bool,
        typer.Option("--probe-load-balancer", help="Ask every load balancer for an address, by a Service."),
    ] = False,
    verbose: opt.Verbose = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="text|json|junit", help="The report's form.")
    ] = "text",
) -> None:
    """Say whether an install would work, before anything is written: every cluster, every check, one report.

    It only reads, except for the probes that are asked for: what they make is taken away again.

    Exit codes: 0 ready (there may be warnings), 2 bad input, 3 an install would refuse, 130 interrupted.
    """
    from meshctl.cli.preflighting import PreflightOptions, run_preflight
    from meshctl.cli.session import Show
    from meshctl.cli.skipping import checks_to_skip

    skip = checks_to_skip(skip_checks)
    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses)
    wanted = PreflightOptions(skip, output, from_primary, load_balancer)
    raise typer.Exit(run_preflight(mesh, wanted, Show(Output.PLAIN, verbose=verbose)))
