"""`lab up`, `lab status`, `lab fault`, `lab down`: clusters on this machine to try everything on."""

import json
from pathlib import Path
from typing import Annotated

import typer

from meshctl.errors import SpecError

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Clusters on this machine, with an operator and named faults."
)

Faults = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="NAME[@CLUSTER][=VALUE]", help="Break something from the start; repeat for more."),
]


@app.command()
def up(
    remotes: Annotated[int, typer.Option("--remotes", metavar="N", help="How many clusters besides east.")] = 1,
    speed: Annotated[
        float,
        typer.Option(
            "--speed", metavar="X", help="1: as long as on real clusters; 10: ten times faster; 0: no delays."
        ),
    ] = 1.0,
    fault: Faults = None,
    operator: Annotated[str, typer.Option("--operator", metavar="FLAVOUR", help="vendor or upstream.")] = "vendor",
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", metavar="FILE", help="Where to write the kubeconfig.")
    ] = None,
) -> None:
    """Start a lab in the background; return when its API servers answer."""
    from meshctl.lab.background import up as start
    from meshctl.lab.options import LabOptions

    lab = start(LabOptions(remotes, speed, tuple(fault or ()), operator), kubeconfig)
    contexts = ", ".join(lab.record.options.contexts)
    typer.echo(f"the lab {'is running already' if lab.already else 'is up'}: {contexts} (process {lab.record.pid})")
    typer.echo(f"export KUBECONFIG={lab.record.kubeconfig}")


@app.command()
def status(
    output: Annotated[str, typer.Option("--output", "-o", metavar="text|json", help="The form.")] = "text",
) -> None:
    """Show the running lab: clusters, faults, requests served, objects."""
    from meshctl.lab.background import status as ask

    if output not in ("text", "json"):
        raise SpecError([f"--output: {output!r} is none of text, json"])
    lab = ask()
    if output == "json":
        typer.echo(json.dumps(lab.plain(), indent=2))
        return
    typer.echo(f"up {lab.uptime:.0f} s, process {lab.pid}, speed {lab.speed:g}, operator {lab.operator}")
    typer.echo(f"kubeconfig {lab.kubeconfig}")
    typer.echo(f"log        {lab.log}")
    typer.echo(f"faults     {' '.join(lab.faults) or 'none'}")
    width = max(len(cluster.context) for cluster in lab.clusters)
    for cluster in lab.clusters:
        served = f"{cluster.requests} requests, {sum(cluster.objects.values())} objects"
        typer.echo(f"{cluster.context:<{width}}  {cluster.server}  {served}")


@app.command()
def fault(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME[@CLUSTER][=VALUE]]...")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="End these faults; without a name, all.")] = False,
    listing: Annotated[bool, typer.Option("--list", help="Show every fault there is.")] = False,
) -> None:
    """Break something while the lab runs, or mend it; without a name, show what is broken."""
    from meshctl.lab import background

    if listing:
        _list_faults()
        return
    if clear:
        in_force = background.clear_faults(names or ())
    elif names:
        in_force = background.set_faults(names)
    else:
        in_force = list(background.status().faults)
    typer.echo("\n".join(in_force) or "no fault is in force")


def _list_faults() -> None:
    from meshctl.lab.faults import FAULT_KINDS

    shown = [(f"{kind.name}[={kind.value}]" if kind.value else kind.name, kind) for kind in FAULT_KINDS]
    width = max(len(name) for name, _ in shown)
    for name, kind in shown:
        typer.echo(f"{name:<{width}}  {kind.text}" + (f" (default {kind.default})" if kind.default else ""))


@app.command()
def down() -> None:
    """Stop the lab and remove what it has written."""
    from meshctl.lab.background import down as stop

    typer.echo("the lab is down" if stop() else "no lab was running")
