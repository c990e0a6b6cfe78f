"""The contract with programs: exact objects, and a page that names exactly their keys."""

import json
from typing import Any

import pytest

from meshctl.events import Event, Warned
from meshctl.render.jsonl import JsonSink, document, line

from .page import documented
from .story import CAUSE, EVENTS, FAILURE, NOON


def about(cluster: str, title: str) -> dict[str, Any]:
    return {"step": f"{cluster}: {title}", "cluster": cluster, "title": title}


PINNED: list[tuple[Event, dict[str, Any]]] = [
    (
        EVENTS[0],
        {
            "v": 1,
            "type": "planned",
            "at": NOON,
            "title": "Install mesh1",
            "clusters": ["cluster1", "cluster2"],
            "steps": [
                {
                    "key": "cluster1: Create the namespaces",
                    "cluster": "cluster1",
                    "title": "Create the namespaces",
                    "needs": [],
                },
                {
                    "key": "cluster1: Install Istio",
                    "cluster": "cluster1",
                    "title": "Install Istio",
                    "needs": ["cluster1: Create the namespaces"],
                },
                {
                    "key": "cluster2: Install Istio",
                    "cluster": "cluster2",
                    "title": "Install Istio",
                    "needs": ["cluster1: Install Istio"],
                },
                {
                    "key": "cluster2: Install the east-west gateway",
                    "cluster": "cluster2",
                    "title": "Install the east-west gateway",
                    "needs": ["cluster2: Install Istio"],
                },
            ],
        },
    ),
    (EVENTS[1], {"v": 1, "type": "started", "at": NOON + 0.1, **about("cluster1", "Create the namespaces")}),
    (
        EVENTS[4],
        {
            "v": 1,
            "type": "progressed",
            "at": NOON + 2,
            **about("cluster1", "Install Istio"),
            "text": "not all istiod pods are ready",
            "waiting_for": "everything to be healthy",
        },
    ),
    (
        EVENTS[5],
        {
            "v": 1,
            "type": "finished",
            "at": NOON + 12,
            **about("cluster1", "Install Istio"),
            "outcome": "succeeded",
            "seconds": 11.5,
            "text": "istio/default is Healthy",
            "failure": None,
        },
    ),
    (
        EVENTS[7],
        {
            "v": 1,
            "type": "warned",
            "at": NOON + 13,
            **about("cluster2", "Install Istio"),
            "text": "the load balancer hands out a hostname",
        },
    ),
    (
        Warned(NOON, None, "clocks differ"),
        {
            "v": 1,
            "type": "warned",
            "at": NOON,
            "step": None,
            "cluster": None,
            "title": None,
            "text": "clocks differ",
        },
    ),
    (
        EVENTS[9],
        {
            "v": 1,
            "type": "finished",
            "at": NOON + 612,
            **about("cluster2", "Install Istio"),
            "outcome": "failed",
            "seconds": 600,
            "text": "",
            "failure": {
                "message": "Istio is not Ready after 600 s",
                "last_seen": CAUSE,
                "hint": FAILURE.hint,
                "exit_code": 4,
            },
        },
    ),
    (
        EVENTS[11],
        {
            "v": 1,
            "type": "ended",
            "at": NOON + 612,
            "seconds": 612,
            "exit_code": 4,
            "succeeded": 2,
            "failed": 1,
            "skipped": 1,
        },
    ),
]


@pytest.mark.parametrize(("event", "expected"), PINNED)
def test_events_as_pinned(event: Event, expected: dict[str, Any]) -> None:
    assert document(event) == expected
    assert json.loads(line(event)) == expected
    assert "\n" not in line(event)


def test_the_page_names_exactly_the_keys_of_each_type() -> None:
    always = documented("Every event")
    keys = {expected["type"]: set(expected) for _, expected in PINNED}
    assert {name: always | documented(f"`{name}`") for name in keys} == keys


def test_only_events_are_in_the_stream() -> None:
    out: list[str] = []
    err: list[str] = []
    with JsonSink(out.append, err.append) as sink:
        sink.note("a request")
        sink(EVENTS[1])
    assert err == ["a request"]
    assert [json.loads(text)["type"] for text in out] == ["started"]
