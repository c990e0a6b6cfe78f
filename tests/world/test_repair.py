"""`meshctl repair`: mends what is safe to mend, waits for the effect, and leaves the rest to its user."""

import base64
import json

import yaml

from meshctl.names import CONTROL_PLANE_CLUSTERS, GATEWAY_SERVICE, NETWORK_LABEL
from meshctl.objects import dig
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


LABELLED = f"metadata.labels.{NETWORK_LABEL}"
GITOPS = ("--field-manager=gitops",)


def network(lab: LabUnderTest) -> str:
    """Return the network that East's gateway is labelled with."""
    return str(dig(lab.get("east", GATEWAY_SERVICE), "metadata", "labels", NETWORK_LABEL))


def test_a_field_that_another_tool_owns_is_a_conflict_until_it_is_taken_by_force(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    service = ("-n", "istio-system", "label", "service", GATEWAY_SERVICE.name, "--overwrite")
    lab.kubectl("east", *service, f"{NETWORK_LABEL}=theirs", *GITOPS)
    refused = lab.meshctl("repair", *MESH)
    assert refused.code == 1, refused.said
    assert f'conflict: "gitops" owns .{LABELLED}' in refused.err
    assert "--force-conflicts takes these fields over" in refused.err
    assert network(lab) == "theirs"

    forced = lab.meshctl("repair", *MESH, "--force-conflicts")
    assert forced.code == 0, forced.said
    assert network(lab) == "network1"


def test_what_another_tool_keeps_setting_is_not_fought_over(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.fault("foreign-owner")
    lab.kubectl(
        "east",
        "-n",
        "istio-system",
        "wait",
        f"service/{GATEWAY_SERVICE.name}",
        "--for",
        "jsonpath={.metadata.labels.topology\\.istio\\.io/network}=gitops-network",
    )
    refused = lab.meshctl("repair", *MESH)
    assert refused.code == 1, refused.said
    assert f'conflict: "gitops" owns .{LABELLED}' in refused.err
    assert network(lab) == "gitops-network"


def test_an_object_of_the_meshs_own_is_no_exception(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    servers = json.dumps([{"op": "replace", "path": "/spec/servers/0/port/number", "value": 15444}])
    gateway = ("-n", "istio-system", "patch", "gateways.networking.istio.io", "cross-network-gateway")
    lab.kubectl("east", *gateway, "--type=json", "-p", servers, *GITOPS)
    refused = lab.meshctl("repair", *MESH)
    assert refused.code == 1, refused.said
    assert 'conflict: "gitops" owns .spec.servers' in refused.err

    lab.kubectl("east", *gateway, "--type=json", "-p", servers.replace("15444", "15445"))
    mended = lab.meshctl("repair", *MESH)
    assert mended.code == 0, mended.said
