"""The look that every command takes at the clusters before it would write: ask all of them, judge them together."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from meshctl.checks.preflight.survey import AT_ONCE, OPERATORS, Survey, survey
from meshctl.checks.refusals import Judgement, judge
from meshctl.checks.rights import Rights, install_rights
from meshctl.checks.survey import of_all, operator_running, operators, running
from meshctl.cli.resolving import resolve
from meshctl.cli.session import Session
from meshctl.cluster import Client
from meshctl.errors import TransientError
from meshctl.spec import Cluster, MeshSpec
from meshctl.spec.contexts import find_contexts

Wanted = Callable[[MeshSpec, Cluster], Rights]
"""The rights that a command needs on one cluster."""

CONNECTIONS = 64
"""How many requests are under way to all clusters together; more would only wait for this machine."""


def look(one: Session, rights: Wanted = install_rights) -> Judgement:
    """Ask all clusters what must be known before anything is written; `rights` are those that are needed on each."""
    mesh = one.mesh
    clusters = {cluster.name: cluster for cluster in mesh.clusters}
    at_once = max(1, min(AT_ONCE, CONNECTIONS // len(clusters)))

    def ask(client: Client) -> Survey:
        cluster = clusters[client.cluster]
        found = survey(client, rights(mesh, cluster), primary=cluster == mesh.primary, at_once=at_once)
        if running(found.all(OPERATORS)) is not False:
            return found
        await_operator(one, client)
        return replace(found, lists={**found.lists, OPERATORS: tuple(operators(client))})

    ways = find_contexts(mesh, os.environ)
    proxies = {name: way.proxy_url for name, way in ways.items() if way.proxy_url}
    return judge(mesh, of_all(one.patient(), ask), datetime.now(UTC), resolve, proxies)


def await_operator(one: Session, client: Client) -> None:
    """Give an operator that is just being restarted the time to come back."""

    def attempt() -> None:
        if operator_running(client) is False:
            raise TransientError(f"{client.cluster}: no pod of the Sail operator is ready")

    try:
        one.waiter().retry(attempt, one.mesh.timeouts.contact)
    except TransientError:
        return
