"""`status --watch`: follows the objects that a status is made of, and looks again where one of them has changed.

Only what no object shows is asked for now and then, every ten seconds at most: whom istiod is synced with, and whether
clusters still answer.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from meshctl.checks.evidence import GATEWAYS, ISTIOD_SERVICE, ROUTES, Evidence, Sight, gather, refreshed
from meshctl.checks.status.report import status_report
from meshctl.checks.survey import of_all
from meshctl.cli.seeing import StatusOptions, coloured, judged, tell, write
from meshctl.cli.session import Session
from meshctl.cli.status import Form
from meshctl.cluster import Watch
from meshctl.errors import MeshctlError, StoppedError
from meshctl.names import (
    CACERTS,
    GATEWAY,
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    ISTIOD_GATEWAY,
    ISTIOD_ROUTE,
    NAMESPACE,
    READER_TOKEN,
    ROOT_CERT,
    SERVICES_GATEWAY,
    THE_CNI,
    THE_ISTIO,
    VIRTUAL_SERVICE,
    remote_secret,
)
from meshctl.objects import Manifest, Ref, dig
from meshctl.plan import Clients
from meshctl.spec import MeshSpec
from meshctl.waiting import LOOK_UP, News, Seen, stopped

if TYPE_CHECKING:
    from meshctl.checks.status.model import StatusReport

EVERY = 10.0
"""Seconds between two questions to istiod, and for a sign of life, while nothing changes."""

SETTLE = 0.3
"""Seconds without a change after which those that belong together have come."""

SYSTEM = Ref(NAMESPACE, ISTIO_SYSTEM)
EVERYWHERE = (SYSTEM, THE_ISTIO, THE_CNI, GATEWAY_SERVICE, GATEWAY_DEPLOYMENT, INJECTOR, ROOT_CERT)
ON_THE_PRIMARY = (ISTIOD, CACERTS, ISTIOD_GATEWAY, ISTIOD_ROUTE, SERVICES_GATEWAY)
ON_REMOTES = (READER_TOKEN, ISTIOD_SERVICE)

COLLECTED = {GATEWAY: GATEWAYS, VIRTUAL_SERVICE: ROUTES}
"""Of which kinds the evidence has collections, not single objects."""


def followed(mesh: MeshSpec) -> list[tuple[str, Ref]]:
    """Return what is watched: on every cluster, on the primary, on the remotes."""
    secrets = tuple(remote_secret(remote.name) for remote in mesh.remotes)
    return [
        *((cluster.name, ref) for cluster in mesh.clusters for ref in EVERYWHERE),
        *((mesh.primary.name, ref) for ref in (*ON_THE_PRIMARY, *secrets)),
        *((remote.name, ref) for remote in mesh.remotes for ref in ON_REMOTES),
    ]


def follow(one: Session, wanted: StatusOptions) -> "StatusReport":
    """Show the mesh whenever it has changed, until the user stops it; return what was seen last."""
    evidence = gather(one.patient(), one.mesh)
    report = judged(one, evidence, wanted.options)
    what = followed(one.mesh)
    with showing(wanted) as show, one.waiter().watching(what) as (news, watches):
        changes = Changes(what, news, watches)
        show(report)
        while not one.stop:
            try:
                names = changes.next(evidence) or turned(one.clients, evidence)
                evidence = refreshed(one.patient(), one.mesh, evidence, names)
                report = again(one, evidence, wanted.options, report)
            except StoppedError:
                break
            show(report)
    return report


def turned(clients: Clients, known: Evidence) -> frozenset[str]:
    """Return the clusters that have gone or come back: a stream whose other end is lost says nothing by itself."""
    answers = of_all(clients, lambda client: client.version())
    return frozenset(name for name, one in answers.items() if isinstance(one, MeshctlError) != (name in known.silent))


def again(one: Session, evidence: Evidence, options: str, before: "StatusReport") -> "StatusReport":
    """Judge again; the first broken link is looked for only when something else than the time has changed."""
    now = status_report(one.mesh, evidence, datetime.now(UTC), options)
    if same(now, before):
        return replace(now, broken=before.broken)
    return judged(one, evidence, options)


def same(one: "StatusReport", other: "StatusReport") -> bool:
    """Say whether two reports tell the same, whenever that was."""
    return replace(one, at=other.at, broken=other.broken) == other


@dataclass(slots=True)
class Changes:
    """What happens to followed objects, told by cluster.

    `troubled` are the clusters that cannot be watched at the moment. `blind` says that something may never be watched
    (no right, or no such kind): then everything is looked at whenever istiod is asked.
    """

    what: Sequence[tuple[str, Ref]]
    news: "SimpleQueue[News]"
    watches: Sequence[Watch]
    troubled: frozenset[str] = frozenset()
    blind: bool = False

    def next(self, known: Evidence) -> frozenset[str]:
        """Return the clusters to look at again: after a change, or none when it is only time to ask istiod.

        Raises StoppedError when the run is to stop.
        """
        deadline = time.monotonic() + EVERY
        while True:
            names = self._heard(known, min(LOOK_UP, deadline - time.monotonic())) | self._turned()
            while names and (more := self._heard(known, SETTLE)):
                names |= more
            if names:
                return names
            if time.monotonic() >= deadline:
                return frozenset(known.sights) | frozenset(known.silent) if self.blind else frozenset()

    def _heard(self, known: Evidence, seconds: float) -> frozenset[str]:
        try:
            item = self.news.get(timeout=max(seconds, 0.0))
        except Empty:
            return frozenset()
        match item:
            case None:
                raise stopped()
            case Seen():
                cluster, ref = self.what[item.index]
                return frozenset({cluster} if _is_new(known, cluster, ref, item.obj) else ())
            case MeshctlError():
                self.blind = True
                return frozenset()
            case bug:
                raise bug

    def _turned(self) -> frozenset[str]:
        """Return the clusters that have been lost, or found again, since this was asked last."""
        now = frozenset(cluster for (cluster, _), watch in zip(self.what, self.watches, strict=True) if watch.trouble)
        turned, self.troubled = now ^ self.troubled, now
        return turned


def _is_new(known: Evidence, cluster: str, ref: Ref, obj: Manifest | None) -> bool:
    """Say whether an object differs from what is known; a watch begins with the object as it is."""
    sight = known.sights.get(cluster)
    return sight is None or _state(known_of(sight, ref)) != _state(obj)


def known_of(sight: Sight, ref: Ref) -> Manifest | None:
    """Return what is known of a followed object, None when it is not there."""
    if ref.kind not in COLLECTED:
        return sight.get(ref)
    return next((one for one in sight.all(COLLECTED[ref.kind]) if dig(one, "metadata", "name") == ref.name), None)


def _state(obj: Manifest | None) -> tuple[object, object]:
    return dig(obj, "metadata", "uid"), dig(obj, "metadata", "resourceVersion")


@contextmanager
def showing(wanted: StatusOptions) -> Iterator[Callable[["StatusReport"], None]]:
    """Yield how to show a report: in place on a terminal, else one after the other, each once."""
    shown: list[StatusReport] = []
    terminal = wanted.form is Form.TEXT and sys.stdout.isatty()

    def show(report: "StatusReport", put: Callable[["StatusReport"], None]) -> None:
        new = not shown or not same(report, shown[-1]) or report.broken != shown[-1].broken
        if new and wanted.page is not None:
            write(report, wanted.page)
        if new or terminal:
            put(report)
        shown[:] = [report]

    if not terminal:
        yield lambda report: show(report, lambda one: in_turn(one, wanted.form, first=not shown))
        return
    from meshctl.render.status.screen import fitted, screen

    def place(report: "StatusReport") -> None:
        put(fitted(report, sys.stdout.encoding, *shutil.get_terminal_size()))

    with screen(sys.stdout, colour=coloured()) as put:
        yield lambda report: show(report, place)
    for report in shown:
        tell(report, wanted.form)


def in_turn(report: "StatusReport", form: Form, *, first: bool) -> None:
    """Print a report below the one before."""
    if form is Form.TEXT:
        sys.stdout.write(f"{'' if first else chr(10)}seen at {report.at:%H:%M:%S} UTC\n")
    tell(report, form)
    sys.stdout.flush()
