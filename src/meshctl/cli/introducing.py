"""What `remote-secret` does: ask the remotes for the reader's token, and print or apply what is made of it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meshctl.checks.finding import Finding, errors
from meshctl.checks.preflight.network import server_for
from meshctl.checks.reviews import missing
from meshctl.checks.rights import Right, remote_secret_rights
from meshctl.checks.survey import of_all
from meshctl.cli.session import Session, Show, session
from meshctl.cluster import Client
from meshctl.errors import ClusterError, Exit, MeshctlError, RefusedError, SpecError
from meshctl.export.files import REMOTE_SECRET
from meshctl.export.yaml_text import yaml_text
from meshctl.manifests import render
from meshctl.names import NODE
from meshctl.plans.facts import Circumstances, reader_kubeconfig
from meshctl.plans.introduction import introduction
from meshctl.spec import Cluster, MeshSpec


@dataclass(frozen=True, slots=True)
class IntroduceOptions:
    """What the command line says besides which mesh."""

    names: tuple[str, ...] = ()
    apply: bool = False
    force_unlock: bool = False


def run_introduce(mesh: MeshSpec, wanted: IntroduceOptions, show: Show) -> int:
    """Print or apply the remote secrets and return the exit code."""
    remotes = chosen(mesh, wanted.names)
    if not wanted.apply and sys.stdout.isatty():
        raise SpecError(
            ["the Secrets hold tokens, which do not belong on a terminal"],
            hint="add --apply, or send the output to kubectl apply -f -",
        )
    with session(mesh, show) as one:
        one.refuse_strangers(also=one.lacking(lambda client: lacks(client, mesh, remotes)) if wanted.apply else ())
        servers = servers_of(one, remotes)
        if not wanted.apply:
            sys.stdout.write(secrets_text(one, remotes, servers))
            return int(Exit.DONE)
        plan = introduction(mesh, remotes, Circumstances(lambda _: [], servers))
        with one.lock("meshctl remote-secret", force=wanted.force_unlock):
            ended, record = one.perform(plan)
        one.sum_up(record)
        return int(ended.exit_code)


def chosen(mesh: MeshSpec, names: Sequence[str]) -> list[Cluster]:
    """Return the remotes of these names or contexts, all if there are none; raises SpecError with every stranger."""
    known = {called: one for one in mesh.remotes for called in (one.context, one.name)}
    strangers = [name for name in names if name not in known]
    if strangers:
        there = ", ".join(remote.name for remote in mesh.remotes)
        raise SpecError([f"{name}: no remote of this mesh; its remotes are {there}" for name in strangers])
    return list(dict.fromkeys(known[name] for name in names)) or list(mesh.remotes)


def lacks(client: Client, mesh: MeshSpec, remotes: Sequence[Cluster]) -> tuple[Right, ...]:
    """Return the rights that a user lacks on one cluster, if it is one of those that are written to."""
    concerned = {cluster.name: cluster for cluster in (mesh.primary, *remotes)}
    if client.cluster not in concerned:
        return ()
    return missing(client, remote_secret_rights(mesh, concerned[client.cluster]))


def servers_of(one: Session, remotes: Sequence[Cluster]) -> dict[str, str]:
    """Return the URL by which istiod reaches each remote; raises RefusedError where there is none."""
    clients = one.patient()
    wanted = {remote.name: remote for remote in remotes}

    def ask(client: Client) -> tuple[str, list[Finding]]:
        return server_for(wanted[client.cluster], client.server(), tuple(client.list(NODE)))

    answers = of_all({name: clients[name] for name in wanted}, ask)
    silent = [answer for answer in answers.values() if isinstance(answer, MeshctlError)]
    if silent:
        raise ClusterError("\n".join(error.message for error in silent), hint=silent[0].hint)
    judged = {name: answer for name, answer in answers.items() if not isinstance(answer, MeshctlError)}
    findings = [finding for _, found in judged.values() for finding in found]
    stopping = errors(findings)
    if stopping:
        raise RefusedError("nothing was written, because\n" + "\n".join(map(str, stopping)))
    for finding in findings:
        one.warn(str(finding))
    return {name: server for name, (server, _) in judged.items()}


def secrets_text(one: Session, remotes: Sequence[Cluster], servers: Mapping[str, str]) -> str:
    """Return the remote secrets as YAML."""
    clients = one.patient()
    made = []
    for remote in remotes:
        kubeconfig = reader_kubeconfig(remote, servers[remote.name]).ask(clients)
        made += render(REMOTE_SECRET, one.mesh, remote, {"kubeconfig": kubeconfig})
    return yaml_text(made)
