"""`meshctl diagnose`: no alarm on a healthy mesh, whoever made it; and the document that programs read."""

import json
import re
from collections.abc import Callable

import pytest

from tests.conftest import StartLab
from tests.lab.by_hand import Hand
from tests.labs import ThreadLab
from tests.world.conftest import NewLab
from tests.world.deeds import another_revision
from tests.world.harness import LabUnderTest

MESH = ("--east", "east", "--west", "west")
NO_SAMPLES = "MESH-255"
HOSTNAME = "gateway.lab.invalid"
FINDING = {"code", "cluster", "severity", "text", "evidence", "why", "command", "hint"}


def codes(text: str, part: str) -> list[str]:
    return [one["code"] for one in json.loads(text)[part]]


@pytest.mark.parametrize(
    ("options", "remotes", "warned"),
    [
        pytest.param((), ("west",), [], id="vendor"),
        pytest.param(("--operator", "upstream"), ("west",), ["MESH-281"], id="upstream"),
        pytest.param(("--remotes", "3"), ("west", "west2", "west3"), [], id="three remotes"),
    ],
)
def test_a_healthy_mesh_raises_no_alarm(
    new_lab: NewLab, options: tuple[str, ...], remotes: tuple[str, ...], warned: list[str]
) -> None:
    lab = new_lab(*options)
    mesh = ("--east", "east", *(word for remote in remotes for word in ("--west", remote)))
    installed = lab.meshctl("install", *mesh)
    assert installed.code == 0, installed.said
    found = lab.meshctl("diagnose", *mesh, "-o", "json")
    assert found.code == 0, found.said
    assert codes(found.out, "broken") == codes(found.out, "consequences") == []
    assert codes(found.out, "warnings") == warned
    links = [link for chain in json.loads(found.out)["chains"] for link in chain["links"]]
    assert {link["code"] for link in links if link["state"] != "whole"} == {NO_SAMPLES}
    said = lab.meshctl("diagnose", *mesh)
    assert said.code == 0
    assert said.out.startswith("nothing is broken: ")


def by_hand(lab: ThreadLab) -> None:
    Hand(lab).install()
    Hand(lab).gateways_ready()


def by_hand_with_a_hostname(lab: ThreadLab) -> None:
    """Carry out the guide where load balancers give hostnames, with the one port more that this takes."""
    hand = Hand(lab)
    hand.install_cni("east")
    hand.install_primary()
    hand.gateway("east", "network1")
    port = {"name": "webhook", "port": 443, "protocol": "TCP", "targetPort": 15017}
    patch = json.dumps([{"op": "add", "path": "/spec/ports/-", "value": port}])
    hand.kubectl("east", "-n", "istio-system", "patch", "service", "istio-eastwestgateway", "--type=json", "-p", patch)
    hand.expose()
    hand.install_cni("west")
    hand.install_remote(address=HOSTNAME)
    hand.gateway("west", "network2")
    hand.gateways_ready()


def test_the_control_plane_of_another_mesh_raises_no_alarm(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    another_revision("east", "not-there")(lab)
    lab.kubectl("east", "wait", "--for=jsonpath={.status.state}=ReconcileError", "istiorevision/another")
    for command in ("diagnose", "status"):
        found = lab.meshctl(command, *MESH)
        assert found.code == 0, found.said


@pytest.mark.parametrize("make", [by_hand, by_hand_with_a_hostname])
@pytest.mark.parametrize("operator", ["vendor", "upstream"])
def test_a_mesh_made_by_hand_raises_no_alarm(
    start_lab: StartLab, make: Callable[[ThreadLab], None], operator: str
) -> None:
    lab = start_lab(operator=operator, faults=("lb-hostname@east",) if make is by_hand_with_a_hostname else ())
    make(lab)
    found = lab.meshctl("diagnose", *MESH, "-o", "json")
    assert found.returncode == 0, found.stdout + found.stderr
    assert codes(found.stdout, "broken") == codes(found.stdout, "consequences") == []
    expected = ["MESH-282", "MESH-282"] + (["MESH-281"] if operator == "upstream" else [])
    assert codes(found.stdout, "warnings") == expected


def test_the_document_and_the_text_name_the_first_broken_link(new_lab: NewLab) -> None:
    lab = new_lab()
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "secret", "istio-remote-secret-cluster2")
    found = lab.meshctl("diagnose", *MESH, "-o", "json")
    assert found.code == 1
    document = json.loads(found.out)
    assert document.keys() == {"version", "mesh", "healthy", "broken", "consequences", "warnings", "chains"}
    assert (document["version"], document["mesh"], document["healthy"]) == (1, "mesh1", False)
    assert [(chain["cluster"], chain["role"]) for chain in document["chains"]] == [
        ("cluster1", "primary"),
        ("cluster2", "remote"),
    ]
    links = [link for chain in document["chains"] for link in chain["links"]]
    assert all(link.keys() == {"code", "link", "state", "why"} for link in links)
    assert {link["state"] for link in links} <= {"whole", "broken", "consequence", "unknown"}
    (broken,) = document["broken"]
    assert broken.keys() == FINDING
    assert (broken["code"], broken["cluster"], broken["severity"]) == ("MESH-235", "cluster2", "error")
    assert broken["evidence"] == ["secret/istio-remote-secret-cluster2 in istio-system is not on cluster1"]
    said = lab.meshctl("diagnose", *MESH)
    assert said.code == 1
    assert re.match(
        r"MESH-235  istiod has no remote secret for cluster2\n  seen  .*\n  why   .*\n  mend  meshctl ", said.out
    )


def test_a_form_that_there_is_not_is_refused(new_lab: NewLab) -> None:
    refused = new_lab().meshctl("diagnose", *MESH, "-o", "yaml")
    assert refused.code == 2
    assert "--output: 'yaml' is none of text, json" in refused.err


def test_an_install_that_fails_ends_with_the_first_broken_link_and_keeps_its_exit_code(new_lab: NewLab) -> None:
    lab = new_lab("--fault", "webhook-blocked")
    failed = lab.install("--set", "timeouts.remote=2s")
    assert failed.code == 4, failed.said
    ending = failed.err[failed.err.index("diagnosis: ") :].splitlines()
    assert ending[0].startswith(
        "diagnosis: MESH-241 cluster2 does not reach port 15017 of cluster1's gateway at 172.18.100.1"
    )
    assert (
        ending[-1]
        == "           why, and what follows: meshctl diagnose --east east --west west --set timeouts.remote=2s"
    )
    lab.fault("operator-crashing")
    refused = lab.install()
    assert refused.code == 3, refused.said
    assert "diagnosis" not in refused.said


def test_a_verification_that_fails_tells_one_story(new_lab: NewLab) -> None:
    lab = new_lab()
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "gateways.networking.istio.io", "cross-network-gateway")
    failed = lab.verify("--timeout", "1s", "-o", "json")
    assert failed.code == 5, failed.said
    assert {line["hint"].partition(":")[0] for line in json.loads(failed.out)["missing"]} == {"MESH-230"}
    assert "diagnosis: MESH-230 cluster1 does not expose the services" in failed.err
