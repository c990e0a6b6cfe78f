"""What other people have made their own: a conflict that names them, until it is taken by force."""

from dataclasses import dataclass

import pytest
import yaml

from meshctl.names import GATEWAY_SERVICE, NETWORK_LABEL, THE_ISTIO
from meshctl.objects import Manifest, dig
from tests.world.harness import LabUnderTest

KUBECTL = "kubectl-client-side-apply"


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
