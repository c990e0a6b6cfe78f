"""What the `certs` commands do."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TypeVar

import typer

from meshctl.certs.check import check, compare_roots
from meshctl.certs.classify import classify, remedy
from meshctl.certs.files import generate, load, stored_clusters
from meshctl.certs.material import CertProblem, KeyType, Material, Severity
from meshctl.certs.secrets import Act, ApplyPlan, plan_apply
from meshctl.checks.refusals import mesh_options
from meshctl.checks.survey import of_all
from meshctl.cli.session import Session, Show, session
from meshctl.cluster import Client
from meshctl.errors import ClusterError, Exit, MeshctlError, RefusedError, SpecError
from meshctl.names import CACERTS, ISTIO_SYSTEM, NAMESPACE
from meshctl.objects import Ref
from meshctl.spec import MeshSpec

T = TypeVar("T")


def run_generate(mesh: MeshSpec, out: Path, key: str) -> None:
    """Write the certificates of a mesh."""
    if key not in tuple(KeyType):
        raise SpecError([f"--key: {key!r} is none of {', '.join(KeyType)}"])
    there = stored_clusters(out) if out.is_dir() else ()
    wanted = [cluster.name for cluster in mesh.clusters if cluster.name not in there]
    if wanted:
        made = generate(out, wanted, now=datetime.now(UTC), key=KeyType(key))
        root = "with the root that was there" if made.root_reused else "with a new root"
        typer.echo(f"made certificates for {', '.join(made.clusters)} in {out}, {root}")
    else:
        # No error: `install` names this command before `certs apply`, wherever the certificates may be already.
        typer.echo(f"{out}: every cluster of this mesh has its certificates there already")
    _, next_command = remedy(mesh_options(mesh), quote(str(out)))
    typer.echo(f"keep {out}/root-key.pem off the clusters; next: {next_command}")


def run_apply(mesh: MeshSpec, source: Path, show: Show, *, force: bool) -> int:
    """Apply the certificates to every cluster, or to none if one refuses."""
    materials = load(source, [c.name for c in mesh.clusters])
    refuse_bad(materials)
    with session(mesh, show) as one:
        plans = answered(one, lambda client: plan_apply(client.get(CACERTS), materials[client.cluster], force=force))
        refused = [f"{name}: {plan.text}" for name, plan in plans.items() if plan.act is Act.REFUSE]
        if refused:
            raise RefusedError("nothing was written, because\n" + "\n".join(refused))
        for name, plan in plans.items():
            perform(one.clients[name], plan)
            typer.echo(f"{name}: {plan.text}")
    return int(Exit.DONE)


def refuse_bad(materials: Mapping[str, Material]) -> None:
    """Refuse certificates that no istiod should sign with, before anything is written."""
    now = datetime.now(UTC)
    found = [str(replace(p, cluster=name)) for name, one in materials.items() for p in check(one, now) if is_error(p)]
    found += [str(problem) for problem in compare_roots(materials) if is_error(problem)]
    if found:
        raise RefusedError("nothing was written, because\n" + "\n".join(found))


def is_error(problem: CertProblem) -> bool:
    """Say whether a problem stands in the way."""
    return problem.severity is Severity.ERROR


def perform(client: Client, plan: ApplyPlan) -> None:
    """Bring one cluster to what its plan says."""
    if plan.manifest is None:
        return
    if client.get(Ref(NAMESPACE, ISTIO_SYSTEM)) is None:
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ISTIO_SYSTEM}})
    if plan.act is Act.RECREATE:
        client.delete(CACERTS)
    client.apply(plan.manifest, force=plan.act is not Act.CREATE)


def run_check(mesh: MeshSpec, show: Show) -> int:
    """Check what is on the clusters; errors end with exit code 3."""
    with session(mesh, show) as one:
        secrets = answered(one, lambda client: client.get(CACERTS))
    found = classify(secrets, mesh.primary.name, datetime.now(UTC))
    for problem in found:
        typer.echo(f"{problem.severity}: {problem}")
    bad = any(is_error(problem) for problem in found)
    if not found:
        names = ", ".join(cluster.name for cluster in mesh.clusters)
        typer.echo(f"the certificates of {names} are complete, valid, and share one root")
    return int(Exit.REFUSED if bad else Exit.DONE)


def answered(one: Session, ask: Callable[[Client], T]) -> dict[str, T]:
    """Ask every cluster; raise with every one that could not answer."""
    answers = of_all(one.clients, ask)
    failed = [answer for answer in answers.values() if isinstance(answer, MeshctlError)]
    if failed:
        raise ClusterError("\n".join(error.message for error in failed), hint=failed[0].hint)
    return {name: answer for name, answer in answers.items() if not isinstance(answer, MeshctlError)}
