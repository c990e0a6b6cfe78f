"""`render`: options in, files out; no cluster is asked."""

from typing import Annotated

import typer

from meshctl.cli import options as opt

ENGINES = "For a repository"


def render(
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DIR", help="The folder to write; - for one stream to stdout.")
    ],
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    addresses: opt.Addresses = None,
    kustomize: Annotated[
        bool, typer.Option("--kustomize", help="Sort the files into kustomize bases.", rich_help_panel=ENGINES)
    ] = False,
    argo_cd: Annotated[
        bool, typer.Option("--argo-cd", help="Add Argo CD Applications; needs --repo.", rich_help_panel=ENGINES)
    ] = False,
    flux: Annotated[
        bool, typer.Option("--flux", help="Add Flux Kustomizations; needs --repo.", rich_help_panel=ENGINES)
    ] = False,
    repo: Annotated[
        str, typer.Option("--repo", metavar="URL", help="The repository DIR will be in.", rich_help_panel=ENGINES)
    ] = "",
    path: Annotated[
        str, typer.Option("--path", metavar="PATH", help="Where DIR is in it.", rich_help_panel=ENGINES)
    ] = "",
    revision: Annotated[
        str, typer.Option("--revision", metavar="BRANCH", help="Its branch.", rich_help_panel=ENGINES)
    ] = "main",
    hub: Annotated[
        str,
        typer.Option(
            "--hub", metavar="NAME", help="The cluster that the engine itself runs on.", rich_help_panel=ENGINES
        ),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite what was edited, or is not meshctl's.")] = False,
) -> None:
    """Write what `install` applies as files, with a README of the order and the waits. No cluster is asked.

    What is only known at run time stands in `<<brackets>>`, in an object that no API server accepts before it is filled
    in. Exit codes: 0 written, 1 the folder cannot be written, 2 bad input or a folder that is somebody else's.
    """
    from meshctl.cli.rendering import RenderOptions, run_render
    from meshctl.cli.typed import typed_as

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses, with_contexts=False)
    typed = typed_as(east, west, kubeconfig, file, sets, servers, addresses)
    wanted = RenderOptions(
        out=out,
        kustomize=kustomize or argo_cd or flux,
        argo_cd=argo_cd,
        flux=flux,
        repo=repo,
        path=path,
        revision=revision,
        hub=hub,
        force=force,
    )
    raise typer.Exit(run_render(mesh, typed, wanted))
