"""`install`, `verify`, `teardown`: options in, exit code out."""

from typing import Annotated

import typer

from meshctl.cli import options as opt
from meshctl.cli.typed import typed_as
from meshctl.errors import SpecError
from meshctl.render.choose import Output
from meshctl.spec import Cluster, MeshSpec

DEFAULT = MeshSpec(Cluster("", "", ""), ())


def install(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    servers: opt.Servers = None,
    addresses: opt.Addresses = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan; write nothing.")] = False,
    skip_checks: opt.SkipChecks = None,
    force_conflicts: Annotated[
        bool, typer.Option("--force-conflicts", help="Take over fields that other managers own.")
    ] = False,
    force_unlock: opt.ForceUnlock = False,
    plan_file: Annotated[
        str,
        typer.Option(
            "--plan-file",
            metavar="FILE",
            help="Refuse to do anything that this file of meshctl plan --out does not say.",
        ),
    ] = "",
    report: opt.Report = None,
    bundle_on_failure: opt.BundleOnFailure = False,
    bundle_dir: opt.BundleDir = ".",
    verbose: opt.Verbose = False,
    plain: opt.Plain = False,
    output: opt.Progress = Output.AUTO,
) -> None:
    """Install the mesh, or finish and check one that is there. Running it again is always safe.

    Exit codes: 0 done, 1 a step failed, 2 bad input, 3 refused (nothing written), 4 timed out, 6 locked,
    130 interrupted.
    """
    from meshctl.cli.installing import InstallOptions, run_install
    from meshctl.cli.keeping import Keep, kept
    from meshctl.cli.session import Listener, Show
    from meshctl.cli.skipping import checks_to_skip

    if dry_run and report:
        raise SpecError(["--dry-run and --report exclude each other: nothing runs that could be reported"])
    if dry_run and plan_file:
        raise SpecError(["--dry-run and --plan-file exclude each other: meshctl plan shows what would change"])
    skip = checks_to_skip(skip_checks)
    mesh = opt.mesh_from(east, west, kubeconfig, file, sets, servers, addresses)
    wanted = InstallOptions(dry_run, force_conflicts, force_unlock, skip, plan_file)
    typed = typed_as(east, west, kubeconfig, file, sets, servers, addresses).whole()

    def perform(heard: Listener) -> int:
        return run_install(mesh, wanted, Show(output, plain, verbose, heard, typed))

    raise typer.Exit(kept("install", mesh, Keep(report, bundle_on_failure, bundle_dir), perform))


def verify(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    namespace: Annotated[
        str | None,
        typer.Option("--namespace", "-n", help="Where the samples run.", show_default=DEFAULT.sample_namespace),
    ] = None,
    requests: Annotated[int, typer.Option("--requests", min=1, max=200, help="Requests in a batch.")] = 10,
    timeout: Annotated[
        str | None,
        typer.Option("--timeout", metavar="DURATION", help="How long to wait for samples, and to try calls: 90s, 2m."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the samples running.")] = False,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Call the samples that are there; deploy and remove nothing.")
    ] = False,
    force_unlock: opt.ForceUnlock = False,
    report: opt.Report = None,
    bundle_on_failure: opt.BundleOnFailure = False,
    bundle_dir: opt.BundleDir = ".",
    verbose: opt.Verbose = False,
    plain: opt.Plain = False,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="table|json|junit", help="The result's form.")
    ] = "table",
) -> None:
    """Prove by real traffic that every cluster reaches every other.

    Exit codes: 0 every version answered every cluster, 5 a pair is missing, 1 or 4 it could not be tried, 2 bad input.
    """
    from meshctl.cli.keeping import Keep, kept
    from meshctl.cli.session import Listener, Show
    from meshctl.cli.verifying import VerifyOptions, run_verify

    extra = [f"sampleNamespace={namespace}"] if namespace else []
    extra += [f"timeouts.{wait}={timeout}" for wait in ("samples", "traffic") if timeout]
    mesh = opt.mesh_from(east, west, kubeconfig, file, [*(sets or []), *extra])
    wanted = VerifyOptions(requests=requests, keep=keep, as_is=as_is, force_unlock=force_unlock, form=output)
    typed = typed_as(east, west, kubeconfig, file, [*(sets or []), *extra]).whole()

    def perform(heard: Listener) -> int:
        return run_verify(mesh, wanted, Show(Output.AUTO, plain, verbose, heard, typed))

    raise typer.Exit(kept("verify", mesh, Keep(report, bundle_on_failure, bundle_dir), perform))


def teardown(
    east: opt.East = None,
    west: opt.West = None,
    kubeconfig: opt.Kubeconfig = None,
    file: opt.File = None,
    sets: opt.Sets = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Go on although others use the mesh, or a cluster does not answer.")
    ] = False,
    keep_certificates: Annotated[
        bool, typer.Option("--keep-certificates", help="Keep istio-system with its cacerts.")
    ] = False,
    keep_namespaces: Annotated[
        bool, typer.Option("--keep-namespaces", help="Keep istio-system and istio-cni.")
    ] = False,
    force_finalizers: Annotated[
        bool, typer.Option("--force-finalizers", help="Release what an operator that is gone still holds.")
    ] = False,
    force_unlock: opt.ForceUnlock = False,
    report: opt.Report = None,
    bundle_on_failure: opt.BundleOnFailure = False,
    bundle_dir: opt.BundleDir = ".",
    verbose: opt.Verbose = False,
    plain: opt.Plain = False,
    output: opt.Progress = Output.AUTO,
) -> None:
    """Remove the mesh from every cluster, in an order that works, and say what is left.

    Exit codes: 0 nothing is left, 7 something is, 1 a step failed, 2 bad input, 3 refused, 6 locked, 130 interrupted.
    """
    from meshctl.cli.keeping import Keep, kept
    from meshctl.cli.removing import TeardownOptions, run_teardown
    from meshctl.cli.session import Show

    mesh = opt.mesh_from(east, west, kubeconfig, file, sets)
    wanted = TeardownOptions(
        yes=yes,
        force=force,
        keep_certificates=keep_certificates,
        keep_namespaces=keep_namespaces,
        force_finalizers=force_finalizers,
        force_unlock=force_unlock,
    )
    code = kept(
        "teardown",
        mesh,
        Keep(report, bundle_on_failure, bundle_dir),
        lambda heard: run_teardown(mesh, wanted, Show(output, plain, verbose, heard)),
    )
    raise typer.Exit(code)
