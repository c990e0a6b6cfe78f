"""The guide, carried out by hand with kubectl: the lab does what real clusters do, and needs no meshctl for it."""

import json

import pytest

from meshctl.names import CONFIG_MAP, THE_ISTIO
from tests.conftest import StartLab
from tests.lab.by_hand import Hand


@pytest.mark.parametrize("operator", ["vendor", "upstream"])
def test_the_guides_commands_make_a_mesh_and_take_it_away(start_lab: StartLab, operator: str) -> None:
    lab = start_lab(operator=operator)
    hand = Hand(lab)

    hand.install()
    hand.gateways_ready()
    hand.sample("east", "v1")
    hand.sample("west", "v2")

    for context in ("east", "west"):
        assert set(hand.call(context)) == {"v1", "v2"}
    clusterz = hand.kubectl(
        "east",
        "exec",
        "-n",
        "istio-system",
        "deploy/istiod",
        "-c",
        "discovery",
        "--",
        "pilot-discovery",
        "request",
        "GET",
        "/debug/clusterz",
    )
    assert {(found["id"], found["syncStatus"]) for found in json.loads(clusterz)} == {
        ("cluster1", "synced"),
        ("cluster2", "synced"),
    }

    for context in ("east", "west"):
        done = hand.tear_down(context)
        assert done.returncode == 0, done.stderr
        assert lab.get(context, THE_ISTIO) is None
        left = {obj["metadata"]["name"] for obj in lab.all_of(context, CONFIG_MAP, "default")}
        assert left == {"kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl"}
