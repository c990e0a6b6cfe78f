"""What the benchmarks compute follows the plan and the lab's delays; the page says what was measured."""

from dataclasses import replace
from datetime import date

import pytest
from benchmarks.critical_path import START, Link, Moment, critical_path, latest
from benchmarks.measuring import MANY, Install, Preflight, Results
from benchmarks.page import broken, page
from benchmarks.reactions import Pair, Reaction, change, reaction, request

from meshctl.lab.delays import Delays
from meshctl.names import THE_ISTIO
from meshctl.spec import MeshSpec
from meshctl.spec.flags import Flags
from meshctl.spec.load import load_spec


def mesh(remotes: int = 1) -> MeshSpec:
    return load_spec(Flags(east="east", west=tuple(f"west{number}" for number in range(remotes))), {})


def delays_of(path: Moment) -> list[str]:
    return [f"{link.delay}@{link.cluster}" for link in path.chain]


def test_the_longest_chain_leads_over_the_load_balancer_to_the_remotes_gateway() -> None:
    path = critical_path(mesh(), Delays())
    assert delays_of(path) == [
        "load_balancer@cluster1",
        "status@cluster2",
        "reconcile@cluster2",
        "charts@cluster2",
        "charts@cluster2",
        "token@cluster2",
        "sync@cluster1",
        "reconcile@cluster2",
        "charts@cluster2",
        "status@cluster2",
        "proxy_start@cluster2",
    ]
    assert path.seconds == pytest.approx(44.0)


@pytest.mark.parametrize(
    "slow", ["cni_ready", "istiod_start", "istiod_ready", "charts", "token", "sync", "proxy_start"]
)
def test_the_chain_leads_over_what_is_slowest(slow: str) -> None:
    path = critical_path(mesh(), replace(Delays(), **{slow: 100.0}))
    assert max(path.chain, key=lambda link: link.seconds).delay == slow


def test_without_load_balancers_the_chain_leads_over_istiod() -> None:
    path = critical_path(mesh(), replace(Delays(), load_balancer=0.0))
    assert "istiod_start@cluster1" in delays_of(path)
    assert delays_of(path)[-1] == "proxy_start@cluster2"


def test_more_remotes_make_no_longer_chain_and_speed_scales_it() -> None:
    assert critical_path(mesh(30), Delays()).seconds == pytest.approx(44.0)
    assert critical_path(mesh(), Delays(speed=10)).seconds == pytest.approx(4.4)
    assert critical_path(mesh(), Delays(speed=0)) == latest(START)


def test_a_reaction_is_the_time_from_the_change_to_the_request_after_it() -> None:
    made = {"cluster": "east", "kind": "Istio", "namespace": "", "name": "default", "type": "MODIFIED"}
    changes = [
        {**made, "time": 1.0, "parts": ["status"], "state": "IstiodNotReady"},
        {**made, "time": 2.0, "parts": ["status"], "state": "Healthy"},
        {**made, "time": 3.0, "parts": ["status"], "state": "Healthy"},
    ]
    asked = {"cluster": "east", "method": "POST", "path": "/pods", "query": {"dryRun": "All"}}
    requests = [
        {**asked, "time": 1.5, "agent": "meshctl/1"},
        {**asked, "time": 2.1, "agent": "kubectl"},
        {**asked, "time": 2.2, "agent": "meshctl/1", "query": {}},
        {**asked, "time": 2.5, "agent": "meshctl/1"},
    ]
    pair = Pair("ready", change("east", THE_ISTIO, "status", "Healthy"), request("east", "POST", "/pods", "dryRun"))
    assert reaction(pair, changes, requests) == Reaction("ready", 0.5)
    with pytest.raises(LookupError, match="no request followed"):
        reaction(replace(pair, last=True), changes, requests)
    with pytest.raises(LookupError, match="no such change"):
        reaction(pair, changes[:1], requests)


def test_the_page_says_what_was_measured_and_bounds_are_kept_or_named() -> None:
    path = Moment((Link("cluster1", "load_balancer", 40.0), Link("cluster2", "token", 0.0)))
    results = Results(
        one=Install(42.0, path),
        prompt=Install(41.0, path),
        many=50.0,
        hand=99.9,
        again=[0.5, 0.6, 0.7],
        help=[0.1],
        version=[0.2],
        reactions=[Reaction("a → b", 0.01), Reaction("a → b", 0.03)],
        preflights=[Preflight(2, [1.0, 1.2, 1.4], 43), Preflight(MANY, [3.0], 602)],
    )
    text = page(results, date(2026, 2, 3))
    for said in (
        "2026-02-03",
        "1.05",
        "1.19",
        "99.9",
        "600 ms",
        "| a → b | 2 | 20 ms | 30 ms |",
        "| 2 | 43 | 1.2 | 2.0 |",
        "make bench",
    ):
        assert said in text
    assert "`token`" not in text
    assert broken(results) == []
    slow = replace(
        results,
        one=Install(45.0, path),
        many=70.0,
        reactions=[Reaction("a → b", 0.2)],
        preflights=[Preflight(MANY, [5.5], 602)],
    )
    assert [problem.partition(":")[0] for problem in broken(slow)] == [
        "the longest chain",
        "30 remotes",
        "the median reaction",
        "the preflight of 30 clusters",
    ]
