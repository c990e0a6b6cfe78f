"""What the picture of a mesh shows, before anybody decides how it is drawn: the primary, and a branch for every remote.

A mesh of many remotes is folded: those that are not well are shown one by one, the others as one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from meshctl.checks.status.model import ClusterStatus, Health, Role, StatusReport
from meshctl.names import GATEWAY_SERVICE, ISTIOD
from meshctl.objects import Ref
from meshctl.render.status import words
from meshctl.render.text import count

MOST = 8
"""How many remotes are drawn one by one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line in a box."""

    label: str
    text: str
    health: Health = Health.WELL


@dataclass(frozen=True, slots=True)
class Box:
    """A cluster, or several that are alike. `network` is empty when there are several."""

    title: str
    place: str
    network: str
    health: Health
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """One way between the primary and a remote: what it says, and how it is."""

    text: str
    health: Health


@dataclass(frozen=True, slots=True)
class Branch:
    """A remote with both of its ways: istiod watches it, and it looks for istiod."""

    box: Box
    watch: Arrow
    discovery: Arrow


@dataclass(frozen=True, slots=True)
class Sketch:
    """The whole picture."""

    primary: Box
    branches: tuple[Branch, ...]


def sketch(report: StatusReport, most: int = MOST) -> Sketch:
    """Return what to draw; at most `most` remotes one by one."""
    return Sketch(_box(report, report.primary), tuple(_branches(report, most)))


def _branches(report: StatusReport, most: int) -> Iterator[Branch]:
    remotes = report.remotes
    if len(remotes) <= most:
        yield from (_branch(report, one) for one in remotes)
        return
    unwell = [one for one in remotes if report.health(one) is not Health.WELL]
    yield from (_branch(report, one) for one in unwell[:most])
    for rest, health, what in (
        (unwell[most:], Health.BROKEN, "more, none well"),
        ([one for one in remotes if report.health(one) is Health.WELL], Health.WELL, "remotes, all well"),
    ):
        if rest:
            yield _folded(rest, health, what)


def _folded(clusters: list[ClusterStatus], health: Health, what: str) -> Branch:
    names = words.abridged([one.name for one in clusters], most=3)
    networks = count(len({one.network for one in clusters}), "network")
    box = Box(f"{len(clusters)} {what}", networks, "", health, (Row("", names, health),))
    watch = Arrow("synced" if health is Health.WELL else "see below", health)
    return Branch(box, watch, Arrow("xDS", health))


def _branch(report: StatusReport, cluster: ClusterStatus) -> Branch:
    return Branch(_box(report, cluster), _watch(cluster), _discovery(cluster))


def _watch(cluster: ClusterStatus) -> Arrow:
    """Return istiod's way in; it calls a cluster synced that does not answer any more."""
    if cluster.silence or cluster.access is None:
        return Arrow("not known", Health.UNKNOWN)
    return Arrow(words.sync(cluster.access), cluster.access.health)


def _discovery(cluster: ClusterStatus) -> Arrow:
    if cluster.silence:
        return Arrow("not known", Health.UNKNOWN)
    if cluster.discovery is None:
        return Arrow("no address", Health.BROKEN)
    return Arrow("xDS", Health.WELL) if cluster.discovery.verdict.met else Arrow("old address", Health.BROKEN)


def _box(report: StatusReport, cluster: ClusterStatus) -> Box:
    return Box(cluster.name, words.place(cluster), cluster.network, report.health(cluster), tuple(_rows(cluster)))


def _rows(cluster: ClusterStatus) -> Iterator[Row]:
    """Yield what arrows lead to in the order in which they are drawn: istiod to the API, the remote to the gateway."""
    if cluster.silence:
        yield Row("", "does not answer", Health.UNKNOWN)
        return
    if cluster.istiod is not None:
        met = cluster.istiod.verdict.met
        yield Row("istiod", words.ready(cluster.istiod), Health.WELL if met else Health.BROKEN)
    elif cluster.role is Role.REMOTE:
        yield Row("API", cluster.server)
    else:
        yield Row("istiod", *_absent(cluster, ISTIOD))
    if cluster.gateway is None:
        yield Row("gateway", *_absent(cluster, GATEWAY_SERVICE))
    else:
        yield Row("gateway", words.gateway(cluster.gateway), words.gateway_health(cluster.gateway))


def _absent(cluster: ClusterStatus, what: Ref) -> tuple[str, Health]:
    return ("not seen", Health.UNKNOWN) if what in cluster.unseen else ("none", Health.BROKEN)
