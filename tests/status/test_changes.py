"""What `--watch` takes for a change: what differs from what is known, and a cluster that is lost or found again."""

from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Self

import pytest

from meshctl.checks.evidence import Evidence
from meshctl.cli.following import EVERYWHERE, Changes, followed, turned
from meshctl.errors import ClusterError, ForbiddenError, StoppedError
from meshctl.names import THE_ISTIO, remote_secret
from meshctl.objects import Manifest, Ref
from meshctl.waiting import News, Seen
from tests.core.fake import FakeClient
from tests.status.meshes import evidence, mesh, putting, silent

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
    expected: set[Ref] = {remote_secret("cluster2"), remote_secret("cluster3")}
    unknown = {(cluster, ref) for cluster, ref in followed(asked) if ref not in seen.sights[cluster].objects}
    assert {ref for _, ref in unknown} == expected
    assert len(followed(asked)) == len(set(followed(asked))) == 3 * len(EVERYWHERE) + 2 + 2 + 2


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
