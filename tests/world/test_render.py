"""What is rendered and applied by kubectl, as the README says, is what `install` makes; and the two live together."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from meshctl.names import GATEWAY_SERVICE, ISTIO_SYSTEM, READER_TOKEN, THE_ISTIO, remote_secret
from meshctl.objects import dig
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.following import blocks, follow, shell
from tests.world.harness import MESH, LabUnderTest, World
from tests.world.settling import settled
from tests.world.states import Difference, differences, state_of
from tests.world.terminal import run_in_terminal


def rendered(lab: ThreadLab, *more: str) -> Path:
    """Render the mesh of a lab and return the folder."""
    done = lab.meshctl("render", *MESH, "--out", str(lab.folder / "out"), *more)
    assert done.returncode == 0, done.stderr
    return lab.folder / "out"


def differing(one: ThreadLab, other: ThreadLab) -> list[str]:
    """Return where two labs differ; events tell the way, and slices are written more often when pods come later."""
    return [str(found) for found in differences(state_of(one), state_of(other)) if not on_the_way(found)]


def on_the_way(found: Difference) -> bool:
    """Say whether a difference is about how a state was reached."""
    _, kind, _, _ = found.key
    return kind == "Event" or (kind == "EndpointSlice" and found.path == ".metadata.generation")


def test_following_the_readme_ends_in_the_state_of_install(start_lab: StartLab) -> None:
    by_hand, installed = start_lab(), start_lab()
    folder = rendered(by_hand)

    follow(folder, by_hand.environ, until="Prove it")
    done = installed.meshctl("install", *MESH)
    assert done.returncode == 0, done.stderr

    assert settled(lambda: differing(by_hand, installed), lambda left: not left) == []
    _, since = by_hand.marks()
    again = by_hand.meshctl("install", *MESH)
    assert again.returncode == 0, again.stderr
    assert changed(by_hand, since) == set()
    proof = [one for one in blocks((folder / "README.md").read_text()) if one.heading == "Prove it"]
    verified = shell(proof[0].text, folder, by_hand.environ)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def changed(lab: ThreadLab, since: int) -> set[str]:
    """Return the objects whose wish was changed since, but for the lock's."""
    found = (one for one in lab.changes(since) if one["kind"] not in {"Lease", "Event"} and one["parts"] != ["status"])
    return {f"{one['kind']} {one['name']}" for one in found}


@pytest.mark.real
def test_the_readme_works_on_real_api_servers(worlds: Mapping[str, World], tmp_path: Path) -> None:
    with worlds["real"]() as mesh:
        done = mesh.meshctl("render", *MESH, "--out", str(tmp_path / "out"))
        assert done.code == 0, done.said

        follow(tmp_path / "out", mesh.environ)

        before = generations(mesh)
        installed = mesh.install()
        assert installed.code == 0, installed.said
        assert generations(mesh) == before


def generations(mesh: LabUnderTest) -> dict[str, object]:
    """Return the generations of what install applies: they rise when a wish changes."""
    kinds = "istios,istiocnis,services,deployments,namespaces,secrets"
    listed = {context: mesh.objects(context, kinds.split(",")) for context in ("east", "west")}
    return {
        f"{context} {one['kind']} {one['metadata']['name']}": one["metadata"].get("generation", one.get("data"))
        for context, objects in listed.items()
        for one in objects
        if "helm" not in str(one.get("type"))
    }


@pytest.mark.parametrize(
    "how",
    [
        (),
        ("--server-side", "--field-manager=argocd-controller", "--force-conflicts"),
    ],
    ids=["client-side", "argocd-controller"],
)
def test_files_applied_as_another_manager_and_install_live_together(start_lab: StartLab, how: tuple[str, ...]) -> None:
    lab = start_lab()
    assert lab.meshctl("install", *MESH).returncode == 0
    address = json.loads(kubectl(lab, "east", "get", "-n", ISTIO_SYSTEM, "service", GATEWAY_SERVICE.name, "-o", "json"))
    ip = address["status"]["loadBalancer"]["ingress"][0]["ip"]
    folder = rendered(lab, "--gateway-address", f"cluster1={ip}")
    for context, cluster in (("east", "cluster1"), ("west", "cluster2")):
        kubectl(lab, context, "apply", *how, "-f", str(folder / cluster))

    again = lab.meshctl("install", *MESH)
    assert again.returncode == 0, again.stderr

    service = folder / "cluster1" / "02-ask-for-the-gateways-address.yaml"
    service.write_text(service.read_text().replace("network1", "theirs"))
    kubectl(lab, "east", "apply", *how, *([] if how else ["--force"]), "-f", str(service))
    refused = lab.meshctl("install", *MESH)
    assert refused.returncode == 1, refused.stderr
    assert ("argocd-controller" if how else "kubectl-client-side-apply") in refused.stderr
    assert "--force-conflicts" in refused.stderr


def kubectl(lab: ThreadLab, context: str, *arguments: str) -> str:
    """Run kubectl, which must succeed."""
    done = lab.kubectl(context, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_not_filled_in_cannot_be_applied(mesh: LabUnderTest, tmp_path: Path) -> None:
    done = mesh.meshctl("render", *MESH, "--out", str(tmp_path / "out"), "--set", "kernel=old")
    assert done.code == 0, done.said
    waiting = [path for path in (tmp_path / "out").rglob("*.yaml") if "<<" in path.read_text()]
    assert sorted(path.name for path in waiting) == [
        "04-install-istio.yaml",
        "05-adapt-the-gateway-template-to-old-kernels.yaml",
    ]

    for path in waiting:
        for how in ((), ("--server-side", "--field-manager=meshctl"), ("--server-side", "--force-conflicts")):
            mesh.kubectl("west", "apply", *how, "-f", str(path), code=1)
    assert mesh.get("west", THE_ISTIO) is None


# --- the remote secret ---------------------------------------------------------------------------------------------
def test_the_remote_secret_is_printed_as_install_makes_it(start_lab: StartLab) -> None:
    lab = start_lab()
    early = lab.meshctl("remote-secret", *MESH)
    assert early.returncode == 4, early.stderr
    assert READER_TOKEN.name in early.stderr
    assert lab.meshctl("install", *MESH).returncode == 0

    printed = lab.meshctl("remote-secret", "cluster2", *MESH)

    assert printed.returncode == 0, printed.stderr
    secret = yaml.safe_load(printed.stdout)
    there = lab.get("east", remote_secret("cluster2"))
    assert secret["data"] == dig(there, "data")
    assert secret["metadata"]["name"] == "istio-remote-secret-cluster2"


def test_no_token_is_shown_on_a_terminal(start_lab: StartLab) -> None:
    lab = start_lab()
    code, shown = run_in_terminal([sys.executable, "-m", "meshctl", "remote-secret", *MESH], lab.environ)
    assert code == 2, shown
    assert "do not belong on a terminal" in shown
    assert "--apply" in shown
    assert lab.requests() == []


def test_remotes_that_are_none_are_named(start_lab: StartLab) -> None:
    lab = start_lab()
    refused: subprocess.CompletedProcess[str] = lab.meshctl("remote-secret", "cluster7", *MESH)
    assert refused.returncode == 2
    assert "cluster7: no remote of this mesh; its remotes are cluster2" in refused.stderr
