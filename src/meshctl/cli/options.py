"""Options that several commands share, named once."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from meshctl.render.choose import Output

if TYPE_CHECKING:
    from meshctl.spec import MeshSpec

MESH, OUTPUT = "Which mesh", "Output"


def _contexts(incomplete: str) -> list[str]:
    from meshctl.errors import MeshctlError
    from meshctl.kube import contexts

    try:
        return [name for name in contexts() if name.startswith(incomplete)]
    except MeshctlError:
        return []  # completing is no moment to complain


East = Annotated[
    str | None,
    typer.Option(
        "--east",
        metavar="CONTEXT",
        help="Kubeconfig context of the primary.",
        rich_help_panel=MESH,
        autocompletion=_contexts,
    ),
]
West = Annotated[
    list[str] | None,
    typer.Option(
        "--west",
        metavar="CONTEXT",
        help="Context of a remote; repeat for more.",
        rich_help_panel=MESH,
        autocompletion=_contexts,
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option("--kubeconfig", metavar="FILE", help="The kubeconfig, if not KUBECONFIG's.", rich_help_panel=MESH),
]
File = Annotated[
    str | None,
    typer.Option("--file", "-f", metavar="FILE", help="The mesh as a file (see meshctl schema).", rich_help_panel=MESH),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Set one field of the file; repeat for more.", rich_help_panel=MESH
    ),
]
Servers = Annotated[
    list[str] | None,
    typer.Option(
        "--server",
        metavar="NAME=URL",
        help="API server of a remote, as the primary's pods reach it.",
        rich_help_panel=MESH,
    ),
]
Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--gateway-address",
        metavar="NAME=IP",
        help="Address of a gateway, if not its load balancer's.",
        rich_help_panel=MESH,
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show every request to an API server.", rich_help_panel=OUTPUT)
]
Plain = Annotated[bool, typer.Option("--plain", help="One line per change, no live display.", rich_help_panel=OUTPUT)]
Progress = Annotated[
    Output,
    typer.Option("--output", "-o", help="How to show progress; json is one event per line.", rich_help_panel=OUTPUT),
]
Report = Annotated[
    str | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write where the time went, however the run ends: a page (.html) or a document (.json).",
        rich_help_panel=OUTPUT,
    ),
]
SkipChecks = Annotated[
    list[str] | None,
    typer.Option("--skip-check", metavar="CODE", help="Let a check pass whatever it finds; repeat for more."),
]
BundleOnFailure = Annotated[
    bool,
    typer.Option(
        "--bundle-on-failure",
        help="Leave a support bundle (see meshctl bundle) when the run fails.",
        rich_help_panel=OUTPUT,
    ),
]
BundleDir = Annotated[
    str,
    typer.Option("--bundle-dir", metavar="DIR", help="Where --bundle-on-failure leaves it.", rich_help_panel=OUTPUT),
]
ForceUnlock = Annotated[bool, typer.Option("--force-unlock", help="Take over the lock of a run that is surely dead.")]


def mesh_from(
    east: str | None,
    west: list[str] | None,
    kubeconfig: str | None,
    file: str | None,
    sets: list[str] | None,
    servers: list[str] | None = None,
    addresses: list[str] | None = None,
    *,
    with_contexts: bool = True,
) -> "MeshSpec":
    """Return the mesh that was typed; raise SpecError with every problem of it, then of its kubeconfig contexts."""
    # `meshctl --help` reads no spec: it need not wait for what would.
    from meshctl.spec.contexts import find_contexts
    from meshctl.spec.flags import Flags
    from meshctl.spec.load import load

    given = Flags(
        east, tuple(west or ()), kubeconfig, file, tuple(sets or ()), tuple(servers or ()), tuple(addresses or ())
    )
    loaded = load(given, os.environ)
    if with_contexts:
        find_contexts(loaded.mesh, os.environ, loaded.places)
    return loaded.mesh
