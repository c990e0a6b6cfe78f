"""Traps that preflight must name, each alone and by its code: set on a lab, named, mended as it says, and gone."""

import base64
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from meshctl.certs.authority import make_material, make_root
from meshctl.certs.material import KeyType, Material
from meshctl.certs.secrets import manifest_of
from tests.world.deeds import certificates
from tests.world.harness import MESH, SECONDS, LabUnderTest, fresh_lab
from tests.world.settling import settled

REACH = ("--server", "cluster2=https://172.18.2.2:6443")
BRISK = (*REACH, "--set", "timeouts.contact=1s")
"""For what is waited for in vain; everything else may take its time on a busy machine."""

SYSTEM = ("-n", "istio-system")
PROGRAMS = Path(sys.executable).parent

Deed = Callable[[LabUnderTest], object]
Findings = list[dict[str, Any]]


def nothing(lab: LabUnderTest) -> None:
    """Leave the lab as it is: the trap is in what is asked for."""


@dataclass(frozen=True, slots=True)
class Trap:
    """One trap. The command that is printed mends it, unless it says in words what `mend` does.

    `options` are in force while it is set, `mended` are those that the hint asks for; both stand for what a user types.
    `tidy` takes away for the next trap what was no part of the cure.
    """

    code: str
    name: str
    cluster: str
    spring: Deed = nothing
    mend: Deed | None = None
    options: tuple[str, ...] = REACH
    mended: tuple[str, ...] = REACH
    says: str = ""
    warning: bool = False
    contexts: tuple[str, ...] = MESH
    tidy: Deed = nothing

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


# --- how traps are set ------------------------------------------------------------------------------------------------
def fault(name: str) -> Deed:
    return lambda lab: lab.fault(name)


def kubectl(context: str, *words: str, stdin: str = "") -> Deed:
    return lambda lab: lab.kubectl(context, *words, stdin=stdin)


def several(*deeds: Deed) -> Deed:
    def do(lab: LabUnderTest) -> None:
        for deed in deeds:
            deed(lab)

    return do


def node_status(context: str, change: object) -> Deed:
    def do(lab: LabUnderTest) -> None:
        for name in ("control-plane", "worker"):
            patch = json.dumps({"status": change})
            lab.kubectl(
                context, "patch", "node", f"{context}-{name}", "--subresource=status", "--type=merge", "-p", patch
            )

    return do


def node_ready(context: str, status: str) -> Deed:
    condition = {"type": "Ready", "status": status, "reason": "Lab", "message": "container runtime network not ready"}
    return node_status(context, {"conditions": [condition]})


def store(context: str, material: Material) -> Deed:
    return several(
        kubectl(context, *SYSTEM, "delete", "secret", "cacerts", "--ignore-not-found"),
        kubectl(context, "create", "-f", "-", stdin=json.dumps(manifest_of(material))),
    )


def replaced_part(part: str, value: bytes) -> Deed:
    patch = json.dumps({"data": {part: base64.b64encode(value).decode()}})
    return kubectl("east", *SYSTEM, "patch", "secret", "cacerts", "--type=merge", "-p", patch)


def made(age: timedelta) -> Material:
    """Return certificates that were made so long ago."""
    then = datetime.now(UTC) - age
    return make_material(make_root(now=then, key=KeyType.EC_P256), "east", now=then, key=KeyType.EC_P256)


def aged(age: timedelta) -> Deed:
    """Give East an intermediate that was made so long ago, and West a fresh one, of one root that lasts longer."""
    now = datetime.now(UTC)
    root = make_root(now=now - age, key=KeyType.EC_P256)
    east, west = (
        make_material(root, name, now=then, key=KeyType.EC_P256) for name, then in (("east", now - age), ("west", now))
    )
    return several(store("east", east), store("west", west))


def late_multus(lab: LabUnderTest) -> None:
    name = "network-attachment-definitions.k8s.cni.cncf.io"
    crd = json.loads(lab.kubectl("west", "get", "crd", name, "-o", "json"))
    lab.kubectl("west", "delete", "crd", name)
    made_anew = {**crd, "metadata": {"name": name}}
    made_anew.pop("status", None)
    time.sleep(1)  # Kubernetes' times are whole seconds: within one, nothing is later than the operator
    lab.kubectl("west", "create", "-f", "-", stdin=json.dumps(made_anew))


def without_istio_kinds(lab: LabUnderTest) -> None:
    for name in ("gateways", "virtualservices"):
        lab.kubectl("east", "delete", "crd", f"{name}.networking.istio.io")


def twin(lab: LabUnderTest) -> None:
    """Give East a second context, by another name of its API server."""
    config = yaml.safe_load(lab.kubeconfig.read_text())
    entry = next(one for one in config["clusters"] if one["name"] == cluster_of(config, "east"))
    again = {**entry["cluster"], "server": entry["cluster"]["server"].replace("127.0.0.1", "localhost")}
    user = next(one["context"]["user"] for one in config["contexts"] if one["name"] == "east")
    config["clusters"].append({"name": "twin", "cluster": again})
    config["contexts"].append({"name": "twin", "context": {"cluster": "twin", "user": user}})
    lab.kubeconfig.write_text(yaml.safe_dump(config))


def cluster_of(config: dict[str, Any], context: str) -> str:
    return next(str(one["context"]["cluster"]) for one in config["contexts"] if one["name"] == context)


def plugin_secret(lab: LabUnderTest) -> None:
    """Put somebody's own kubeconfig, with a credential plugin, into a remote secret by hand."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "w",
        "contexts": [{"name": "w", "context": {"cluster": "w", "user": "w"}}],
        "clusters": [{"name": "w", "cluster": {"server": "https://w:6443", "certificate-authority-data": "eA=="}}],
        "users": [{"name": "w", "user": {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "aws"}}}],
    }
    lab.kubectl(
        "east", *SYSTEM, "create", "secret", "generic", "by-hand", f"--from-literal=west9={yaml.safe_dump(config)}"
    )
    lab.kubectl("east", *SYSTEM, "label", "secret", "by-hand", "istio/multiCluster=true")


def foreign_istiod(namespace: str) -> Deed:
    labels = {"app": "istiod"}
    container = {"name": "pilot", "image": "example.com/pilot:1.20.0"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod-1-20", "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    return kubectl("west", "create", "-f", "-", stdin=json.dumps(deployment))


def ending_namespace(lab: LabUnderTest) -> None:
    held = {"name": "held", "namespace": "istio-cni", "finalizers": ["example.com/gone"]}
    lab.kubectl("west", "create", "namespace", "istio-cni")
    lab.kubectl(
        "west", "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
    )
    lab.kubectl("west", "delete", "namespace", "istio-cni", "--wait=false")


def release(lab: LabUnderTest) -> None:
    patch = '{"metadata":{"finalizers":null}}'
    lab.kubectl("west", "-n", "istio-cni", "patch", "configmap", "held", "--type=merge", "-p", patch)


def given_hostname(lab: LabUnderTest) -> None:
    lab.fault("lb-hostname@east=gateway.example.invalid")
    lab.kubectl("east", *SYSTEM, "create", "service", "loadbalancer", "istio-eastwestgateway", "--tcp=15443")
    lab.kubectl(
        "east",
        *SYSTEM,
        "wait",
        "service/istio-eastwestgateway",
        "--for=jsonpath={.status.loadBalancer.ingress[0].hostname}",
        "--timeout=20s",
    )


def ipv6_gateway(lab: LabUnderTest) -> None:
    given_hostname(lab)
    status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "2001:db8::10"}]}}})
    gateway = ("patch", "service", "istio-eastwestgateway", "--subresource=status", "--type=merge")
    lab.kubectl("east", *SYSTEM, *gateway, "-p", status)


def no_gateway(lab: LabUnderTest) -> None:
    lab.kubectl("east", *SYSTEM, "delete", "service", "istio-eastwestgateway")
    lab.clear()


CLEAR = LabUnderTest.clear
OLDER = ("--set", "istioVersion=1.28.3", *REACH)
IPV4 = ("--set", "istioVersion=1.28.3", "--gateway-address", "cluster1=192.0.2.10", *REACH)
ROLE = "node-role.kubernetes.io"

BEFORE = (
    Trap("MESH-101", "an API server that is away", "cluster2", fault("api-down@west"), CLEAR, options=BRISK),
    Trap("MESH-102", "credentials that have expired", "cluster2", fault("expired-token@west"), CLEAR),
    Trap(
        "MESH-103",
        "one cluster by two contexts",
        "cluster2",
        twin,
        nothing,
        contexts=("--east", "east", "--west", "twin"),
        says="is the same cluster as cluster1",
    ),
    Trap("MESH-104", "a clock that is off", "cluster1", fault("clock-skew@east"), CLEAR, warning=True),
    Trap("MESH-110", "a right that is missing", "cluster1", fault("rbac-denied@east=secrets"), CLEAR),
    Trap("MESH-120", "no operator", "cluster2", fault("operator-absent@west"), CLEAR),
    Trap("MESH-121", "an operator that is down", "cluster2", fault("operator-crashing@west"), CLEAR, options=BRISK),
    Trap("MESH-122", "a version that is not offered", "cluster1", fault("old-crd@east"), CLEAR),
    Trap("MESH-123", "definitions ahead of the operator", "cluster1", fault("crd-ahead@east"), CLEAR, warning=True),
    Trap("MESH-124", "Istio's kinds are gone", "cluster1", without_istio_kinds, CLEAR),
    Trap(
        "MESH-126",
        "a namespace that is being deleted",
        "cluster2",
        ending_namespace,
        release,
        says="example.com/gone",
    ),
    Trap(
        "MESH-127",
        "somebody else's Istio",
        "cluster2",
        foreign_istiod("istio-system"),
        kubectl("west", *SYSTEM, "delete", "deployment", "istiod-1-20"),
        says="deployment/istiod-1-20 in istio-system",
    ),
    Trap(
        "MESH-128",
        "another Istio in a namespace of its own",
        "cluster2",
        foreign_istiod("default"),
        kubectl("west", "-n", "default", "delete", "deployment", "istiod-1-20"),
        warning=True,
    ),
    Trap(
        "MESH-132",
        "the reader's account, made too early",
        "cluster2",
        kubectl("west", *SYSTEM, "create", "serviceaccount", "istio-reader-service-account"),
    ),
    Trap("MESH-140", "an old Kubernetes", "cluster2", fault("old-kubernetes@west"), CLEAR, says="v1.27.16"),
    Trap("MESH-141", "a new Kubernetes", "cluster2", fault("old-kubernetes@west=v1.35.0"), CLEAR, warning=True),
    Trap(
        "MESH-142",
        "old kernels, denied",
        "cluster2",
        node_status("west", {"nodeInfo": {"kernelVersion": "3.10.0-1160.el7.x86_64"}}),
        node_status("west", {"nodeInfo": {"kernelVersion": "5.15.0-143-generic"}}),
        options=("--set", "kernel=new", *REACH),
        mended=("--set", "kernel=auto", *REACH),
        warning=True,
    ),
    Trap("MESH-143", "no Multus", "cluster2", fault("multus-missing@west"), CLEAR),
    Trap("MESH-144", "Multus after the operator", "cluster2", late_multus, warning=True),
    Trap(
        "MESH-146",
        "nodes that Istio is not built for",
        "cluster2",
        node_status("west", {"nodeInfo": {"architecture": "s390x"}}),
        node_status("west", {"nodeInfo": {"architecture": "amd64"}}),
    ),
    Trap(
        "MESH-147",
        "Pod Security",
        "cluster2",
        several(
            kubectl("west", "create", "namespace", "istio-cni"),
            kubectl("west", "label", "namespace", "istio-cni", "pod-security.kubernetes.io/enforce=restricted"),
        ),
    ),
    Trap(
        "MESH-148",
        "injection switched off",
        "cluster1",
        kubectl("east", "label", "namespace", "istio-system", "istio-injection=disabled"),
    ),
    Trap(
        "MESH-148",
        "another revision",
        "cluster2",
        kubectl("west", "label", "namespace", "istio-system", "istio.io/rev=canary"),
    ),
    Trap(
        "MESH-149",
        "no load balancer",
        "cluster2",
        fault("lb-absent@west"),
        nothing,
        mended=("--gateway-address", "cluster2=192.0.2.20", *REACH),
        warning=True,
        tidy=CLEAR,
    ),
    Trap("MESH-151", "nodes without a network", "cluster2", node_ready("west", "False"), node_ready("west", "True")),
    Trap(
        "MESH-152",
        "no infra node",
        "cluster2",
        kubectl("west", "label", "node", "west-worker", f"{ROLE}/infra-"),
        kubectl("west", "label", "node", "west-worker", f"{ROLE}/infra="),
        options=("--set", "gateway.infraNodes=true", *REACH),
        mended=("--set", "gateway.infraNodes=true", *REACH),
    ),
    Trap("MESH-160", "no cacerts", "cluster1", kubectl("east", *SYSTEM, "delete", "secret", "cacerts")),
    Trap("MESH-161", "incomplete cacerts", "cluster1", replaced_part("cert-chain.pem", b"")),
    Trap("MESH-162", "another key", "cluster1", replaced_part("ca-key.pem", made(timedelta(0)).ca_key)),
    Trap("MESH-164", "expired cacerts", "cluster1", aged(timedelta(days=3660)), certificates),
    Trap("MESH-165", "cacerts that expire soon", "cluster1", aged(timedelta(days=3620)), certificates, warning=True),
    Trap("MESH-166", "another root", "cluster2", store("west", made(timedelta(0)))),
    Trap(
        "MESH-168",
        "no cacerts on the remote",
        "cluster2",
        kubectl("west", *SYSTEM, "delete", "secret", "cacerts"),
        certificates,
        warning=True,
    ),
    Trap(
        "MESH-180",
        "a URL for this machine alone",
        "cluster2",
        kubectl("west", "label", "node", "west-control-plane", f"{ROLE}/control-plane-"),
        kubectl("west", "label", "node", "west-control-plane", f"{ROLE}/control-plane="),
        options=(),
    ),
    Trap("MESH-184", "a remote secret with a plugin", "cluster1", plugin_secret, warning=True, says="(exec)"),
    Trap("MESH-185", "a hostname that nobody knows", "cluster1", given_hostname, no_gateway, warning=True),
    Trap(
        "MESH-186",
        "an IPv6 address",
        "cluster1",
        ipv6_gateway,
        nothing,
        options=OLDER,
        mended=IPV4,
        tidy=no_gateway,
    ),
)

AFTER = (
    Trap(
        "MESH-106",
        "another mesh ID",
        "cluster1",
        mend=nothing,
        options=("--set", "meshID=other"),
        mended=("--set", "meshID=mesh1"),
    ),
    Trap(
        "MESH-130",
        "an older Istio",
        "",
        mend=nothing,
        options=("--set", "istioVersion=1.28.3"),
        mended=("--set", "istioVersion=1.28.6"),
    ),
    Trap(
        "MESH-145",
        "another CNI directory",
        "",
        mend=nothing,
        options=("--set", "cni.confDir=/etc/cni/net.d"),
        mended=("--set", "cni.confDir=/etc/cni/multus/net.d"),
        warning=True,
    ),
    Trap("MESH-171", "another root than istiod serves", "", certificates, options=(), mended=(), warning=True),
)


# --- how they are proved ----------------------------------------------------------------------------------------------
class Loan:
    """A lab that is lent to one test at a time; one that a test did not bring back whole is replaced."""

    def __init__(self, stack: ExitStack, *, installed: bool) -> None:
        self._stack = stack
        self._installed = installed
        self._lab: LabUnderTest | None = None

    @contextmanager
    def lab(self) -> Iterator[LabUnderTest]:
        lab, self._lab = self._lab, None
        if lab is None:
            self._stack.close()
            lab = self._stack.enter_context(fresh_lab())
            if self._installed:
                done = lab.install()
                assert done.code == 0, done.said
        yield lab
        self._lab = lab


@pytest.fixture(scope="module")
def before() -> Iterator[Loan]:
    with ExitStack() as stack:
        yield Loan(stack, installed=False)


@pytest.fixture(scope="module")
def after() -> Iterator[Loan]:
    with ExitStack() as stack:
        yield Loan(stack, installed=True)


@pytest.mark.parametrize("trap", BEFORE, ids=str)
def test_a_trap_is_named_before_an_install(before: Loan, trap: Trap) -> None:
    with before.lab() as lab:
        prove(lab, trap)


@pytest.mark.parametrize("trap", AFTER, ids=str)
def test_a_trap_is_named_in_a_mesh(after: Loan, trap: Trap) -> None:
    with after.lab() as lab:
        prove(lab, trap)


def prove(lab: LabUnderTest, trap: Trap) -> None:
    """Set a trap: it is named and nothing else; mended as it says, nothing is left."""
    trap.spring(lab)
    code, found = asked(lab, *trap.contexts, *trap.options)
    told = [f"{one['code']} {one['cluster']}: {one['text']}" for one in found]
    assert {one["code"] for one in found} == {trap.code}, "\n".join(told)
    assert trap.cluster in {"", *(one["cluster"] for one in found)}
    assert code == (0 if trap.warning else 3)
    assert trap.says in " ".join(one["text"] for one in found)
    if trap.mend:
        assert all(one["hint"] or one["command"] for one in found), found
        trap.mend(lab)
    for command in dict.fromkeys(one["command"] for one in found):
        # What only looks heals nothing; everything else is done as it is printed.
        if command and not (trap.mend and trap.code != "MESH-143"):
            run_literally(lab, command)
    assert settled(lambda: asked(lab, *MESH, *trap.mended), lambda seen: seen == (0, [])) == (0, [])
    trap.tidy(lab)


def asked(lab: LabUnderTest, *options: str) -> tuple[int, Findings]:
    """Return the exit code of a preflight, and everything that it found."""
    done = lab.meshctl("preflight", *options, "-o", "json")
    assert done.code in (0, 3), done.said
    findings: Findings = json.loads(done.out)["findings"]
    return done.code, findings


def run_literally(lab: LabUnderTest, command: str) -> None:
    """Have a shell carry out what was printed, as a user would who copies it."""
    folder = lab.folder / "shell"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environ = {**lab.environ, "PATH": f"{PROGRAMS}:{lab.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], env=environ, cwd=folder, capture_output=True, text=True, timeout=SECONDS * 2
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
