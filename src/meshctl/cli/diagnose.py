"""`diagnose` and `repair`: options in, exit code out."""

from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.cli.typed import typed_as


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
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses)
    typed = typed_as(east, west, kubeconfig, file, sets, servers, addresses)
    raise typer.Exit(run_diagnose(mesh, output, Show(verbose=verbose, typed=typed.whole())))


def repair(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    addresses: opt.Addresses = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what it would begin with; write nothing.")] = False,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take over fields that other managers own.")
    ] = False,
    force_unlock: opt.ForceUnlock = False,
    verbose: opt.Verbose = False,
    plain: opt.Plain = False,
) -> None:
    """Mend the first broken link of a mesh where that is safe, and go on until nothing more can be mended.

    Safe is what puts back something of the mesh's own: an address that has changed, labels and annotations, remote
    secrets, gateway pods that were not injected, exposed ports. Everything else stays for you, with its command.

    What was edited by kubectl is mended. A field that another tool owns is left as it is, and the tool is named.

    Exit codes: 0 nothing is broken any more, 1 something is, 2 bad input, 6 locked, 130 interrupted.
    """
    from meshctl.cli.repairing import RepairOptions, run_repair
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses)
    typed = typed_as(east, west, kubeconfig, file, sets, servers, addresses)
    wanted = RepairOptions(dry_run=dry_run, force_unlock=force_unlock, force_conflicts=force_conflicts)
    raise typer.Exit(run_repair(mesh, wanted, Show(plain=plain, verbose=verbose, typed=typed.whole())))
