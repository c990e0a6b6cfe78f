from datetime import timedelta, timezone

import pytest

from meshctl.errors import Exit
from meshctl.events import Ended, Event, Failure, Finished, Outcome, Planned, Progressed, Started, Warned
from meshctl.render.exits import MEANINGS
from meshctl.render.plain import PlainSink, line

from .page import rows
from .story import EVENTS, ISTIO, NOON

STORY = """\
12:00:00  -           plan      Install mesh1: 4 steps on cluster1, cluster2 (2026-11-24, UTC)
12:00:00  cluster1    started   Create the namespaces
12:00:00  cluster1    done      Create the namespaces (0.4 s)
12:00:00  cluster1    started   Install Istio
12:00:02  cluster1    status    Install Istio: not all istiod pods are ready
12:00:12  cluster1    done      Install Istio (11.5 s): istio/default is Healthy
12:00:12  cluster2    started   Install Istio
12:00:13  cluster2    WARNING   Install Istio: the load balancer hands out a hostname
12:00:14  cluster2    status    Install Istio: webhooks[].clientConfig.caBundle hasn't been set; \
check if the remote istiod can access this cluster
12:10:12  cluster2    FAILED    Install Istio (10 min 00 s)
                                what       Istio is not Ready after 600 s
                                last seen  webhooks[].clientConfig.caBundle hasn't been set; \
check if the remote istiod can access this cluster
                                next       look at the remote secret: \
kubectl --context east -n istio-system get secret istio-remote-secret-cluster2
12:10:12  cluster2    skipped   Install the east-west gateway: needs cluster2: Install Istio
12:10:12  -           end       2 done, 1 failed, 1 skipped in 10 min 12 s; exit code 4: waited to the deadline
"""


def test_a_run_reads_as_a_story() -> None:
    lines: list[str] = []
    with PlainSink(lines.append) as sink:
        for event in EVENTS:
            sink(event)
    assert "".join(f"{text}\n" for text in lines) == STORY


ODD: list[tuple[Event, str | None]] = [
    (Progressed(NOON, ISTIO, ""), None),
    (Warned(NOON, None, "clocks differ"), "12:00:00  -           WARNING   clocks differ"),
    (
        Finished(NOON, ISTIO, Outcome.INTERRUPTED, 3, "stopped"),
        "12:00:00  cluster1    stopped   Install Istio (3.0 s)",
    ),
    (
        Finished(NOON, ISTIO, Outcome.FAILED, 3, failure=Failure("no\nentry", "", "", Exit.FAILED)),
        "12:00:00  cluster1    FAILED    Install Istio (3.0 s)\n" + " " * 32 + "what       no entry",
    ),
    (
        Planned(NOON, "Install mesh1", tuple(f"c{n}" for n in range(31)), ()),
        "12:00:00  -           plan      Install mesh1: 0 steps on 31 clusters (2026-11-24, UTC)",
    ),
    (
        Ended(NOON, 5, Exit.DONE, 4, 0, 0),
        "12:00:00  -           end       4 done, 0 failed, 0 skipped in 5.0 s; exit code 0: done",
    ),
]


@pytest.mark.parametrize(("event", "expected"), ODD)
def test_odd_lines(event: Event, expected: str | None) -> None:
    assert line(event) == expected


def test_times_are_of_the_zone_asked_for() -> None:
    text = line(Warned(NOON, None, "x"), timezone(timedelta(hours=-5)))
    assert text is not None
    assert text.startswith("07:00:00  ")


def test_a_reason_is_written_once_until_it_changes() -> None:
    lines: list[str] = []
    sink = PlainSink(lines.append)
    for text in ("a", "a", "b", "b", "a"):
        sink(Progressed(NOON, ISTIO, text))
    sink(Started(NOON, ISTIO))
    sink(Progressed(NOON, ISTIO, "a"))
    sink.note("a request")
    assert [one.rpartition("  ")[2] for one in lines] == [
        "Install Istio: a",
        "Install Istio: b",
        "Install Istio: a",
        "Install Istio",
        "Install Istio: a",
        "a request",
    ]


def test_every_exit_code_has_a_meaning_and_the_page_says_the_same() -> None:
    assert set(MEANINGS) == set(Exit)
    assert rows("Exit codes") == [[str(int(code)), meaning] for code, meaning in MEANINGS.items()]
