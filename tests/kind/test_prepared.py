"""What `make e2e-kind` will do, as far as it can be tried without Docker: its files, its commands, its manifests."""

import ipaddress
import json
import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, ValidationError

from tests.real.pool import Pool
from tests.world.harness import MESH, fresh_lab, lent_real


def closed(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
SELECTOR = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def listed(items: object) -> dict[str, object]:
    return {"type": "array", "items": items}


FOLDER = Path(__file__).parent
TOP = FOLDER.parents[1]
CONTEXTS = ("east", "west")
WORKFLOWS = sorted((TOP / ".github" / "workflows").glob("*.yml"))
NETWORK_OF_KIND = "172.18.0.0/16"
SECONDS = 300
DRY_RUN = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--field-manager=meshctl")
ADDRESS = "172.18.251.1"
METALLB = {
    "IPAddressPool": closed(
        addresses=listed(TEXT),
        autoAssign=FLAG,
        avoidBuggyIPs=FLAG,
        serviceAllocation={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    ),
    "L2Advertisement": closed(
        ipAddressPools=listed(TEXT),
        ipAddressPoolSelectors=listed(SELECTOR),
        nodeSelectors=listed(SELECTOR),
        interfaces=listed(TEXT),
    ),
}
"""The fields of MetalLB's kinds, whose CRDs come with its chart."""


PORT = closed(containerPort=NUMBER, hostPort=NUMBER, listenAddress=TEXT, protocol={"enum": ["TCP", "UDP", "SCTP"]})
MOUNT = closed(hostPath=TEXT, containerPath=TEXT, readOnly=FLAG, selinuxRelabel=FLAG, propagation=TEXT)
NODE = closed(
    role={"enum": ["control-plane", "worker"]},
    image=TEXT,
    labels=TEXTS,
    extraMounts=listed(MOUNT),
    extraPortMappings=listed(PORT),
    kubeadmConfigPatches=listed(TEXT),
)
NETWORKING = closed(
    ipFamily={"enum": ["ipv4", "ipv6", "dual"]},
    apiServerPort=NUMBER,
    apiServerAddress=TEXT,
    podSubnet=TEXT,
    serviceSubnet=TEXT,
    disableDefaultCNI=FLAG,
    kubeProxyMode={"enum": ["iptables", "ipvs", "nftables", "none"]},
    dnsSearch=listed(TEXT),
)
KIND_CLUSTER = {
    **closed(
        kind={"const": "Cluster"},
        apiVersion={"const": "kind.x-k8s.io/v1alpha4"},
        name={"type": "string", "pattern": "^[a-z0-9.-]+$"},
        nodes=listed(NODE),
        networking=NETWORKING,
        featureGates={"type": "object", "additionalProperties": FLAG},
        runtimeConfig=TEXTS,
        kubeadmConfigPatches=listed(TEXT),
        containerdConfigPatches=listed(TEXT),
    ),
    "required": ["kind", "apiVersion"],
}
"""kind's v1alpha4, of which kind refuses what it does not know."""


def config(context: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{context}.yaml").read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("context", CONTEXTS)
def test_kind_knows_every_field_of_its_configuration(context: str) -> None:
    Draft202012Validator(KIND_CLUSTER).validate(config(context))
    assert config(context)["name"] == context
    with pytest.raises(ValidationError, match="Additional properties"):
        Draft202012Validator(KIND_CLUSTER).validate({**config(context), "network": {}})


def test_no_two_networks_overlap() -> None:
    networks = [NETWORK_OF_KIND]
    for context in CONTEXTS:
        networks += [config(context)["networking"][one] for one in ("podSubnet", "serviceSubnet")]
    for one, other in combinations(map(ipaddress.ip_network, networks), 2):
        assert not one.overlaps(other)


def test_the_story_runs_on_the_lab_with_the_operator_and_the_kubeconfig_of_kind(tmp_path: Path) -> None:
    with fresh_lab("--operator", "upstream") as lab:
        servers = [one["cluster"]["server"] for one in yaml.safe_load(lab.kubeconfig.read_text())["clusters"]]
        assert all(server.startswith("https://127.0.0.1:") for server in servers)
        for context in CONTEXTS:
            lab.kubectl(context, "-n", "istio-system", "delete", "secret", "cacerts")  # kind has none
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [str(FOLDER / "story.sh"), str(tmp_path)],
            env={**lab.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert re.search(r"the kubeconfig says https://127\.0\.0\.1:\d+; istiod will use https://172\.18\.2\.2:6443", said)
    assert "nothing is left of the mesh" in said


@pytest.mark.real
def test_real_api_servers_accept_every_manifest(pool: Pool, tmp_path: Path) -> None:
    with lent_real(pool) as mesh:
        flags = ("--gateway-address", f"cluster1={ADDRESS}", "--set", "cni.confDir=/etc/cni/net.d")
        rendered = mesh.meshctl("render", *MESH, *flags, "--out", str(tmp_path / "mesh"))
        assert rendered.code == 0, rendered.said
        for context, cluster in zip(CONTEXTS, ("cluster1", "cluster2"), strict=True):
            files = sorted((tmp_path / "mesh" / cluster).glob("*.yaml"))
            mesh.kubectl(context, "apply", "--server-side", "-f", str(files[0]))  # namespaces: the rest is in them
            for file in files:
                tried = mesh.kubectl(context, *DRY_RUN, "-f", str(file))
                assert all(line.endswith("serverside-applied (server dry run)") for line in tried.splitlines()), tried
            assert len(files) == 7 if context == "east" else 6

        # The lab's pool of addresses may be there, with a definition of its own.
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "metallb-system"}}
        definitions = [space, *(metallb(kind, spec) for kind, spec in METALLB.items())]
        mesh.kubectl(
            "east",
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
            stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions}),
        )
        for kind in METALLB:
            mesh.kubectl("east", "wait", f"crd/{plural(kind)}.metallb.io", "--for=condition=established")
        pool_of_addresses = (FOLDER / "metallb-pool.yaml").read_text().replace("START", ADDRESS).replace("END", ADDRESS)
        assert mesh.kubectl("east", *DRY_RUN, "-f", "-", stdin=pool_of_addresses).count("(server dry run)") == 2


def plural(kind: str) -> str:
    return f"{kind.lower()}s"


def metallb(kind: str, spec: dict[str, object]) -> dict[str, object]:
    schema = {"type": "object", "properties": {"spec": pruned(spec)}}
    version = {"name": "v1beta1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural(kind)}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.metallb.io"},
        "spec": {"group": "metallb.io", "names": names, "scope": "Namespaced", "versions": [version]},
    }


def pruned(spec: dict[str, object]) -> dict[str, object]:
    """Return a schema as a CRD takes it: there, what is not named is unknown anyway."""
    return {key: value for key, value in spec.items() if key != "additionalProperties"}


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflows_run_what_there_is(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert workflow[True].keys() <= {"push", "pull_request", "workflow_dispatch"}  # YAML 1.1 reads `on` as true
    targets = set(re.findall(r"^([a-z0-9-]+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for job in workflow["jobs"].values():
        steps = job["steps"]
        assert all(("uses" in step) != ("run" in step) for step in steps)
        assert all(re.fullmatch(r"[\w.-]+/[\w./-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
        commands = [step["run"] for step in steps if "run" in step]
        assert commands
        for command in commands:
            assert command == ".ci/run" or (command.startswith("make ") and set(command.split()[1:]) <= targets)
