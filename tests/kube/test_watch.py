import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from meshctl.cluster import Client, Request, Watch
from meshctl.errors import ClusterError, ForbiddenError, UnknownKindError
from meshctl.kube.credentials import log_in
from meshctl.kube.watch import ObjectWatch, Pace
from meshctl.names import THE_ISTIO
from meshctl.objects import Manifest

from .conftest import TOKEN, Authority, kubeconfig
from .server import Answer, Exchange, Json, Server

PATH = "/apis/sailoperator.io/v1/istios"
NAMED = ("fieldSelector", "metadata.name=default")


def istio(version: int, **status: Any) -> Json:
    meta = {"name": "default", "resourceVersion": str(version), "uid": "u"}
    return {"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": meta, "status": status}


def listed(*objects: Json, version: int) -> Answer:
    return lambda x: x.json({"metadata": {"resourceVersion": str(version)}, "items": list(objects)})


def refused(code: int, reason: str = "x", **headers: str) -> Answer:
    return lambda x: x.json({"kind": "Status", "code": code, "reason": reason, "message": "m"}, code, **headers)


def bookmark(version: int) -> tuple[str, Json]:
    return "BOOKMARK", {"kind": "Istio", "metadata": {"resourceVersion": str(version)}}


EXPIRED = ("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"})


def streamed(*events: tuple[str, Json], then: Callable[[Exchange], object] = Exchange.gone) -> Answer:
    def answer(exchange: Exchange) -> None:
        exchange.begin()
        for kind, obj in events:
            exchange.event(kind, obj)
        then(exchange)

    return answer


def versions(states: list[Manifest | None]) -> list[str]:
    return [state["metadata"]["resourceVersion"] if state else "none" for state in states]


def watched(client: Client, count: int) -> list[Manifest | None]:
    with client.watch(THE_ISTIO) as watch:
        return list(islice(watch, count))


def test_first_what_is_there_then_every_change(client: Client, server: Server, requests: list[Request]) -> None:
    bare = {key: value for key, value in istio(5).items() if key not in ("apiVersion", "kind")}
    server.will(
        listed(bare, version=7),
        streamed(("MODIFIED", istio(8, state="Healthy")), ("DELETED", istio(9)), ("ADDED", istio(10))),
    )
    states = watched(client, 4)
    assert versions(states) == ["5", "8", "none", "10"]
    assert states[0] == {**istio(5)}
    assert [(seen.path, seen.query) for seen in server.seen] == [
        (PATH, [NAMED]),
        (
            PATH,
            [
                NAMED,
                ("watch", "true"),
                ("resourceVersion", "7"),
                ("allowWatchBookmarks", "true"),
                ("timeoutSeconds", "290"),
            ],
        ),
    ]
    assert [request.status for request in requests] == [200, 200]


def test_absence_is_a_state(client: Client, server: Server) -> None:
    server.will(listed(version=7), streamed(("ADDED", istio(8))))
    assert versions(watched(client, 2)) == ["none", "8"]


def test_nothing_is_yielded_twice(client: Client, server: Server) -> None:
    server.will(
        listed(istio(5), version=7),
        streamed(("MODIFIED", istio(5)), ("MODIFIED", istio(8)), ("MODIFIED", istio(8)), then=Exchange.cut),
        listed(istio(8), version=9),
        streamed(("DELETED", istio(10)), then=Exchange.end),
        listed(version=11),
        streamed(("ADDED", istio(12))),
    )
    assert versions(watched(client, 4)) == ["5", "8", "none", "12"]


BREAKS: list[tuple[str, Answer]] = [
    ("410 in the stream", streamed(EXPIRED)),
    ("410 instead of a stream", refused(410, "Expired")),
    ("an error in the stream", streamed(("ERROR", {"kind": "Status", "code": 500}))),
    ("closed without an end", streamed(then=Exchange.cut)),
    ("reset", streamed(then=Exchange.reset)),
    ("ended at once", streamed(then=Exchange.end)),
    ("broken in the middle of a line", streamed(then=lambda x: x.chunk(b'{"type": "MODI').cut())),
    ("ended in the middle of a line", streamed(then=lambda x: x.chunk(b'{"type": "MODI').end())),
    ("broken in the middle of a chunk", streamed(then=lambda x: x.raw(b'ff\r\n{"type"').cut())),
    ("not JSON", streamed(then=lambda x: x.chunk(b"<html>\n").gone())),
    ("not an event", streamed(then=lambda x: x.chunk(b"[]\n").gone())),
    ("refused with 500", refused(500)),
    ("no answer", Exchange.cut),
]


@pytest.mark.parametrize("how", [how for _, how in BREAKS], ids=[name for name, _ in BREAKS])
def test_a_broken_stream_is_mended(client: Client, server: Server, how: Answer) -> None:
    server.will(listed(istio(5), version=7), how, listed(istio(9), version=9), streamed(("MODIFIED", istio(10))))
    started = time.monotonic()
    assert versions(watched(client, 3)) == ["5", "9", "10"]
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "how", [refused(500), refused(429), Exchange.cut, Exchange.reset], ids=["500", "429", "cut", "rst"]
)
def test_a_list_that_fails_is_asked_again(client: Client, server: Server, how: Answer) -> None:
    server.will(how, listed(istio(5), version=7), streamed())
    assert versions(watched(client, 1)) == ["5"]


def test_retry_after_is_obeyed(client: Client, server: Server) -> None:
    server.will(refused(429, Retry_After="0.4"), listed(istio(5), version=7), streamed())
    started = time.monotonic()
    watched(client, 1)
    assert 0.4 <= time.monotonic() - started < 1


def test_pauses_grow_and_a_good_event_ends_them(client: Client, server: Server, requests: list[Request]) -> None:
    times: list[float] = []

    def failing(exchange: Exchange) -> None:
        times.append(time.monotonic())
        exchange.status(503, "ServiceUnavailable", "etcd is away")

    server.will(*[failing] * 5, listed(istio(1), version=1), streamed(bookmark(2), then=Exchange.cut))
    server.will(failing, listed(istio(3), version=3), streamed())
    assert versions(watched(client, 2)) == ["1", "3"]
    pauses = [late - early for early, late in pairwise(times)]
    for nth, pause in enumerate(pauses[:4]):
        assert pause >= 0.05 * 2**nth * 0.5
    assert pauses[4] < 1.1  # half to all of 0.8 s, then no more than 50 ms: without the good event it were 1.2 at least


ENDS: list[tuple[Answer, type[ClusterError]]] = [
    (refused(403, "Forbidden"), ForbiddenError),
    (refused(401, "Unauthorized"), ForbiddenError),
    (lambda x: x.reply(404, b"404 page not found\n"), UnknownKindError),
]


@pytest.mark.parametrize(("how", "error"), ENDS)
def test_what_cannot_be_mended_is_raised(
    client: Client, server: Server, how: Answer, error: type[ClusterError]
) -> None:
    server.will(how)
    with pytest.raises(error):
        watched(client, 1)
    server.will(listed(version=1), how)
    with pytest.raises(error):
        watched(client, 2)


@contextmanager
def reading(watch: Watch) -> Iterator[list[Manifest | None]]:
    """Read in another thread; the body must end the watch."""
    states: list[Manifest | None] = []

    def read() -> None:
        states.extend(watch)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(read)
        yield states
        started = time.monotonic()
        future.result(timeout=5)
        assert time.monotonic() - started < 0.2, "the reader was not woken"


def hung(started: threading.Event) -> Answer:
    def answer(exchange: Exchange) -> None:
        started.set()
        exchange.gone()

    return answer


def paused(started: threading.Event) -> Answer:
    def answer(exchange: Exchange) -> None:
        exchange.json({}, 429, Retry_After="60")
        started.set()

    return answer


@pytest.mark.parametrize("moment", ["while listing", "while opening", "while streaming", "in a pause", "mid-line"])
def test_close_wakes_the_reader_at_once(client: Client, server: Server, moment: str) -> None:
    there = threading.Event()
    first = listed(istio(5), version=7)
    part = streamed(then=lambda x: hung(there)(x.chunk(b'{"type":')))
    server.will(
        *{
            "while listing": [hung(there)],
            "while opening": [first, hung(there)],
            "while streaming": [first, streamed(then=hung(there))],
            "in a pause": [paused(there)],
            "mid-line": [first, part],
        }[moment]
    )
    watch = client.watch(THE_ISTIO)
    with reading(watch):
        assert there.wait(5)
        if moment in ("while streaming", "mid-line"):
            time.sleep(0.05)  # no reader can say that it waits
        watch.close()
    assert list(watch) == []


def test_leaving_a_watch_that_another_thread_reads(client: Client, server: Server) -> None:
    stop = threading.Event()

    def busy(exchange: Exchange) -> None:
        exchange.begin()
        version = 8
        while not stop.is_set():
            exchange.event("MODIFIED", istio(version := version + 1))

    def read(watch: Watch, some: threading.Event) -> int:
        count = 0
        for _ in watch:
            count += 1
            # The first is the list's. Only the second shows that the stream is open, and its answer used up.
            if count > 1:
                some.set()
        return count

    server.will(*[listed(istio(5), version=7), busy] * 20)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(20):
            some = threading.Event()
            with client.watch(THE_ISTIO) as watch:
                future = pool.submit(read, watch, some)
                assert some.wait(5)
            assert future.result(timeout=1) > 0
    stop.set()


def test_closing_a_client_closes_its_watches(client: Client, server: Server) -> None:
    there = threading.Event()
    server.will(listed(istio(5), version=7), streamed(then=hung(there)))
    watch = client.watch(THE_ISTIO)
    with reading(watch) as states:
        assert there.wait(5)
        client.close()
    assert versions(states) == ["5"]


def test_leaving_a_watch_closes_its_connection(client: Client, server: Server) -> None:
    closed = threading.Event()

    def then(exchange: Exchange) -> None:
        exchange.gone()
        closed.set()

    server.will(listed(version=7), streamed(("ADDED", istio(8)), then=then))
    with client.watch(THE_ISTIO) as watch:
        states = iter(watch)
        assert versions([next(states), next(states)]) == ["none", "8"]
    assert closed.wait(5)
    assert list(states) == []


def test_trouble_says_why_nothing_is_seen(client: Client, server: Server) -> None:
    troubles: list[str] = []
    watch = client.watch(THE_ISTIO)

    def failing(exchange: Exchange) -> None:
        exchange.status(503, "ServiceUnavailable", "etcd is away")

    def then(exchange: Exchange) -> None:
        troubles.append(watch.trouble)
        listed(istio(5), version=7)(exchange)

    server.will(failing, then, streamed(("MODIFIED", istio(8))))
    with watch:
        assert watch.trouble == ""
        assert versions(list(islice(watch, 2))) == ["5", "8"]
        assert watch.trouble == ""
    assert troubles == ["cluster2: server error: etcd is away"]


def test_a_stream_that_ends_in_good_order_goes_on_where_it_was(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    config = kubeconfig(tmp_path / "config", server.url, authority, {"token": TOKEN})
    transport = log_in("west", str(config), "cluster2", None)
    server.will(
        listed(istio(5), version=7),
        streamed(bookmark(20), then=Exchange.end),
        streamed(("MODIFIED", istio(21)), then=Exchange.end),
        streamed(("DELETED", istio(22))),
    )
    with ObjectWatch(transport, THE_ISTIO, Pace(window=2, steady=0)) as watch:
        assert versions(list(islice(watch, 3))) == ["5", "21", "none"]
    asked = [dict(seen.query) for seen in server.seen]
    assert [query.get("resourceVersion") for query in asked] == [None, "7", "20", "21"]
    assert asked[1]["timeoutSeconds"] == "2"
    transport.api.rest_client.close()


def test_a_stream_that_is_never_begun_is_asked_for_again_and_a_silent_one_is_not(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    config = kubeconfig(tmp_path / "config", server.url, authority, {"token": TOKEN})
    transport = log_in("west", str(config), "cluster2", None)
    patience = 0.2

    def late(exchange: Exchange) -> None:
        exchange.begin()
        time.sleep(3 * patience)
        exchange.event("MODIFIED", istio(9))
        exchange.gone()

    server.will(listed(istio(5), version=7), Exchange.gone, listed(istio(6), version=8), late)
    with ObjectWatch(transport, THE_ISTIO, Pace(answer=patience)) as watch:
        assert versions(list(islice(watch, 3))) == ["5", "6", "9"]
    transport.api.rest_client.close()


def test_events_arrive_as_they_are_written(client: Client, server: Server) -> None:
    written: dict[str, float] = {}
    go = threading.Semaphore(0)

    def answer(exchange: Exchange) -> None:
        exchange.begin()
        for version in range(10, 60):
            go.acquire(timeout=5)
            time.sleep(0.002)  # so that the reader really waits
            line = json.dumps({"type": "MODIFIED", "object": istio(version, filler="x" * 20000)}).encode() + b"\n"
            written[str(version)] = time.perf_counter()
            for start in range(0, len(line), 4096):  # as Go's server cuts it
                exchange.chunk(line[start : start + 4096])
        exchange.gone()

    server.will(listed(istio(5), version=7), answer)
    late: list[float] = []
    with client.watch(THE_ISTIO) as watch:
        for state in islice(watch, 51):
            here = versions([state])[0]
            if here in written:
                late.append((time.perf_counter() - written[here]) * 1000)
            go.release()
    assert len(late) == 50
    assert median(late) < 10
