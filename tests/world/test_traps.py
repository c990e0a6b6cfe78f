"""Every trap that an installed mesh can fall into: diagnose names it alone, and what it prints mends it, literally."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from tests.world.deeds import (
    ALLOWED,
    GATEWAY,
    SECRET,
    SYSTEM,
    annotate_late,
    certificates,
    deleted,
    fault,
    injecting,
    patch,
    remote_secret,
    scaled,
    unlabelled,
)
from tests.world.harness import LabUnderTest, fresh_lab
from tests.world.lending import Loan
from tests.world.traps import Deed, Trap, prove

READER_TOKEN = "istio-reader-service-account-istio-remote-secret-token"
GATEWAYS = "gateways.networking.istio.io"
ROUTES = "virtualservices.networking.istio.io"
CLEAR = LabUnderTest.clear


def pointing(address: str) -> Deed:
    """Let West look for istiod elsewhere."""
    change = {"spec": {"values": {"global": {"remotePilotAddress": address}}}}
    return lambda lab: patch(lab, "west", "istio/default", change)


def asking(path: str) -> Deed:
    """Give West's Istio another injection path, without waiting for what comes of it."""
    change = {"spec": {"values": {"istiodRemote": {"injectionPath": path}}}}
    return lambda lab: patch(lab, "west", "istio/default", change)


def labelled(context: str, *labels: str) -> Deed:
    return lambda lab: lab.kubectl(context, "label", "namespace", "istio-system", "--overwrite", *labels)


def unexposed(context: str, port: int) -> Deed:
    """Take a port away from a gateway Service."""

    def do(lab: LabUnderTest) -> None:
        service = json.loads(lab.kubectl(context, *SYSTEM, "get", "service", GATEWAY, "-o", "json"))
        index = [entry["port"] for entry in service["spec"]["ports"]].index(port)
        patch(
            lab, context, f"service/{GATEWAY}", [{"op": "remove", "path": f"/spec/ports/{index}"}], *SYSTEM, kind="json"
        )

    return do


def in_mode(gateway: str, mode: str) -> Deed:
    change = [{"op": "replace", "path": "/spec/servers/0/tls/mode", "value": mode}]
    return lambda lab: patch(lab, "east", f"{GATEWAYS}/{gateway}", change, *SYSTEM, kind="json")


def edited_secret(edit: Callable[[dict[str, Any]], object]) -> Deed:
    """Change the kubeconfig in the remote secret."""

    def do(lab: LabUnderTest) -> None:
        secret = json.loads(lab.kubectl("east", *SYSTEM, "get", "secret", SECRET, "-o", "json"))
        config = yaml.safe_load(base64.b64decode(secret["data"]["cluster2"]))
        edit(config)
        text = base64.b64encode(yaml.safe_dump(config).encode()).decode()
        patch(lab, "east", f"secret/{SECRET}", {"data": {"cluster2": text}}, *SYSTEM)

    return do


def elsewhere(config: dict[str, Any]) -> None:
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:6443"


def nowhere(config: dict[str, Any]) -> None:
    config["clusters"][0]["cluster"]["server"] = "https://[fd00::2:6443"


def by_program(config: dict[str, Any]) -> None:
    config["users"][0]["user"] = {"exec": {"command": "aws"}}


def bare_gateway(lab: LabUnderTest) -> None:
    """Make a gateway pod while a label forbids its injection."""
    labelled("west", "istio-injection=disabled")(lab)
    lab.kubectl("west", *SYSTEM, "delete", "pods", "-l", "istio=eastwestgateway")
    lab.kubectl("west", *SYSTEM, "wait", "pods", "-l", "istio=eastwestgateway", "--for=create", "--timeout=20s")
    labelled("west", "istio-injection-")(lab)


def misnamed_gateway(lab: LabUnderTest) -> None:
    """Have a gateway pod injected while the path is wrong."""
    injecting("/inject/cluster/cluster9/net/network2")(lab)
    lab.kubectl("west", *SYSTEM, "delete", "pods", "-l", "istio=eastwestgateway")
    lab.kubectl(
        "west", *SYSTEM, "wait", "pods", "-l", "istio=eastwestgateway", "--for=jsonpath={.status.phase}=Running"
    )
    injecting("/inject/cluster/cluster2/net/network2")(lab)


def early_reader(lab: LabUnderTest) -> None:
    """Install West's Istio again where somebody made the reader's account before it."""
    istio = json.loads(lab.kubectl("west", "get", "istio", "default", "-o", "json"))
    lab.kubectl("west", "delete", "istio", "default")
    lab.kubectl("west", "wait", "istiorevision/default", "--for=delete", "--timeout=30s")
    lab.kubectl("west", *SYSTEM, "create", "serviceaccount", "istio-reader-service-account")
    again = {**istio, "metadata": {"name": "default"}}
    again.pop("status")
    lab.kubectl("west", "apply", "-f", "-", stdin=json.dumps(again))


def without_way_in(lab: LabUnderTest) -> None:
    """Hide West's API server from East's pods, and let istiod connect anew."""
    lab.fault("api-hidden@west")
    secret = json.loads(lab.kubectl("east", *SYSTEM, "get", "secret", SECRET, "-o", "json"))
    lab.kubectl("east", *SYSTEM, "delete", "secret", SECRET)
    meta = secret["metadata"]
    again = {**secret, "metadata": {key: meta[key] for key in ("name", "namespace", "labels", "annotations")}}
    lab.kubectl("east", "create", "-f", "-", stdin=json.dumps(again))


def without_address(lab: LabUnderTest) -> None:
    """Lose the address of West's gateway, where no load balancer gives another."""
    lab.fault("lb-never@west")
    service = json.loads(lab.kubectl("west", *SYSTEM, "get", "service", GATEWAY, "-o", "json"))
    lab.kubectl("west", *SYSTEM, "delete", "service", GATEWAY)
    again = {**service, "metadata": {key: service["metadata"][key] for key in ("name", "namespace", "labels")}}
    for given in ("clusterIP", "clusterIPs"):
        again["spec"].pop(given)
    again.pop("status")
    lab.kubectl("west", "create", "-f", "-", stdin=json.dumps(again))


def renewed(name: str, context: str, namespace: str, selector: str) -> Deed:
    """Put a fault in force that only new pods suffer from, and make them new."""

    def do(lab: LabUnderTest) -> None:
        lab.fault(name)
        lab.kubectl(context, "-n", namespace, "delete", "pods", "-l", selector)

    return do


def installed_again(lab: LabUnderTest) -> None:
    """Bring the operator back, and what went with its kinds."""
    lab.clear()
    again = lab.install()
    assert again.code == 0, again.said


TRAPS = (
    Trap(
        "API server down", "MESH-201", fault("api-down@west"), outside=CLEAR, says=("kubectl --context west version",)
    ),
    Trap(
        "credentials expired",
        "MESH-201",
        fault("expired-token@west"),
        outside=CLEAR,
        says=("does not accept these credentials", "log in again"),
    ),
    Trap(
        "operator not installed",
        "MESH-202",
        fault("operator-absent@west"),
        outside=installed_again,
        says=("install the Sail operator",),
    ),
    Trap(
        "operator scaled to zero",
        "MESH-203",
        lambda lab: lab.kubectl(
            "west",
            "-n",
            "sail-operator",
            "scale",
            "deployment",
            "-l",
            "app.kubernetes.io/component=sail-operator",
            "--replicas=0",
        ),
    ),
    Trap("operator crashing", "MESH-203", fault("operator-crashing@west"), outside=CLEAR, says=("sail-operator",)),
    Trap("Istio deleted", "MESH-204", lambda lab: lab.kubectl("west", "delete", "istio", "default")),
    Trap("reader account made beforehand", "MESH-205", early_reader, says=("istio-reader-service-account",)),
    Trap("IstioCNI deleted", "MESH-206", lambda lab: lab.kubectl("west", "delete", "istiocni", "default")),
    Trap(
        "CNI broken on West while Istio is Ready",
        "MESH-207",
        renewed("cni-broken@west", "west", "istio-cni", "k8s-app=istio-cni-node"),
        outside=CLEAR,
        says=("istio-cni",),
    ),
    Trap(
        "CNI broken on East while Istio is Ready",
        "MESH-207",
        renewed("cni-broken@east", "east", "istio-cni", "k8s-app=istio-cni-node"),
        cluster="cluster1",
        outside=CLEAR,
    ),
    Trap("istiod scaled to zero", "MESH-208", scaled("east", "istiod", 0), cluster="cluster1"),
    Trap(
        "istiod not ready",
        "MESH-208",
        renewed("istiod-not-ready", "east", "istio-system", "app=istiod"),
        cluster="cluster1",
        outside=CLEAR,
    ),
    Trap("certificates applied after istiod", "MESH-212", certificates, cluster="cluster1"),
    Trap("istio-system forbids injection", "MESH-213", labelled("west", "istio-injection=disabled")),
    Trap("istio-system of another revision", "MESH-213", labelled("east", "istio.io/rev=canary"), cluster="cluster1"),
    Trap("istiod's webhook refuses", "MESH-214", fault("webhook-refusing"), cluster="cluster1", outside=CLEAR),
    Trap("gateway Service deleted on East", "MESH-221", deleted("east", "service", GATEWAY), cluster="cluster1"),
    Trap("gateway Service deleted on West", "MESH-221", deleted("west", "service", GATEWAY)),
    Trap("network label taken from East's gateway", "MESH-222", unlabelled("east"), cluster="cluster1"),
    Trap("network label taken from West's gateway", "MESH-222", unlabelled("west")),
    Trap("15443 taken from West's gateway", "MESH-223", unexposed("west", 15443)),
    Trap("15012 taken from East's gateway", "MESH-223", unexposed("east", 15012), cluster="cluster1"),
    Trap("load balancer gives no address", "MESH-224", without_address, outside=CLEAR, says=("--gateway-address",)),
    Trap("gateway deleted", "MESH-225", deleted("west", "deployment", GATEWAY)),
    Trap("gateway made without the webhook", "MESH-226", bare_gateway),
    Trap("East's gateway scaled to zero", "MESH-227", scaled("east", GATEWAY, 0), cluster="cluster1"),
    Trap("West's gateway scaled to zero", "MESH-227", scaled("west", GATEWAY, 0)),
    Trap("gateway injected under another name", "MESH-228", misnamed_gateway),
    Trap("expose-istiod deleted", "MESH-229", deleted("east", GATEWAYS, "istiod-gateway"), cluster="cluster1"),
    Trap("route to istiod deleted", "MESH-229", deleted("east", ROUTES, "istiod-vs"), cluster="cluster1"),
    Trap("15012 in another TLS mode", "MESH-229", in_mode("istiod-gateway", "AUTO_PASSTHROUGH"), cluster="cluster1"),
    Trap("expose-services deleted", "MESH-230", deleted("east", GATEWAYS, "cross-network-gateway"), cluster="cluster1"),
    Trap("15443 in another TLS mode", "MESH-230", in_mode("cross-network-gateway", "PASSTHROUGH"), cluster="cluster1"),
    Trap("injection path of another cluster", "MESH-231", injecting("/inject/cluster/cluster9/net/network2")),
    Trap("injection path of another network", "MESH-231", injecting("/inject/cluster/cluster2/net/network9")),
    Trap("injection path that leads nowhere", "MESH-231", injecting("/foo")),
    Trap("injection path in capitals", "MESH-231", asking("/inject/cluster/clusterX/net/network2")),
    Trap("address drifted", "MESH-232", pointing("172.18.100.99")),
    Trap("address is a hostname", "MESH-232", pointing("gateway.example.com")),
    Trap("address with a port", "MESH-232", pointing("172.18.100.1:15012")),
    Trap(
        "annotation missing",
        "MESH-234",
        lambda lab: lab.kubectl("west", "annotate", "ns", "istio-system", f"{ALLOWED}-"),
    ),
    Trap("annotation after the secret", "MESH-242", annotate_late),
    Trap("remote secret deleted", "MESH-235", deleted("east", "secret", SECRET)),
    Trap(
        "remote secret not labelled",
        "MESH-236",
        lambda lab: lab.kubectl("east", *SYSTEM, "label", "secret", SECRET, "istio/multiCluster-"),
    ),
    Trap(
        "remote secret under another name",
        "MESH-237",
        lambda lab: remote_secret(lab, "istio-remote-secret-cluster9", "cluster9"),
    ),
    Trap("remote secret with another key", "MESH-237", lambda lab: remote_secret(lab, SECRET, "cluster9")),
    Trap("loopback address in the remote secret", "MESH-238", edited_secret(elsewhere), says=("127.0.0.1",)),
    Trap("no URL in the remote secret", "MESH-238", edited_secret(nowhere), says=("is no URL of a server",)),
    Trap("program instead of a token", "MESH-238", edited_secret(by_program)),
    Trap("reader's token deleted", "MESH-239", deleted("west", "secret", READER_TOKEN)),
    Trap("reader's account deleted", "MESH-239", deleted("west", "serviceaccount", "istio-reader-service-account")),
    Trap("West's API server hidden from East", "MESH-240", without_way_in, outside=CLEAR, says=("6443", "172.18.2.2")),
    Trap(
        "reader's tokens expired",
        "MESH-239",
        fault("reader-token-expired@west"),
        outside=CLEAR,
    ),
    Trap("15012 blocked", "MESH-251", fault("xds-blocked"), outside=CLEAR, says=("15012", "172.18.100.1", "cluster2")),
    Trap(
        "15443 of West blocked",
        "MESH-252",
        fault("data-blocked@west"),
        outside=CLEAR,
        says=("15443", "172.18.101.1", "nodes of cluster1"),
    ),
    Trap(
        "15443 of East blocked",
        "MESH-252",
        fault("data-blocked@east"),
        outside=CLEAR,
        says=("15443", "172.18.100.1", "nodes of cluster2"),
    ),
    Trap(
        "East's gateway out of reach",
        "MESH-253",
        fault("gateway-unreachable@east"),
        outside=CLEAR,
        says=("15021", "15012", "15017", "15443", "172.18.100.1", "nodes of cluster2"),
    ),
    Trap(
        "15017 blocked", "MESH-241", fault("webhook-blocked"), outside=CLEAR, says=("15017", "172.18.100.1", "cluster2")
    ),
)


@pytest.fixture(scope="module")
def loan() -> Iterator[Loan]:
    with ExitStack() as stack:
        yield Loan(stack, fresh_lab)


@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_a_trap_is_named_and_what_is_printed_mends_it(loan: Loan, trap: Trap) -> None:
    with loan.lab() as lab:
        prove(lab, trap)
