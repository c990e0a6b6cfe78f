"""The main story: install, install again, verify, teardown."""

import json

from tests.world.conftest import NewLab
from tests.world.harness import MESH, LabUnderTest


def test_install_verify_teardown(mesh: LabUnderTest) -> None:
    installed = mesh.install()
    assert installed.code == 0, installed.said
    verified = mesh.verify()
    assert verified.code == 0, verified.said
    assert "Every version answered every cluster" in verified.out
    removed = mesh.teardown()
    assert removed.code == 0, removed.said
    assert "nothing is left of the mesh" in removed.out


def test_a_second_install_changes_nothing(mesh: LabUnderTest) -> None:
    assert mesh.install().code == 0
    kinds = ("istio", "istiocni", "service", "deployment", "secret", "namespace", "gateways.networking.istio.io")
    before = {c: [o["metadata"]["resourceVersion"] for o in mesh.objects(c, kinds)] for c in ("east", "west")}
    assert mesh.install().code == 0
    after = {c: [o["metadata"]["resourceVersion"] for o in mesh.objects(c, kinds)] for c in ("east", "west")}
    assert after == before


def test_many_remotes(new_lab: NewLab) -> None:
    lab = new_lab("--remotes", "3")
    mesh = ("--east", "east", "--west", "west", "--west", "west2", "--west", "west3")
    installed = lab.meshctl("install", *mesh)
    assert installed.code == 0, installed.said
    verified = lab.meshctl("verify", *mesh, "-o", "json")
    assert verified.code == 0, verified.said
    document = json.loads(verified.out)
    assert document["complete"]
    assert document["versions"] == ["v1", "v2", "v3", "v4"]
    assert lab.meshctl("teardown", *mesh, "--yes").code == 0


def test_the_upstream_operator(new_lab: NewLab) -> None:
    lab = new_lab("--operator", "upstream")
    assert lab.install().code == 0
    assert lab.verify().code == 0
    removed = lab.teardown()
    assert removed.code == 0, removed.said


def test_events_are_json_lines_and_end_with_ended(mesh: LabUnderTest) -> None:
    installed = mesh.meshctl("install", *MESH, "-o", "json")
    assert installed.code == 0
    events = [json.loads(line) for line in installed.out.splitlines()]
    planned = next(event for event in events if event["type"] == "planned")
    assert events[-1]["type"] == "ended"
    steps = {step["key"] for step in planned["steps"]}
    assert {e["step"] for e in events if e["type"] == "finished"} == steps


def test_a_dry_run_writes_nothing(mesh: LabUnderTest) -> None:
    told = mesh.install("--dry-run")
    assert told.code == 0, told.said
    assert (
        "<address of service/istio-eastwestgateway in istio-system on cluster1>" in told.out
        or "Install Istio" in told.out
    )
    assert mesh.kubectl("east", "get", "istio", "-o", "name") == ""


def test_remotes_keep_their_names(new_lab: NewLab) -> None:
    lab = new_lab("--remotes", "2")
    assert lab.meshctl("install", "--east", "east", "--west", "west", "--west", "west2").code == 0
    swapped = lab.meshctl("install", "--east", "east", "--west", "west2", "--west", "west")
    assert swapped.code == 3
    assert (
        "context west2 is already remote cluster3 (network3) of a mesh, not remote cluster2 (network2)" in swapped.err
    )


def test_one_remote_that_fails_does_not_hold_up_the_other(new_lab: NewLab) -> None:
    lab = new_lab("--remotes", "2", "--fault", "lb-never@west2")
    mesh = ("--east", "east", "--west", "west", "--west", "west2")
    failed = lab.meshctl("install", *mesh, "--set", "timeouts.address=2s")
    assert failed.code == 4, failed.said
    assert "cluster3" in failed.err
    states = {c: lab.kubectl(c, "get", "istio", "default", "-o", "jsonpath={.status.state}") for c in ("west", "west2")}
    assert states == {"west": "Healthy", "west2": "Healthy"}
    lab.clear()
    assert lab.meshctl("install", *mesh).code == 0
