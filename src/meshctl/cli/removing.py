"""What `teardown` does around its plan: who else lives here, is it meant, and what is left."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from meshctl.checks.inventory import Leftover, is_own_namespace, leftovers, listed, tenants
from meshctl.checks.reviews import missing
from meshctl.checks.rights import Right, Rights, lacking, teardown_rights
from meshctl.checks.survey import of_all, operator_running
from meshctl.cli.session import Session, Show, interruptible, session
from meshctl.cluster import Client
from meshctl.errors import Exit, MeshctlError, RefusedError, StoppedError
from meshctl.events import Ended
from meshctl.names import ISTIO_CNI, ISTIO_REVISION
from meshctl.plans.teardown import Removal, teardown
from meshctl.render.choose import Output
from meshctl.spec import MeshSpec

SHOWN = 10  # leftovers of one cluster
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
    """Other people's workloads on one cluster, and whether what is there was abandoned by its operator.

    Neither is known where rights are missing.
    """

    tenants: tuple[str, ...] = ()
    abandoned: bool = False
    missing: tuple[Right, ...] = ()


def run_teardown(mesh: MeshSpec, wanted: TeardownOptions, show: Show) -> int:
    """Tear down and return the exit code."""
    with session(mesh, show) as one:
        seen = of_all(one.patient(), lambda client: inhabited(client, one.mesh, wanted))
        unreachable = {name: answer.message for name, answer in seen.items() if isinstance(answer, MeshctlError)}
        refuse({name: answer for name, answer in seen.items() if isinstance(answer, Inhabited)}, unreachable, wanted)
        if not wanted.force:
            one.refuse_strangers()
        confirm(mesh, wanted)
        removal = Removal(
            keep_namespaces=wanted.keep_namespaces,
            keep_certificates=wanted.keep_certificates,
            force=wanted.force,
            rescue=wanted.force_finalizers,
            unreachable=unreachable,
        )
        reached = replace(one, clients={n: c for n, c in one.clients.items() if n not in unreachable})
        stock = Stock(one, reached, wanted)
        with reached.lock("meshctl teardown", force=wanted.force_unlock):
            ended, record = one.perform(teardown(mesh, removal), settle=stock.take)
        one.sum_up(record)
        if one.look.output is not Output.JSON:
            sys.stdout.write("\n".join([*stock.lines(), ON_NODES]) + "\n")
        return int(ended.exit_code)


def inhabited(client: Client, mesh: MeshSpec, wanted: TeardownOptions) -> Inhabited:
    """Look who lives on one cluster, if it answers at all."""
    client.version()
    if lacks := missing(client, needed_rights(client, mesh, wanted)):
        return Inhabited(missing=lacks)
    held = [*listed(client, ISTIO_REVISION), *listed(client, ISTIO_CNI)]
    return Inhabited(tuple(tenants(client, mesh.sample_namespace)), bool(held) and not operator_running(client))


def needed_rights(client: Client, mesh: MeshSpec, wanted: TeardownOptions) -> Rights:
    """Return the rights that a teardown takes on one cluster."""
    return teardown_rights(
        mesh,
        next(cluster for cluster in mesh.clusters if cluster.name == client.cluster),
        keep_system=keeps_system(wanted),
        keep_namespaces=wanted.keep_namespaces,
        rescue=wanted.force_finalizers,
        namespace=is_own_namespace(client, mesh.sample_namespace),
    )


def refuse(seen: Mapping[str, Inhabited], unreachable: Mapping[str, str], wanted: TeardownOptions) -> None:
    """Refuse to pull the mesh from under others, and to wait for an operator that is not there."""
    problems = [str(finding) for name, one in seen.items() for finding in lacking(name, one.missing)]
    problems += [
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
    with_it = (
        "" if keeps_system(wanted) else ", and istio-system with its certificates (--keep-certificates spares them)"
    )
    sys.stderr.write(f"Remove mesh {mesh.mesh_id} from {names}{with_it}? [y/N] ")
    sys.stderr.flush()
    try:
        with interruptible():
            answer = sys.stdin.readline()
    except KeyboardInterrupt as interrupt:
        sys.stderr.write("\n")
        msg = "nothing was removed"
        raise StoppedError(msg) from interrupt
    if answer.strip().lower() not in ("y", "yes"):
        msg = "nothing was removed"
        raise RefusedError(msg)


def keeps_system(wanted: TeardownOptions) -> bool:
    """Say whether istio-system stays."""
    return wanted.keep_namespaces or wanted.keep_certificates


@dataclass(slots=True)
class Stock:
    """What is left of the mesh, looked for when the plan has ended; `blind` are clusters that could not be asked."""

    one: Session
    reached: Session
    wanted: TeardownOptions
    left: list[Leftover] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)

    def take(self, ended: Ended) -> int:
        """Look, and return the command's exit code."""
        keep = keeps_system(self.wanted)
        answers = of_all(self.reached.patient(), lambda client: leftovers(client, keep_namespaces=keep))
        self.left = [entry for answer in answers.values() if isinstance(answer, list) for entry in answer]
        self.blind = [name for name in self.one.clients if not isinstance(answers.get(name), list)]
        if ended.exit_code is Exit.INTERRUPTED:
            return int(Exit.INTERRUPTED)
        return int(Exit.LEFTOVERS if self.left else ended.exit_code)

    def lines(self) -> list[str]:
        """Say what is left: what holds the rest up first, and of long lists the beginning."""
        said = []
        for name in self.reached.clients:
            here = sorted((one for one in self.left if one.cluster == name), key=lambda one: not one.why)
            said += [f"left: {entry}" for entry in here[:SHOWN]]
            said += [f"left: {name}: and {len(here) - SHOWN} objects more"] if len(here) > SHOWN else []
        said += [f"not known: what is left on {name}, which does not answer" for name in self.blind]
        gone = not said and not keeps_system(self.wanted)
        said += ["nothing is left of the mesh"] if not said else []
        said += ["the certificates went with istio-system: apply them again before the next install"] if gone else []
        return said
