"""What `teardown` does around its plan: who else lives here, is it meant, and what is left."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from meshctl.checks.inventory import Leftover, leftovers, listed, tenants
from meshctl.checks.survey import of_all, operator_running
from meshctl.cli.session import Session, Show, session
from meshctl.cluster import Client
from meshctl.errors import Exit, MeshctlError, RefusedError
from meshctl.events import Ended
from meshctl.names import ISTIO_CNI, ISTIO_REVISION
from meshctl.plans.teardown import Removal, teardown
from meshctl.render.choose import Output
from meshctl.spec import MeshSpec

ON_NODES = (
    "not visible through the API: the CNI plugin's files on the nodes (istio-cni.conf in the CNI configuration "
    "directory, istio-cni in the plugin directory)"
)


@dataclass(frozen=True, slots=True)
class TeardownOptions:
    """What the command line says besides which mesh."""

    yes: bool = False
    force: bool = False
    keep_certificates: bool = False
    keep_namespaces: bool = False
    force_finalizers: bool = False
    force_unlock: bool = False


@dataclass(frozen=True, slots=True)
class Inhabited:
    """Other people's workloads on one cluster, and whether what is there was abandoned by its operator."""

    tenants: tuple[str, ...]
    abandoned: bool


def run_teardown(mesh: MeshSpec, wanted: TeardownOptions, show: Show) -> int:
    """Tear down and return the exit code."""
    with session(mesh, show) as one:
        seen = of_all(one.patient(), lambda client: inhabited(client, one.mesh))
        unreachable = {name: answer.message for name, answer in seen.items() if isinstance(answer, MeshctlError)}
        refuse({name: answer for name, answer in seen.items() if isinstance(answer, Inhabited)}, unreachable, wanted)
        confirm(mesh, wanted)
        removal = Removal(
            keep_namespaces=wanted.keep_namespaces,
            keep_certificates=wanted.keep_certificates,
            force=wanted.force,
            rescue=wanted.force_finalizers,
            unreachable=unreachable,
        )
        reached = Session(
            mesh, {n: c for n, c in one.clients.items() if n not in unreachable}, one.look, one.sink, one.stop
        )
        with reached.lock("meshctl teardown", force=wanted.force_unlock):
            ended, record = one.perform(teardown(mesh, removal))
        one.sum_up(record)
        return report(one, ended, reached, wanted)


def inhabited(client: Client, mesh: MeshSpec) -> Inhabited:
    """Look who lives on one cluster, if it answers at all."""
    client.version()
    held = [*listed(client, ISTIO_REVISION), *listed(client, ISTIO_CNI)]
    return Inhabited(tuple(tenants(client, mesh.sample_namespace)), bool(held) and not operator_running(client))


def refuse(seen: Mapping[str, Inhabited], unreachable: Mapping[str, str], wanted: TeardownOptions) -> None:
    """Refuse to pull the mesh from under others, and to wait for an operator that is not there."""
    problems = [
        f"{name}: in use by {', '.join(one.tenants)}" for name, one in seen.items() if one.tenants and not wanted.force
    ]
    problems += [
        f"{name}: no operator runs that could remove what it made; it would hang (--force-finalizers does without)"
        for name, one in seen.items()
        if one.abandoned and not wanted.force_finalizers
    ]
    if problems or not seen:
        problems += [f"{name} cannot be reached: {why}" for name, why in unreachable.items()] if not seen else []
        hint = "--force removes it all the same" if any("in use" in problem for problem in problems) else ""
        raise RefusedError("nothing was removed, because\n" + "\n".join(problems), hint=hint)


def confirm(mesh: MeshSpec, wanted: TeardownOptions) -> None:
    """Ask at a terminal; without one, only --yes will do."""
    if wanted.yes:
        return
    names = ", ".join(f"{cluster.name} ({cluster.context})" for cluster in mesh.clusters)
    if not sys.stdin.isatty():
        msg = f"this would remove mesh {mesh.mesh_id} from {names}"
        raise RefusedError(msg, hint="there is no terminal to ask at: say --yes")
    sys.stderr.write(f"Remove mesh {mesh.mesh_id} from {names}? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        msg = "nothing was removed"
        raise RefusedError(msg)


def report(one: Session, ended: Ended, reached: Session, wanted: TeardownOptions) -> int:
    """Say what is left and return the exit code."""
    keep = wanted.keep_namespaces or wanted.keep_certificates
    answers = of_all(reached.patient(), lambda client: leftovers(client, keep_namespaces=keep))
    left: list[Leftover] = [entry for answer in answers.values() if isinstance(answer, list) for entry in answer]
    blind = [name for name in one.clients if not isinstance(answers.get(name), list)]
    lines = [f"left: {entry}" for entry in left]
    lines += [f"not known: what is left on {name}, which does not answer" for name in blind]
    lines += ["nothing is left of the mesh"] if not lines else []
    if one.look.output is not Output.JSON:
        sys.stdout.write("\n".join([*lines, ON_NODES]) + "\n")
    if ended.exit_code is Exit.INTERRUPTED:
        return int(Exit.INTERRUPTED)
    return int(Exit.LEFTOVERS if left else ended.exit_code)
