"""`meshctl status` as a user runs it: exit codes, the screen, the document, and meshes that others have installed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from meshctl.objects import dig
from tests.conftest import StartLab
from tests.lab.by_hand import Hand
from tests.world.harness import MESH, LabUnderTest, Result, fresh_lab
from tests.world.needles import of_kubeconfig, of_secrets, showing
from tests.world.terminal import run_in_terminal

SYSTEM = ("-n", "istio-system")
BRIEF = ("--set", "timeouts.contact=1s")


def status(lab: LabUnderTest, *more: str) -> Result:
    return lab.meshctl("status", *MESH, *BRIEF, *more, COLUMNS="120")


def document(lab: LabUnderTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(status(lab, "-o", "json").out)
    return found


@pytest.fixture(scope="module")
def installed() -> Iterator[LabUnderTest]:
    """A mesh; each test heals what it broke."""
    with fresh_lab() as lab:
        assert lab.install().code == 0
        yield lab


def test_a_healthy_mesh(installed: LabUnderTest) -> None:
    found = status(installed)
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("✓ mesh1 is healthy: 2 clusters, Istio 1.28.6, managed by meshctl\n")
    assert "─── synced ───▶" in found.out
    assert "\x1b" not in found.out


def test_the_document_says_the_same(installed: LabUnderTest) -> None:
    found = document(installed)
    assert (found["healthy"], found["problems"], found["drift"]) == (True, [], [])
    east, west = found["clusters"]
    assert [east["role"], west["role"]] == ["primary", "remote"]
    assert west["access"]["synced"] is True
    assert west["discovery"]["used"] == east["gateway"]["addresses"]
    assert len({root["sha256"] for one in (east, west) for trust in one["trust"] for root in trust["roots"]}) == 1


def test_a_terminal_has_colours_unless_they_are_not_wanted(installed: LabUnderTest) -> None:
    command = installed.command("status", *MESH)
    code, coloured = run_in_terminal(command, installed.environ)
    assert code == 0
    assert "\x1b[32m" in coloured
    code, plain = run_in_terminal(command, {**installed.environ, "NO_COLOR": "1"})
    assert code == 0
    assert "\x1b[" not in plain


def test_no_secret_is_shown(installed: LabUnderTest) -> None:
    secrets = [one for context in ("east", "west") for one in installed.objects(context, ["secrets"])]
    needles = of_secrets(secrets) | of_kubeconfig(installed.kubeconfig.read_text())
    assert needles
    texts = {"text": status(installed).said, "json": status(installed, "-o", "json").said}
    assert showing(texts, needles) == []


@contextmanager
def fault(lab: LabUnderTest, *faults: str) -> Iterator[None]:
    lab.fault(*faults)
    yield
    lab.clear()


def test_a_cluster_that_does_not_answer_is_shown_and_the_rest_goes_on(installed: LabUnderTest) -> None:
    with fault(installed, "api-down@west"):
        found = status(installed)
    assert found.code == 1
    assert "does not answer" in found.out
    assert "cluster1  Istio     1.28.6" in found.out
    assert status(installed).code == 0


def test_a_primary_that_does_not_answer(installed: LabUnderTest) -> None:
    with fault(installed, "api-down@east"):
        found = document(installed)
    east, west = found["clusters"]
    assert (found["healthy"], east["answers"], west["answers"]) == (False, False, True)
    assert west["access"]["synced"] is None


def test_what_may_not_be_read_is_said_and_not_taken_for_missing(installed: LabUnderTest) -> None:
    with fault(installed, "rbac-denied=secrets"):
        found = status(installed)
        seen = document(installed)
    assert "not seen: cluster1: " in found.out
    assert "no cacerts" not in found.out
    assert found.code == 1
    assert found.out.startswith("? mesh1 cannot be judged whole: not all of it may be read; 2 clusters")
    assert "? cluster1: not known whether istiod uses the cacerts" in found.out
    assert (seen["healthy"], seen["problems"], seen["first_broken_links"]) == (False, [], [])
    assert {one["cluster"] for one in seen["not_judged"]} == {"cluster1", "cluster2"}
    assert [one["health"] for one in seen["clusters"]] == ["unknown", "unknown"]


def test_what_no_link_is_judged_by_may_stay_unread(installed: LabUnderTest) -> None:
    with fault(installed, "rbac-denied=serviceaccounts"):
        found = status(installed)
    assert "not seen: cluster1: " in found.out
    assert found.out.startswith("✓ mesh1 is healthy")
    assert found.code == 0


def test_a_remote_secret_that_is_gone(installed: LabUnderTest) -> None:
    secret = installed.kubectl("east", *SYSTEM, "get", "secret", "istio-remote-secret-cluster2", "-o", "json")
    installed.kubectl("east", *SYSTEM, "delete", "secret", "istio-remote-secret-cluster2")
    found = status(installed)
    assert found.code == 1
    assert "─ NOT synced ─✗" in found.out
    assert "✗ cluster2: istiod does not know it: there is no secret/istio-remote-secret-cluster2" in found.out
    made = json.loads(secret)
    made["metadata"] = {key: made["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    installed.kubectl("east", "create", "-f", "-", stdin=json.dumps(made))
    installed.kubectl("west", "wait", "istio/default", "--for=condition=Ready")
    assert installed.install().code == 0
    assert status(installed).code == 0


def test_a_broken_link_that_no_condition_shows(installed: LabUnderTest) -> None:
    gone = ("gateways.networking.istio.io", "cross-network-gateway")
    made = json.loads(installed.kubectl("east", *SYSTEM, "get", *gone, "-o", "json"))
    installed.kubectl("east", *SYSTEM, "delete", *gone)
    found, diagnosed = document(installed), installed.meshctl("diagnose", *MESH, *BRIEF, "-o", "json")
    assert (found["healthy"], found["problems"]) == (False, [])
    codes = [one["code"] for one in found["first_broken_links"]]
    assert codes == [one["code"] for one in json.loads(diagnosed.out)["broken"]] == ["MESH-230"]
    assert [one["health"] for one in found["clusters"]] == ["broken", "well"]
    said = status(installed)
    assert said.code == 1
    assert said.out.startswith("✗ mesh1 is NOT healthy: 2 clusters")
    assert "  ✗ MESH-230 cluster1: cluster1 does not expose the services\n" in said.out
    made["metadata"] = {key: made["metadata"][key] for key in ("name", "namespace")}
    installed.kubectl("east", "create", "-f", "-", stdin=json.dumps(made))
    assert status(installed).code == 0


def test_drift_is_shown_and_is_no_failure(installed: LabUnderTest) -> None:
    found = status(installed, "--set", "meshID=other", "--set", "west[0].clusterName=prod-b")
    assert found.code == 0
    assert "Not as asked for" in found.out
    assert "cluster2  name     prod-b     cluster2" in found.out


def test_nothing_installed() -> None:
    with fresh_lab() as lab:
        found = status(lab)
    assert found.code == 1
    assert found.out == (
        "✗ no mesh is installed on any of 2 clusters\n\n"
        "next: meshctl install --east east --west west --set timeouts.contact=1s\n"
    )


def test_a_mesh_that_was_made_by_hand(start_lab: StartLab) -> None:
    lab = start_lab()
    hand = Hand(lab)
    hand.install()
    hand.gateways_ready()
    done = lab.meshctl("status", *MESH, "-o", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["healthy"], found["problems"]) == (0, True, []), done.stdout
    assert found["managers"] == ["kubectl-client-side-apply"]


def test_a_mesh_of_upstreams_operator(start_lab: StartLab) -> None:
    lab = start_lab(remotes=2, operator="upstream")
    mesh = (*MESH, "--west", "west2")
    assert lab.meshctl("install", *mesh).returncode == 0
    done = lab.meshctl("status", *mesh, "-o", "json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["problems"]) == (0, []), done.stdout
    assert dig(found, "clusters", 2, "access", "synced") is True


def test_the_page_is_written_beside_the_screen(installed: LabUnderTest) -> None:
    page = installed.folder / "mesh.html"
    found = status(installed, "--html", str(page))
    assert found.code == 0
    assert found.out.startswith("✓ mesh1 is healthy")
    assert found.err == f"written: {page}\n"
    assert "<title>mesh1 is healthy: 2 clusters" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_told_before_anything_is_asked(installed: LabUnderTest) -> None:
    found = status(installed, "--html", "/nowhere/mesh.html")
    assert (found.code, found.out) == (2, "")
    assert "--html: cannot write '/nowhere/mesh.html': no such file or directory" in found.err
