"""`meshctl repair`: mends what is safe to mend, waits for the effect, and leaves the rest to its user."""

import base64
import json

import yaml

from meshctl.names import CONTROL_PLANE_CLUSTERS, GATEWAY_SERVICE, NETWORK_LABEL
from tests.world.conftest import NewLab
from tests.world.harness import MESH, LabUnderTest


def test_the_effect_of_a_repair_is_waited_for(new_lab: NewLab) -> None:
    lab = new_lab("--speed", "5")  # an operator's probe does not come at once, as in real life
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "service", GATEWAY_SERVICE.name)
    done = lab.meshctl("repair", *MESH)
    assert done.code == 0, done.said
    assert lab.meshctl("diagnose", *MESH).code == 0


def test_several_broken_links_are_mended_in_one_run(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "gateways.networking.istio.io", "cross-network-gateway")
    lab.kubectl("west", "annotate", "namespace", "istio-system", f"{CONTROL_PLANE_CLUSTERS}-")
    lab.kubectl("west", "-n", "istio-system", "label", "service", GATEWAY_SERVICE.name, f"{NETWORK_LABEL}-")
    done = lab.meshctl("repair", *MESH)
    assert done.code == 0, done.said

    nothing = lab.meshctl("repair", *MESH)
    assert nothing.code == 0, nothing.said
    assert "nothing is broken" in nothing.out


def test_a_dry_run_shows_the_repair_and_writes_nothing(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "gateways.networking.istio.io", "cross-network-gateway")
    before = len(lab.writes())
    shown = lab.meshctl("repair", *MESH, "--dry-run")
    assert shown.code == 1, shown.said
    assert "expose-services.yaml" in shown.said
    assert len(lab.writes()) == before


def test_what_lies_outside_of_the_clusters_is_left_to_the_user(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.fault("data-blocked")
    left = lab.meshctl("repair", *MESH)
    assert left.code == 1, left.said
    assert "open TCP 15443" in left.out


THREE = (*MESH, "--west", "west2")
SYSTEM = ("-n", "istio-system")
SECRETS = ("secret", "-l", "istio/multiCluster=true")


def with_three(new_lab: NewLab) -> LabUnderTest:
    """Return a lab with a mesh of three, of which a command may name two."""
    lab = new_lab("--remotes", "2")
    installed = lab.meshctl("install", *THREE)
    assert installed.code == 0, installed.said
    return lab


def introduced(lab: LabUnderTest) -> dict[str, str]:
    """Return the kubeconfigs of all remote secrets, by cluster."""
    listed = json.loads(lab.kubectl("east", *SYSTEM, "get", *SECRETS, "-o", "json"))["items"]
    return {key: text for secret in listed for key, text in secret["data"].items()}


def test_a_remote_that_was_not_named_keeps_its_secret(new_lab: NewLab) -> None:
    lab = with_three(new_lab)
    before = introduced(lab)
    lab.kubectl("east", *SYSTEM, "delete", "secret", "istio-remote-secret-cluster2")
    done = lab.meshctl("repair", *MESH)
    assert done.code == 0, done.said
    assert introduced(lab)["cluster3"] == before["cluster3"]
    healthy = lab.meshctl("diagnose", *THREE)
    assert healthy.code == 0, healthy.said


def test_a_secret_that_holds_a_remote_that_was_not_named_stays(new_lab: NewLab) -> None:
    lab = with_three(new_lab)
    data = introduced(lab)
    config = yaml.safe_load(base64.b64decode(data["cluster2"]))
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:6443"
    data["cluster2"] = base64.b64encode(yaml.safe_dump(config).encode()).decode()
    lab.kubectl("east", *SYSTEM, "delete", *SECRETS)
    meta = {"name": "remotes", "namespace": "istio-system", "labels": {"istio/multiCluster": "true"}}
    shared = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}
    lab.kubectl("east", "create", "-f", "-", stdin=json.dumps(shared))
    left = lab.meshctl("repair", *MESH)
    assert left.code != 0, left.said
    assert "also holds cluster3" in left.said
    assert introduced(lab) == data
