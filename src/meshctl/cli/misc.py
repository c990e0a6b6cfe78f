"""`version` and `schema`."""

import json
import sys
from typing import Annotated

import typer

from meshctl import __version__
from meshctl.errors import SpecError


def version(
    output: Annotated[str, typer.Option("--output", "-o", metavar="text|json", help="The form.")] = "text",
) -> None:
    """Print the versions of meshctl and of what it installs by default."""
    from meshctl.spec import MeshSpec

    default = MeshSpec.__dataclass_fields__["istio_version"].default
    known = {"meshctl": __version__, "istio": default, "python": sys.version.split()[0]}
    if output not in ("text", "json"):
        raise SpecError([f"--output: {output!r} is none of text, json"])
    typer.echo(json.dumps(known) if output == "json" else "\n".join(f"{name} {value}" for name, value in known.items()))


def print_version(wanted: bool) -> None:
    """Print the version and end, if that is wanted."""
    if wanted:
        typer.echo(f"meshctl {__version__}")
        raise typer.Exit


def schema() -> None:
    """Print the JSON Schema of the mesh file, for editors and linters."""
    from meshctl.spec.schema import file_schema

    typer.echo(json.dumps(file_schema(), indent=2))
