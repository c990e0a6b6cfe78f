"""Where the time of a run went: the bars, the words, the page, and the document that programs read."""

from typing import Any

import pytest

from meshctl.errors import Exit
from meshctl.events import Ended, Event, Finished, Outcome, Planned, Progressed, Started
from meshctl.render.journal import Closing, Journal, Opening
from meshctl.render.timeline import Reason, Stay, stays, timeline
from meshctl.render.timeline_json import document
from meshctl.render.timeline_page import ticks, timeline_page
from meshctl.render.timeline_words import headline, sentences

from .page import documented
from .story import CAUSE, EVENTS, FAILURE, GATEWAY, ISTIO, NAMESPACES, NOON, PLANNED, REMOTE, info
from .test_journal import CLOSING, OPENING

FAILED = Journal(OPENING, EVENTS, CLOSING)
CHAIN, HEALTHY = "the chain from annotation to probe", "everything to be healthy"


def test_the_document_as_pinned() -> None:
    step: dict[str, Any] = {"text": "", "waits": [], "failure": None}
    assert document(timeline(FAILED)) == {
        "v": 1,
        "type": "timeline",
        "meshctl": "1.2.3",
        "command": "install",
        "mesh": "mesh1",
        "clusters": [
            {"name": "cluster1", "context": "east", "network": "network1"},
            {"name": "cluster2", "context": "west", "network": "network2"},
        ],
        "began": NOON - 1,
        "seconds": 614,
        "exit_code": 4,
        "error": None,
        "summary": [
            "meshctl install of mesh1: waited to the deadline, after 10 min 14 s",
            f"9 min 58 s of 10 min 14 s were spent waiting for {CHAIN} on cluster2.",
            "The other 16.0 s went into everything else.",
            "cluster2: Install Istio failed: Istio is not Ready after 600 s.",
        ],
        "waited_for": [
            {"what": CHAIN, "cluster": "cluster2", "seconds": 598},
            {"what": HEALTHY, "cluster": "cluster1", "seconds": 10},
        ],
        "plans": [
            {
                "title": "Install mesh1",
                "began": NOON,
                "seconds": 612,
                "exit_code": 4,
                "succeeded": 2,
                "failed": 1,
                "skipped": 1,
                "critical_path": [NAMESPACES.key, ISTIO.key, REMOTE.key],
                "steps": [
                    {
                        **step,
                        "key": NAMESPACES.key,
                        "cluster": "cluster1",
                        "title": "Create the namespaces",
                        "needs": [],
                        "began": NOON + 0.1,
                        "seconds": 0.4,
                        "outcome": "succeeded",
                        "critical": True,
                    },
                    {
                        **step,
                        "key": ISTIO.key,
                        "cluster": "cluster1",
                        "title": "Install Istio",
                        "needs": [NAMESPACES.key],
                        "began": NOON + 0.5,
                        "seconds": 11.5,
                        "outcome": "succeeded",
                        "critical": True,
                        "text": "istio/default is Healthy",
                        "waits": [
                            {
                                "what": HEALTHY,
                                "began": NOON + 2,
                                "seconds": 10,
                                "reasons": [{"text": "not all istiod pods are ready", "seconds": 10}],
                            }
                        ],
                    },
                    {
                        **step,
                        "key": REMOTE.key,
                        "cluster": "cluster2",
                        "title": "Install Istio",
                        "needs": [ISTIO.key],
                        "began": NOON + 12,
                        "seconds": 600,
                        "outcome": "failed",
                        "critical": True,
                        "waits": [
                            {
                                "what": CHAIN,
                                "began": NOON + 14,
                                "seconds": 598,
                                "reasons": [{"text": CAUSE, "seconds": 598}],
                            }
                        ],
                        "failure": {
                            "message": "Istio is not Ready after 600 s",
                            "last_seen": CAUSE,
                            "hint": FAILURE.hint,
                            "exit_code": 4,
                        },
                    },
                    {
                        **step,
                        "key": GATEWAY.key,
                        "cluster": "cluster2",
                        "title": "Install the east-west gateway",
                        "needs": [REMOTE.key],
                        "began": None,
                        "seconds": 0,
                        "outcome": "skipped",
                        "critical": False,
                        "text": f"needs {REMOTE.key}",
                    },
                ],
            }
        ],
        "warnings": [{"at": NOON + 13, "step": REMOTE.key, "text": "the load balancer hands out a hostname"}],
    }


def test_the_page_names_exactly_the_keys() -> None:
    said = document(timeline(FAILED))
    assert set(said) == documented("`timeline`")
    assert set(said["plans"][0]) == documented("Each of `plans`")
    assert set(said["plans"][0]["steps"][0]) == documented("Each of `steps`")


def reason(at: float, text: str, what: str) -> Progressed:
    return Progressed(at, ISTIO, text, what)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], (), id="no wait"),
        pytest.param([reason(1, "applied", "")], (), id="only a note"),
        pytest.param([reason(1, "no", "it")], (Stay("it", 1, 9, (Reason("no", 9),)),), id="until the step's end"),
        pytest.param(
            [reason(1, "no", "it"), reason(4, "still no", "it"), reason(6, "no", "it")],
            (Stay("it", 1, 9, (Reason("no", 7), Reason("still no", 2))),),
            id="a reason that comes again",
        ),
        pytest.param(
            [reason(1, "no", "it"), reason(4, "given", ""), reason(5, "down", "the other")],
            (Stay("it", 1, 3, (Reason("no", 3),)), Stay("the other", 5, 5, (Reason("down", 5),))),
            id="a note ends a wait",
        ),
        pytest.param(
            [reason(1, "no", "it"), reason(4, "down", "the other")],
            (Stay("it", 1, 3, (Reason("no", 3),)), Stay("the other", 4, 6, (Reason("down", 6),))),
            id="one wait after the other",
        ),
    ],
)
def test_waits_and_how_long_each_reason_stood(events: list[Progressed], expected: tuple[Stay, ...]) -> None:
    assert stays(events, 10) == expected


def test_it_says_where_nine_minutes_went() -> None:
    address, cni, rest = info("cluster1", "Ask"), info("cluster2", "Install IstioCNI"), info("cluster2", "Rest")
    last = info("cluster1", "Last", address)
    events: list[Event] = [
        Planned(NOON, "Install mesh1", ("cluster1", "cluster2"), (address, cni, rest, last)),
        Started(NOON, address),
        Started(NOON, cni),
        Progressed(NOON, cni, "no pods", "IstioCNI to be healthy"),
        Progressed(NOON + 1, address, "not given yet", "the load balancer to give an address"),
        Finished(NOON + 300, cni, Outcome.SUCCEEDED, 300),
        Finished(NOON + 313, address, Outcome.SUCCEEDED, 313),
        Started(NOON + 313, last),
        Progressed(NOON + 443, last, "0 of 1", "its pods to be available"),
        Finished(NOON + 543, last, Outcome.SUCCEEDED, 230),
        Ended(NOON + 543, 543, Exit.DONE, 3, 0, 0),
    ]
    opening = Opening(NOON, "install", "mesh1", (), "1")
    line = timeline(Journal(opening, tuple(events), Closing(NOON + 543, Exit.DONE)))
    assert headline(line) == "meshctl install of mesh1: done, after 9 min 03 s"
    assert sentences(line) == (
        "5 min 12 s of 9 min 03 s were spent waiting for the load balancer to give an address on cluster1.",
        "1 min 40 s were spent waiting for its pods to be available on cluster1.",
        "The other 2 min 11 s went into everything else.",
    )


@pytest.mark.parametrize(
    ("journal", "first", "says"),
    [
        pytest.param(
            Journal(OPENING, EVENTS[:5], None),
            "meshctl install of mesh1: broke off after 3.0 s",
            "The process ended without a word: it was killed, or this is still going on.",
            id="killed",
        ),
        pytest.param(
            Journal(OPENING, (), Closing(NOON, Exit.REFUSED, "nothing was written, because\ncluster1: no operator")),
            "meshctl install of mesh1: the clusters are not fit for it; nothing was written, after 1.0 s",
            "It ended with: nothing was written, because cluster1: no operator",
            id="refused",
        ),
        pytest.param(
            Journal(OPENING, (PLANNED,), Closing(NOON + 1, Exit.DONE)),
            "meshctl install of mesh1: done, after 2.0 s",
            "Nothing was waited for in these 2.0 s.",
            id="nothing to wait for",
        ),
    ],
)
def test_runs_that_ended_otherwise(journal: Journal, first: str, says: str) -> None:
    line = timeline(journal)
    assert headline(line) == first
    assert says in sentences(line)
    assert first in timeline_page(line)
    assert document(line)["summary"] == [headline(line), *sentences(line)]


def test_a_step_that_nobody_saw_end_lasts_to_the_end_of_what_was_seen() -> None:
    line = timeline(Journal(OPENING, EVENTS[:5], None))
    bar = next(bar for bar in line.bars if bar.step == ISTIO)
    assert (bar.seconds, bar.outcome, bar.critical) == (1.5, None, True)


def test_the_page_marks_the_chain_and_says_why_it_failed() -> None:
    text = timeline_page(timeline(FAILED))
    assert text.count("◆") == 1 + 3
    assert "598" not in text
    assert f"9 min 58 s waiting for {CHAIN}:" in text
    assert FAILURE.hint in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, [0]),
        (0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
        (9, [0, 2, 4, 6, 8]),
        (60, [0, 15, 30, 45, 60]),
        (543, [0, 120, 240, 360, 480]),
        (90_000, [0, 14_400, 28_800, 43_200, 57_600, 72_000, 86_400]),
    ],
)
def test_an_axis_has_few_round_ticks(seconds: float, expected: list[float]) -> None:
    assert ticks(seconds) == pytest.approx(expected)
