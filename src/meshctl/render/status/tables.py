"""The tables of a status report as data: the terminal lays them out, the page makes HTML of them.

Rows that say the same of many clusters are folded into one, so that thirty clusters stay readable.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from meshctl.checks.status.model import ClusterStatus, GatewaySeen, Health, StatusReport
from meshctl.render.status import words
from meshctl.render.text import count, several

FOLDED_FROM = 9
"""From how many clusters on rows are folded."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; well is what needs no colour."""

    text: str
    health: Health = Health.WELL


@dataclass(frozen=True, slots=True)
class Table:
    """One table; every row has as many cells as there are heads."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(report: StatusReport) -> tuple[Table, ...]:
    """Return the tables that have anything to show."""
    answering = [one for one in report.clusters if not one.silence]
    made = (
        Table("Resources", ("CLUSTER", "RESOURCE", "VERSION", "STATE"), tuple(_resources(answering))),
        Table("Addresses", ("CLUSTER", "NETWORK", "GATEWAY", "API SERVER"), tuple(_addresses(answering))),
        Table("Versions", ("CLUSTER", "KUBERNETES", "OPERATOR"), tuple(_versions(answering))),
        Table(
            "Remotes",
            ("CLUSTER", "SECRET AGE", "TOKEN AGE", "LOOKS FOR ISTIOD AT", "SYNC"),
            tuple(_remotes(report)),
        ),
        Table("Roots", ("SHA-256", "EXPIRES", "HELD BY"), tuple(_roots(report))),
        Table("Signing certificates", ("CLUSTER", "EXPIRES", "SHA-256 AND SUBJECT"), tuple(_signing(report))),
        Table("Not as asked for", ("CLUSTER", "WHAT", "ASKED FOR", "THERE"), tuple(_drift(report))),
    )
    return tuple(_folded(table, len(report.clusters)) for table in made if table.rows)


def _folded(table: Table, clusters: int) -> Table:
    if clusters < FOLDED_FROM or table.heads[0] != "CLUSTER":
        return table
    groups: dict[tuple[Cell, ...], list[Cell]] = {}
    for first, *rest in table.rows:
        groups.setdefault(tuple(rest), []).append(first)
    rows = tuple(
        (firsts[0] if len(firsts) == 1 else Cell(count(len(firsts), "cluster")), *rest)
        for rest, firsts in groups.items()
    )
    return Table(table.title, table.heads, rows)


def _resources(clusters: list[ClusterStatus]) -> Iterator[tuple[Cell, ...]]:
    for cluster in clusters:
        name = Cell(cluster.name)
        for one in cluster.resources:
            state = Cell(words.state(one), _well(one.verdict.met))
            yield name, Cell(one.kind), Cell(words.version(one.version)), state
        if cluster.istiod is not None:
            one_istiod = cluster.istiod
            state = Cell(words.ready(one_istiod), _well(one_istiod.verdict.met))
            yield name, Cell("istiod"), Cell(words.version(one_istiod.version)), state
        if cluster.gateway is not None:
            proxies = ", ".join(cluster.gateway.proxies)
            yield name, Cell("gateway"), Cell(words.version(proxies)), _pods(cluster.gateway)


def _pods(gateway: GatewaySeen) -> Cell:
    if gateway.bare:
        return Cell(f"{words.ready(gateway.workload)}, NOT INJECTED", Health.BROKEN)
    return Cell(words.ready(gateway.workload), _well(gateway.workload is not None and gateway.workload.verdict.met))


def _well(met: object) -> Health:
    return Health.WELL if met else Health.BROKEN


def _addresses(clusters: list[ClusterStatus]) -> Iterator[tuple[Cell, ...]]:
    for cluster in clusters:
        one = cluster.gateway
        network = Cell(cluster.network) if one is None else Cell(one.network or "(none)", _well(_labelled(cluster)))
        addresses = one.addresses if one else ()
        gateway = Cell(", ".join(addresses) or "none", _well(addresses))
        yield Cell(cluster.name), network, gateway, Cell(cluster.server)


def _labelled(cluster: ClusterStatus) -> bool:
    return cluster.gateway is not None and cluster.gateway.network == cluster.network


def _versions(clusters: list[ClusterStatus]) -> Iterator[tuple[Cell, ...]]:
    for cluster in clusters:
        down = cluster.operator is not None and cluster.operator.ready == 0
        operator = Cell(words.operator(cluster.operator), _well(not down))
        yield Cell(cluster.name), Cell(words.version(cluster.kubernetes)), operator


def _remotes(report: StatusReport) -> Iterator[tuple[Cell, ...]]:
    for cluster in report.remotes:
        access, discovery = cluster.access, cluster.discovery
        if access is None or not report.installed:
            continue
        missing = Health.WELL if access.secret else Health.BROKEN
        wrong = Health.BROKEN if discovery is not None and not discovery.verdict.met else Health.WELL
        yield (
            Cell(cluster.name),
            Cell(words.age(access.secret_made, report.at), missing),
            Cell(words.age(access.token_made, report.at)),
            Cell(", ".join(discovery.used) if discovery else words.NOBODY, wrong),
            Cell(access.verdict.detail, access.health),
        )


def _roots(report: StatusReport) -> Iterator[tuple[Cell, ...]]:
    held: dict[str, dict[str, list[str]]] = {}
    roots = {}
    for cluster in report.clusters:
        for trust in cluster.trust:
            for root in trust.roots:
                roots[root.fingerprint] = root
                held.setdefault(root.fingerprint, {}).setdefault(trust.place, []).append(cluster.name)
    everyone = [one.name for one in report.clusters if not one.silence]
    for fingerprint, places in held.items():
        root = roots[fingerprint]
        # One root that everybody serves is as it should be; another one beside it deserves a look.
        health = Health.WELL if len(held) == 1 else Health.WARNING
        yield (
            Cell(words.fingerprint(root), health),
            Cell(words.until(root.expires, report.at), _well(root.expires > report.at)),
            Cell(_held(places, everyone)),
        )


def _held(places: dict[str, list[str]], everyone: list[str]) -> str:
    """Return who holds a root in which objects; objects that the same clusters have are said together."""
    groups: dict[str, list[str]] = {}
    for place, names in places.items():
        groups.setdefault(_who(names, everyone), []).append(place)
    return "; ".join(f"{who}: {', '.join(found)}" for who, found in groups.items())


def _who(names: list[str], everyone: list[str]) -> str:
    return "everywhere" if names == everyone and len(everyone) > 1 else several(names, "cluster", most=4)


def _signing(report: StatusReport) -> Iterator[tuple[Cell, ...]]:
    for cluster in report.clusters:
        one = cluster.signing
        if one is None or cluster.istiod is None:
            continue  # nothing reads the one of a cluster without istiod
        expiry = Cell(words.until(one.expires, report.at), _well(one.expires > report.at))
        yield Cell(cluster.name), expiry, Cell(words.certificate(one))


def _drift(report: StatusReport) -> Iterator[tuple[Cell, ...]]:
    for one in report.drift:
        yield Cell(one.cluster), Cell(one.what), Cell(one.asked), Cell(one.found, Health.WARNING)
