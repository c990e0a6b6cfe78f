"""What `--watch` takes for a change: what differs from what is known, and a cluster that is lost or found again."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from queue import SimpleQueue
from typing import Self

import pytest

from meshctl.checks.evidence import GATEWAYS, ROUTES, Evidence
from meshctl.cli.following import (
    EVERYWHERE,
    ON_REMOTES,
    ON_THE_PRIMARY,
    Changes,
    followed,
    known_of,
    same,
    turned,
)
from meshctl.errors import ClusterError, ForbiddenError, StoppedError
from meshctl.manifests import render
from meshctl.names import ISTIOD_GATEWAY, ISTIOD_ROUTE, KINDS, SERVICES_GATEWAY, THE_ISTIO
from meshctl.objects import Manifest, Ref
from meshctl.plan import refs_of
from meshctl.waiting import News, Seen
from tests.core.fake import FakeClient
from tests.status.meshes import evidence, listing, mesh, putting, report, silent

EAST = mesh().primary
WHAT = [("cluster1", THE_ISTIO), ("cluster2", THE_ISTIO)]


@dataclass(slots=True)
class Stream:
    """A watch that says nothing, and may be in trouble."""

    trouble: str = ""
    closed: bool = field(default=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> Manifest | None:
        raise StopIteration

    def close(self) -> None:
        self.closed = True


def istio(version: str) -> Manifest:
    return {"metadata": {"name": "default", "uid": "one", "resourceVersion": version}}


def known() -> Evidence:
    seen = evidence(mesh())
    for cluster, _ in WHAT:
        seen = putting(seen, cluster, THE_ISTIO, istio("7"))
    return seen


def changes(*items: News, trouble: tuple[str, str] = ("", "")) -> Changes:
    news: SimpleQueue[News] = SimpleQueue()
    for item in items:
        news.put(item)
    return Changes(WHAT, news, [Stream(one) for one in trouble])


def test_what_is_known_already_is_no_change() -> None:
    found = changes(Seen(0, istio("7")), Seen(1, istio("8")))
    assert found.next(known()) == {"cluster2"}


def test_changes_that_belong_together_come_together() -> None:
    found = changes(Seen(0, None), Seen(1, istio("8")), Seen(1, istio("9")))
    assert found.next(known()) == {"cluster1", "cluster2"}


def test_a_cluster_that_answers_again_is_looked_at() -> None:
    assert changes(Seen(1, istio("7"))).next(silent(known(), "cluster2")) == {"cluster2"}


def test_a_cluster_that_is_lost_and_found_is_looked_at_twice() -> None:
    found = changes(trouble=("", "connection refused"))
    assert found.next(known()) == {"cluster2"}
    assert found.troubled == {"cluster2"}
    found.watches = [Stream(), Stream()]
    assert found.next(known()) == {"cluster2"}
    assert found.troubled == frozenset()


def test_what_may_not_be_watched_does_not_end_it() -> None:
    found = changes(ForbiddenError("cluster1: forbidden"), Seen(1, istio("8")))
    assert found.next(known()) == {"cluster2"}
    assert found.blind


@pytest.mark.parametrize(("item", "error"), [(None, StoppedError), (ZeroDivisionError("a bug"), ZeroDivisionError)])
def test_a_stop_and_a_bug_end_it(item: News, error: type[BaseException]) -> None:
    with pytest.raises(error):
        changes(item).next(known())


def test_everything_that_is_watched_is_part_of_the_evidence() -> None:
    asked = mesh(2)
    seen = evidence(asked)
    assert [(cluster, ref) for cluster, ref in followed(asked) if known_of(seen.sights[cluster], ref) is None] == []
    of_remotes = len(asked.remotes) * (1 + len(ON_REMOTES))
    assert len(followed(asked)) == len(set(followed(asked))) == 3 * len(EVERYWHERE) + len(ON_THE_PRIMARY) + of_remotes


def test_what_exposes_istiod_and_the_services_is_watched_by_the_names_it_is_made_with() -> None:
    asked = mesh()
    made = [one for name in ("expose-istiod.yaml", "expose-services.yaml") for one in render(name, asked, EAST, {})]
    refs = refs_of(made, KINDS)
    assert len(refs) == 3
    assert {("cluster1", ref) for ref in refs} <= set(followed(asked))


@pytest.mark.parametrize(
    ("ref", "question"), [(ISTIOD_GATEWAY, GATEWAYS), (SERVICES_GATEWAY, GATEWAYS), (ISTIOD_ROUTE, ROUTES)]
)
def test_an_exposure_that_goes_is_a_change_and_one_that_is_there_is_none(ref: Ref, question: str) -> None:
    there: Manifest = {"metadata": {"name": ref.name, "uid": "one", "resourceVersion": "3"}}
    seen = listing(known(), "cluster1", question, there)
    news: SimpleQueue[News] = SimpleQueue()
    found = Changes([("cluster1", ref), WHAT[1]], news, [Stream(), Stream()])
    news.put(Seen(0, there))
    news.put(Seen(1, istio("8")))
    assert found.next(seen) == {"cluster2"}
    news.put(Seen(0, None))
    assert found.next(seen) == {"cluster1"}


def test_another_broken_link_is_another_report_and_the_time_alone_is_not() -> None:
    before = report(evidence(mesh()))
    assert same(replace(before, at=before.at + timedelta(seconds=10)), before)
    found = report(listing(evidence(mesh()), "cluster1", GATEWAYS))
    assert found.problems == before.problems
    assert not same(found, before)


class Mute(FakeClient):
    """A cluster that does not answer."""

    def version(self) -> str:
        raise ClusterError(f"{self.cluster}: no answer in time")


def test_a_cluster_that_stops_answering_without_a_word_is_found() -> None:
    there = {name: FakeClient(name) for name in ("cluster1", "cluster2")}
    assert turned(there, known()) == frozenset()
    assert turned({**there, "cluster2": Mute("cluster2")}, known()) == {"cluster2"}
    assert turned({**there, "cluster2": Mute("cluster2")}, silent(known(), "cluster2")) == frozenset()
    assert turned(there, silent(known(), "cluster2")) == {"cluster2"}
