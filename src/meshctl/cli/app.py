"""The commands, each with its options; what they do is elsewhere."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from meshctl.cli import (
    bundle,
    certs,
    diagnose,
    explain,
    lab,
    mesh,
    misc,
    plan,
    preflight,
    remote_secret,
    render,
    status,
)
from meshctl.cli.streams import given_up_when_closed


class Commands(TyperGroup):
    """The commands; that nobody reads their output any more is an error like others."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with given_up_when_closed():
            return super().invoke(ctx)


app = typer.Typer(
    name="meshctl",
    cls=Commands,
    help="Install, verify, explain and remove a primary-remote, multi-network Istio mesh with the Sail operator.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=misc.print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that come before any command."""


app.command("preflight")(preflight.preflight)
app.command("install")(mesh.install)
app.command("plan")(plan.plan)
app.command("diff", hidden=True)(plan.plan)
app.command("verify")(mesh.verify)
app.command("status")(status.status)
app.command("diagnose")(diagnose.diagnose)
app.command("repair")(diagnose.repair)
app.command("teardown")(mesh.teardown)
app.command("render")(render.render)
app.command("remote-secret")(remote_secret.remote_secret)
app.command("explain")(explain.explain)
app.command("bundle")(bundle.bundle)
app.add_typer(certs.app, name="certs")
app.add_typer(lab.app, name="lab")
app.command("schema")(misc.schema)
app.command("version")(misc.version)
