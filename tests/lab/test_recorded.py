"""The lab's operator says what the recorded ones said, in their order, and takes as long."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pytest

from meshctl.lab.sites import Flavour
from meshctl.names import INJECTOR, ISTIO, ISTIO_CNI, ISTIO_REVISION, PROBE_REASON, THE_REVISION
from meshctl.objects import Kind, dig
from tests.conftest import StartLab
from tests.lab.by_hand import Hand, remote
from tests.lab.controllers.sail_bed import said, state
from tests.lab.recorded import (
    CNI_NOT_HEALTHY,
    INSTALLED,
    MEASURED,
    NO_SECRET_REASON,
    ORDERS,
    UNINSTALLED,
    UNINSTALLED_CNI,
    Measured,
    Said,
)
from tests.labs import ThreadLab

SPEED = 20  # slow enough for the delays to keep their order on a busy machine
OPERATORS = {Flavour.VENDOR: "vendor", Flavour.UPSTREAM: "upstream"}


@dataclass(slots=True)
class Heard:
    """What the operator's resources have said, each status once."""

    statuses: dict[tuple[str, str], list[Said]] = field(default_factory=dict)

    async def follow(self, lab: ThreadLab, cluster: str, kind: Kind) -> None:
        async for change in lab.lab.world.site(cluster).api("test").watch(kind):
            if dig(change.obj, "status"):
                now = Said(state(change.obj), tuple(said(change.obj)))
                before = self.statuses.setdefault((cluster, kind.name), [])
                if not before or before[-1] != now:
                    before.append(now)


@contextmanager
def listening(lab: ThreadLab) -> Iterator[Heard]:
    heard = Heard()
    tasks = [
        asyncio.run_coroutine_threadsafe(heard.follow(lab, cluster, kind), lab.loop)
        for cluster in ("east", "west")
        for kind in (ISTIO, ISTIO_CNI, ISTIO_REVISION)
    ]
    try:
        yield heard
    finally:
        for task in tasks:
            task.cancel()


def compared(recorded: Sequence[Said], heard: Sequence[Said]) -> list[str]:
    """Return how a history differs from a recorded one: what is missing, then what was not recorded at that place."""
    left = list(heard)
    problems = []
    for one in recorded:
        if left and (left[0].state, left[0].conditions) == (one.state, one.conditions):
            left.pop(0)
        elif not one.passing:
            problems.append(f"not said: {one.state} {one.conditions}")
    return [*problems, *(f"said, and not recorded: {one.state} {one.conditions}" for one in left)]


def until(hand: Hand, context: str, what: str, jsonpath: str, value: str) -> None:
    hand.kubectl(context, "wait", what, f"--for=jsonpath={jsonpath}={value}", "--timeout=60s")


def reason_of_probe(lab: ThreadLab) -> str:
    webhook = lab.get("west", INJECTOR)
    return str(dig(webhook, "metadata", "annotations", PROBE_REASON))


@pytest.mark.parametrize("flavour", OPERATORS, ids=OPERATORS.get)
def test_statuses_of_an_installation(start_lab: StartLab, flavour: Flavour) -> None:
    lab = start_lab(speed=SPEED, operator=OPERATORS[flavour])
    hand = Hand(lab)
    with listening(lab) as heard:
        hand.install_cni("east")
        hand.install_primary()
        hand.gateway("east", "network1")
        hand.expose()
        hand.install_cni("west")
        hand.install_remote()
        hand.gateway("west", "network2")
        for context in ("east", "west"):
            used = '{.status.conditions[?(@.type=="InUse")].status}'
            until(hand, context, "istiorevision/default", used, "True")
            until(hand, context, "istiocni/default", "{.status.state}", "Healthy")
    for (cluster, kind), recorded in INSTALLED[flavour].items():
        problems = compared(recorded, heard.statuses[cluster, kind])
        assert not problems, "\n".join([f"{kind} of {cluster}", *problems])
    for order in ORDERS:
        begun = [first_change(lab, *one) for one in order]
        assert begun == sorted(begun), order


def first_change(lab: ThreadLab, cluster: str, kind: str, name: str) -> float:
    """Return when an object was first changed; that it never was fails."""
    wanted = (cluster, kind, name)
    return float(next(one["time"] for one in lab.changes() if (one["cluster"], one["kind"], one["name"]) == wanted))


def test_a_remote_without_its_secret_waits_as_the_recorded_one_did(start_lab: StartLab) -> None:
    lab = start_lab(speed=SPEED)
    hand = Hand(lab)
    hand.install_cni("west")
    with listening(lab) as heard:
        hand.apply("west", remote("172.18.100.1"))
        until(hand, "west", "istiocni/default", "{.status.state}", "Healthy")
        healthy = '{.status.conditions[?(@.type=="DependenciesHealthy")].status}'
        until(hand, "west", "istio/default", healthy, "True")
    recorded = [one for one in INSTALLED[Flavour.VENDOR]["west", "Istio"] if one.state != "Healthy"]
    assert compared(recorded, heard.statuses["west", "Istio"]) == []
    assert CNI_NOT_HEALTHY not in said(lab.get("west", THE_REVISION))
    assert reason_of_probe(lab) == NO_SECRET_REASON
    assert json.loads(hand.kubectl("west", "get", "istio/default", "-o", "jsonpath={.status.revisions}")) == {
        "inUse": 0,
        "ready": 0,
        "total": 1,
    }


def test_a_removal_goes_in_the_recorded_order(start_lab: StartLab) -> None:
    lab = start_lab(speed=SPEED)
    hand = Hand(lab)
    hand.install_cni("east")
    hand.install_primary()
    _, mark = lab.marks()
    hand.kubectl("east", "delete", "istio/default", "istiocni/default", "--timeout=60s")
    hand.kubectl("east", "wait", "istiorevision/default", "--for=delete", "--timeout=60s")
    for chart, recorded in (("istiod", UNINSTALLED), ("cni", UNINSTALLED_CNI)):
        gone = [one["kind"] for one in lab.changes(mark) if one["type"] == "DELETED" and of_chart(one) == chart]
        assert [kind for kind, _ in groupby(gone)] == list(recorded)


def of_chart(change: dict[str, Any]) -> str:
    """Return the chart that an object on East came from, and "" for what is no chart's."""
    if change["cluster"] != "east" or change["name"] == "default" or change["kind"] in ("Secret", "Pod"):
        return ""
    if change["name"].startswith("istio-cni"):
        return "cni"
    ours = change["kind"] in UNINSTALLED and change["name"] != "istio-reader-service-account"  # the base chart's
    return "istiod" if ours else ""


@pytest.mark.parametrize("measured", MEASURED, ids=lambda measured: measured.what)
def test_the_labs_delays_are_within_what_was_measured(measured: Measured) -> None:
    assert measured.shortest <= measured.lab <= measured.longest
