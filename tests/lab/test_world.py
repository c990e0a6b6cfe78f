"""A lab as a whole: what a fresh one has, and what its faults do to those who use it."""

import json
import re
import time
from email.utils import parsedate_to_datetime

import pytest

from meshctl.certs.secrets import material_of
from meshctl.lab.faults import FAULT_KINDS
from meshctl.lab.kubeconfig import kubeconfig
from meshctl.names import CACERTS, CRD, DEPLOYMENT, GATEWAY_SERVICE, NAMESPACE, NODE, THE_ISTIO
from meshctl.objects import Ref, dig
from tests.conftest import StartLab
from tests.lab.by_hand import Hand, primary
from tests.labs import ThreadLab

ISTIOS = Ref(CRD, "istios.sailoperator.io")
NAMESPACES = {
    "default",
    "istio-system",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "metallb-system",
    "sail-operator",
}


def root_of(lab: ThreadLab, context: str) -> bytes:
    """Return the root certificate in a cluster's cacerts."""
    return material_of(lab.get(context, CACERTS)).root_cert


def test_a_fresh_lab_has_what_the_guide_asks_for(lab: ThreadLab) -> None:
    for number, context in enumerate(("east", "west"), 1):
        assert {found["metadata"]["name"] for found in lab.all_of(context, NAMESPACE)} == NAMESPACES
        operator = lab.get(context, Ref(DEPLOYMENT, "servicemesh-operator2", "sail-operator"))
        assert dig(operator, "status", "readyReplicas") == 1
        assert lab.get(context, ISTIOS) is not None
        addresses = dig(lab.get(context, Ref(NODE, f"{context}-control-plane")), "status", "addresses")
        assert {"type": "InternalIP", "address": f"172.18.{number}.2"} in addresses
    assert root_of(lab, "east") == root_of(lab, "west")
    uids = {dig(lab.get(context, Ref(NAMESPACE, "kube-system")), "metadata", "uid") for context in ("east", "west")}
    assert len(uids) == 2


def test_contexts_are_named_by_their_number(start_lab: StartLab) -> None:
    lab = start_lab(remotes=3)
    assert [entry.context for entry in lab.lab.entries] == ["east", "west", "west2", "west3"]
    assert kubeconfig(lab.lab.entries)["current-context"] == "east"


def test_the_upstream_operator_comes_without_multus(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, operator="upstream")
    assert lab.get("east", Ref(DEPLOYMENT, "sail-operator", "sail-operator")) is not None
    assert lab.get("east", Ref(CRD, "network-attachment-definitions.k8s.cni.cncf.io")) is None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("api-500=1", "etcdserver: request timed out"),
        ("expired-token", "must be logged in|Unauthorized"),
        ("rbac-denied=configmaps", 'configmaps is forbidden: User "lab-east" cannot list resource "configmaps"'),
    ],
)
def test_a_broken_api_server_is_broken_for_users_only(start_lab: StartLab, fault: str, expected: str) -> None:
    lab = start_lab(remotes=0)
    assert lab.kubectl("east", "get", "configmaps").returncode == 0
    lab.set_faults(fault)
    refused = lab.kubectl("east", "get", "configmaps")
    assert refused.returncode == 1
    assert re.search(expected, refused.stderr), refused.stderr

    lab.clear_faults()
    Hand(lab).install_cni("east")
    lab.set_faults(fault)
    lab.create("east", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "more"}})
    assert lab.get("east", Ref(NAMESPACE, "more")) is not None
    lab.clear_faults()
    assert lab.kubectl("east", "get", "configmaps").returncode == 0


def test_a_fault_of_one_cluster_leaves_the_others_alone(lab: ThreadLab) -> None:
    lab.set_faults("expired-token@west")
    assert lab.kubectl("east", "get", "nodes").returncode == 0
    assert lab.kubectl("west", "get", "nodes").returncode == 1


def test_an_api_server_that_is_down_does_not_answer(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["api-down"])
    refused = lab.kubectl("east", "get", "nodes", "--request-timeout=500ms")
    assert refused.returncode == 1
    assert re.search("deadline exceeded|timeout", refused.stderr, re.IGNORECASE), refused.stderr


def test_a_slow_api_server_takes_its_time(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["api-slow=0.4"])
    began = time.monotonic()
    assert lab.kubectl("east", "get", "--raw", "/version").returncode == 0
    assert time.monotonic() - began >= 0.4


def test_requests_are_sent_away_with_a_time_to_come_back(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["api-429=1"])
    answer = lab.http("east", "/version")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert json.loads(answer.body)["reason"] == "TooManyRequests"
    assert [entry["status"] for entry in lab.requests()] == [429]


def test_connections_are_cut(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["api-reset=1"])
    with pytest.raises(OSError, match=r"closed|reset"):
        lab.http("east", "/version")
    assert [entry["status"] for entry in lab.requests()] == [0]
    assert lab.http("east", "/readyz").body == b"ok"


def test_a_clock_can_be_wrong(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["clock-skew=600"])
    told = parsedate_to_datetime(lab.http("east", "/version").headers["Date"]).timestamp()
    assert 590 <= told - time.time() <= 610


def test_watches_end_with_gone(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["watch-gone"])
    watched = lab.kubectl("east", "get", "--raw", "/api/v1/namespaces?watch=1")
    *_, last = map(json.loads, watched.stdout.splitlines())
    assert (last["type"], last["object"]["code"]) == ("ERROR", 410)


def test_what_the_operator_offers_changes_with_the_faults(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["operator-absent"])
    assert lab.get("east", ISTIOS) is None
    lab.clear_faults()
    assert lab.get("east", ISTIOS) is not None
    lab.set_faults("old-crd")
    refused = lab.kubectl("east", "apply", "-f", "-", stdin=primary())
    assert 'Unsupported value: "v1.28.6"' in refused.stderr


def test_a_wrong_root_is_put_right_again(lab: ThreadLab) -> None:
    right = root_of(lab, "west")
    lab.set_faults("wrong-root@west")
    assert root_of(lab, "west") != right
    assert root_of(lab, "east") == right
    lab.clear_faults()
    assert root_of(lab, "west") == right


def test_certificates_of_the_user_are_left_alone(lab: ThreadLab) -> None:
    lab.merge("west", CACERTS, {"data": {"ca-cert.pem": "b3du"}})
    lab.set_faults("wrong-root")
    assert dig(lab.get("west", CACERTS), "data", "ca-cert.pem") == "b3du"


def test_another_manager_owns_fields_until_it_steps_back(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0, faults=["foreign-owner"])
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": GATEWAY_SERVICE.name,
            "namespace": GATEWAY_SERVICE.namespace,
            "labels": {"topology.istio.io/network": "network1"},
        },
        "spec": {"type": "LoadBalancer", "ports": [{"name": "tls", "port": 15443}]},
    }
    apply = ("apply", "--server-side", "--field-manager=me", "-f", "-")
    refused = lab.kubectl("east", *apply, stdin=json.dumps(service))
    assert refused.returncode == 1
    assert 'conflict with "gitops"' in refused.stderr

    lab.clear_faults()
    assert lab.get("east", GATEWAY_SERVICE) is None, "nobody else used it"
    assert lab.kubectl("east", *apply, stdin=json.dumps(service)).returncode == 0

    lab.set_faults("foreign-owner")
    assert lab.kubectl("east", *apply, stdin=json.dumps(service)).returncode == 1
    lab.clear_faults()
    assert lab.kubectl("east", *apply, stdin=json.dumps(service)).returncode == 0
    managers = [entry["manager"] for entry in dig(lab.get("east", GATEWAY_SERVICE), "metadata", "managedFields")]
    assert "gitops" not in managers


def test_the_other_manager_changes_an_istio_that_is_there(start_lab: StartLab) -> None:
    lab = start_lab(remotes=0)
    Hand(lab).install_cni("east")
    Hand(lab).install_primary()
    lab.set_faults("foreign-owner")
    assert dig(lab.get("east", THE_ISTIO), "spec", "version") == "v1.28.3"
    lab.clear_faults()
    assert lab.get("east", THE_ISTIO) is not None


def test_requests_and_changes_are_on_one_clock(lab: ThreadLab) -> None:
    requests, changes = lab.marks()
    before = time.monotonic()
    assert lab.kubectl("west", "create", "namespace", "fresh").returncode == 0
    after = time.monotonic()
    posted = [entry for entry in lab.requests(requests) if entry["method"] == "POST"]
    assert [(entry["cluster"], entry["path"], entry["status"]) for entry in posted] == [
        ("west", "/api/v1/namespaces", 201)
    ]
    change = next(entry for entry in lab.changes(changes) if entry["name"] == "fresh")
    assert (change["kind"], change["type"], change["cluster"]) == ("Namespace", "ADDED", "west")
    assert before <= posted[0]["time"] <= change["time"] <= after


@pytest.mark.parametrize("kind", FAULT_KINDS, ids=lambda kind: kind.name)
def test_a_lab_starts_with_any_fault_and_without(start_lab: StartLab, kind: object) -> None:
    name = getattr(kind, "name", "")
    lab = start_lab(remotes=0, faults=[name])
    assert [fault.name for fault in lab.lab.faults] == [name]
    lab.clear_faults()
    assert lab.kubectl("east", "get", "--raw", "/readyz").stdout == "ok"
