"""Conditions, events, and the page and document that say what is in a bundle."""

import io
import tarfile

from meshctl.bundle.archive import packed
from meshctl.bundle.index import Contents, document, index_page
from meshctl.bundle.proxies import SHOWN, listeners_of
from meshctl.bundle.question import Missing
from meshctl.bundle.texts import conditions_of, events_of
from tests.render.page import documented
from tests.render.test_journal import OPENING

ISTIO = {
    "kind": "Istio",
    "metadata": {"name": "default", "generation": 2},
    "status": {
        "state": "IstiodNotReady",
        "observedGeneration": 1,
        "conditions": [
            {"type": "Ready", "status": "False", "reason": "IstiodNotReady", "message": "not all\npods",
             "lastTransitionTime": "2026-01-01T00:00:00Z"},
            {"type": "Reconciled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
        ],
    },
}  # fmt: skip
CONTENTS = Contents(
    OPENING,
    3.25,
    {"spec.yaml": "a: é\n", "cluster1/version.txt": "v1.34.2\nhttps://1.2.3.4\n", "cluster1/logs/n/p/c.log": "x"},
    (Missing("cluster2/", "cluster2: connection <refused>"),),
    ("it went well",),
)


def test_conditions() -> None:
    assert conditions_of([ISTIO]) == (
        "Istio/default: IstiodNotReady (generation 2, looked at: 1)\n"
        "  Ready False since 2026-01-01T00:00:00Z IstiodNotReady: not all pods\n"
        "  Reconciled True since 2026-01-01T00:00:00Z\n"
    )
    assert conditions_of([]) == "there is none\n"


def test_events_come_in_the_order_of_time() -> None:
    late = {"lastTimestamp": "2026-01-02T00:00:00Z", "reason": "Late", "message": "token=abcd1234", "count": 3}
    series = {"series": {"lastObservedTime": "2026-01-01T00:00:00Z", "count": 7}, "reason": "Early", "type": "Warning",
              "involvedObject": {"kind": "Pod", "name": "x"}, "reportingComponent": "kubelet"}  # fmt: skip
    first, second = events_of([late, series]).splitlines()
    assert first == "2026-01-01T00:00:00Z Warning 7x pod/x Early kubelet:"
    assert second.endswith("3x /None Late : token=<hidden>")


def test_long_lists_end_somewhere() -> None:
    assert listeners_of("x\n" * (SHOWN + 5)).splitlines()[-1] == "and 5 more"


def test_the_document_as_pinned() -> None:
    assert document(CONTENTS) == {
        "v": 1,
        "type": "bundle",
        "meshctl": "1.2.3",
        "mesh": "mesh1",
        "at": OPENING.at,
        "seconds": 3.25,
        "clusters": [
            {"name": "cluster1", "context": "east", "network": "network1"},
            {"name": "cluster2", "context": "west", "network": "network2"},
        ],
        "files": [
            {"path": "spec.yaml", "bytes": 6},
            {"path": "cluster1/version.txt", "bytes": 24},
            {"path": "cluster1/logs/n/p/c.log", "bytes": 1},
        ],
        "missing": [{"path": "cluster2/", "reason": "cluster2: connection <refused>"}],
    }


def test_the_page_names_exactly_the_keys() -> None:
    assert {*document(CONTENTS), "file", "size"} == documented("`bundle`")


def test_the_page_shows_what_is_there_and_what_is_not() -> None:
    text = index_page(CONTENTS)
    assert '<a href="cluster1/logs/n/p/c.log">logs/n/p/c.log</a>' in text
    assert "cluster2: connection &lt;refused&gt;" in text
    assert "it went well" in text
    assert "Kubernetes v1.34.2" in text
    assert "Kubernetes did not answer" in text


def test_the_archive_says_nothing_of_who_made_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(packed("top", CONTENTS.files, OPENING.at))) as opened:
        members = opened.getmembers()
    assert [one.name for one in members] == [f"top/{name}" for name in CONTENTS.files]
    assert {(one.mode, one.uid, one.gid, one.uname, one.gname) for one in members} == {(0o600, 0, 0, "", "")}
