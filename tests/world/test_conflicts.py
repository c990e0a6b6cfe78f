"""What stands in the way: other people's fields, missing rights, the wrong clusters, missing certificates."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from meshctl.names import CACERTS, GATEWAY_SERVICE, NETWORK_LABEL, THE_ISTIO
from meshctl.objects import Manifest, dig
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.harness import MESH, LabUnderTest
from tests.world.requests import is_write

KUBECTL = "kubectl-client-side-apply"


def writes(lab: ThreadLab) -> list[str]:
    """Return what has been written over HTTPS so far."""
    return [f"{r['cluster']} {r['method']} {r['path']}" for r in lab.requests() if is_write(r)]


def service(labels: dict[str, str], target: int) -> Manifest:
    """Return a gateway Service as somebody else would make it."""
    meta = {"name": GATEWAY_SERVICE.name, "namespace": GATEWAY_SERVICE.namespace, "labels": labels}
    ports = [{"name": "tls", "port": 15443, "protocol": "TCP", "targetPort": target}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"type": "LoadBalancer", "ports": ports}}


def istio(version: str, mesh_id: str) -> Manifest:
    """Return an Istio as somebody else would make it."""
    spec = {"version": version, "namespace": "istio-system", "values": {"global": {"meshID": mesh_id}}}
    return {"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"}, "spec": spec}


@dataclass(frozen=True, slots=True)
class Theirs:
    """What somebody else has applied and how, the manager that makes them, and which fields are in dispute."""

    objects: tuple[Manifest, ...]
    options: tuple[str, ...]
    manager: str
    fields: tuple[str, ...]


BY_KUBECTL = Theirs(
    (service({NETWORK_LABEL: "theirs"}, 15443), istio("v1.28.3", "mesh1")),
    (),
    KUBECTL,
    (f".metadata.labels.{NETWORK_LABEL}", ".spec.version"),
)
BY_GITOPS = Theirs(
    (service({"team": "mesh"}, 8443), istio("v1.28.6", "theirs")),
    ("--server-side", "--field-manager=gitops"),
    "gitops",
    ('.spec.ports[port=15443,protocol="TCP"].targetPort', ".spec.values.global.meshID"),
)


@pytest.mark.parametrize("theirs", [BY_KUBECTL, BY_GITOPS], ids=["client-side", "server-side"])
def test_fields_of_another_manager_are_a_conflict_until_they_are_taken_by_force(
    mesh: LabUnderTest, theirs: Theirs
) -> None:
    mesh.kubectl("east", "apply", *theirs.options, "-f", "-", stdin=yaml.safe_dump_all(theirs.objects))

    refused = mesh.install()
    assert refused.code == 1, refused.said
    for field in theirs.fields:
        assert f'conflict: "{theirs.manager}" owns {field}' in refused.err
    assert "--force-conflicts takes these fields over" in refused.err

    forced = mesh.install("--force-conflicts")
    assert forced.code == 0, forced.said
    ours = mesh.get("east", GATEWAY_SERVICE)
    assert dig(ours, "metadata", "labels", NETWORK_LABEL) == "network1"
    assert {port["name"]: port["targetPort"] for port in dig(ours, "spec", "ports")}["tls"] == 15443
    control_plane = mesh.get("east", THE_ISTIO)
    assert dig(control_plane, "spec", "version") == "v1.28.6"
    assert dig(control_plane, "spec", "values", "global", "meshID") == "mesh1"


def test_missing_rights_are_listed_and_nothing_is_written(start_lab: StartLab) -> None:
    lab = start_lab(faults=["rbac-denied@west=secrets"])

    refused = lab.meshctl("install", *MESH)

    assert refused.returncode == 3, refused.stderr
    assert "nothing was written" in refused.stderr
    listed = re.search(r"cluster2: no permission to (.*)", refused.stderr)
    assert listed, refused.stderr
    rights = {right.strip() for right in listed[1].split(" → ")[0].split(";")}
    assert rights == {f"{verb} secrets in istio-system" for verb in ("get", "list", "watch", "create", "patch")}
    assert "cluster1: no permission" not in refused.stderr
    assert writes(lab) == []


def test_the_same_cluster_by_two_addresses(start_lab: StartLab) -> None:
    lab = start_lab()
    config = yaml.safe_load(lab.kubeconfig.read_text())
    entries = {kind: next(e for e in config[kind] if e["name"] == "east") for kind in ("clusters", "contexts")}
    there = entries["clusters"]["cluster"]
    another = {"server": there["server"].replace("127.0.0.1", "localhost"), "tls-server-name": "127.0.0.1"}
    config["clusters"].append({"name": "elsewhere", "cluster": {**there, **another}})
    context = {**entries["contexts"]["context"], "cluster": "elsewhere"}
    config["contexts"].append({"name": "elsewhere", "context": context})
    lab.kubeconfig.write_text(yaml.safe_dump(config))

    refused = lab.meshctl("install", "--east", "east", "--west", "elsewhere")

    assert refused.returncode == 3, refused.stderr
    assert "cluster2: is the same cluster as cluster1" in refused.stderr
    assert writes(lab) == []


def certificate_commands(text: str) -> list[str]:
    """Return the commands that a message says to run, one after the other."""
    found = re.findall(r"meshctl certs .*", text)
    return [command.strip() for line in dict.fromkeys(found) for command in line.split("&&")]


def run_as_said(lab: ThreadLab, line: str) -> "subprocess.CompletedProcess[str]":
    """Run a command line as a user's shell does."""
    found = shutil.which("bash")
    assert found is not None
    path = f"{Path(sys.executable).parent}:{lab.environ['PATH']}"
    return subprocess.run(
        [found, "-c", line],
        env={**lab.environ, "PATH": path},
        cwd=lab.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_commands_that_install_names_for_missing_certificates_cure_it(start_lab: StartLab) -> None:
    lab = start_lab()
    # West keeps its own, which cannot stay: nobody has the root that a new one for east would have to come from.
    lab.delete("east", CACERTS)

    refused = lab.meshctl("install", *MESH)
    assert refused.returncode == 3, refused.stderr
    assert writes(lab) == []
    commands = certificate_commands(refused.stderr)
    assert [command.split()[:3] for command in commands] == [
        ["meshctl", "certs", "generate"],
        ["meshctl", "certs", "apply"],
    ], refused.stderr

    # The first one again: whoever has the certificates, from another day, loses nothing by doing as told.
    for command in (commands[0], *commands):
        done = run_as_said(lab, command)
        assert done.returncode == 0, done.stdout + done.stderr
    checked = lab.meshctl("certs", "check", *MESH)
    assert checked.returncode == 0, checked.stdout
    installed = lab.meshctl("install", *MESH)
    assert installed.returncode == 0, installed.stderr
