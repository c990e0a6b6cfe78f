"""What `plan` says: nothing on a healthy mesh, and any field that was changed, field by field; it never writes."""

import json
import shlex
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meshctl.names import GATEWAY_SERVICE
from tests.conftest import StartLab
from tests.lab.by_hand import Hand, primary
from tests.world.conftest import NewLab
from tests.world.harness import MESH, SECONDS, LabUnderTest, Result, fresh_lab
from tests.world.requests import is_write

SYSTEM = ("-n", "istio-system")
QUIET = ("namespaces", "services", "serviceaccounts", "roles", "rolebindings", "gateways.networking.istio.io")
"""Kinds that nobody writes on a mesh where nothing happens."""


def plan(lab: LabUnderTest, *more: str) -> Result:
    return lab.meshctl("plan", *MESH, *more)


def document(lab: LabUnderTest, *more: str) -> dict[str, Any]:
    result = plan(lab, "-o", "json", *more)
    found: dict[str, Any] = json.loads(result.out)
    assert found["exit_code"] == result.code
    return found


def installed(lab: LabUnderTest, *more: str) -> None:
    done = lab.install(*more)
    assert done.code == 0, done.said


def versions(lab: LabUnderTest) -> list[str]:
    return [
        f"{context} {one['kind']} {one['metadata']['name']} {one['metadata']['resourceVersion']}"
        for context in ("east", "west")
        for one in lab.objects(context, QUIET)
    ]


def written(lab: LabUnderTest, since: int) -> list[str]:
    """Return what meshctl has written since then; what the lab's controllers write is their own."""
    asked = [one for one in requests(lab)[since:] if str(one["agent"]).startswith("meshctl/")]
    return [f"{one['method']} {one['path']}" for one in asked if is_write(one)]


def requests(lab: LabUnderTest) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.asked("requests")["entries"]
    return found


# --- in both worlds ---
def test_a_healthy_mesh_needs_nothing_and_a_changed_field_is_shown(mesh: LabUnderTest) -> None:
    installed(mesh)
    before = versions(mesh)

    healthy = plan(mesh)
    assert healthy.code == 0, healthy.said
    assert healthy.out.splitlines()[-1] == "plan: 0 to create, 0 to change, 27 unchanged"
    assert versions(mesh) == before

    mesh.kubectl("west", "label", "namespace", "istio-system", "topology.istio.io/network-")
    port = [{"op": "replace", "path": "/spec/ports/2/targetPort", "value": 9999}]
    mesh.kubectl("east", *SYSTEM, "patch", "service", GATEWAY_SERVICE.name, "--type=json", "-p", json.dumps(port))
    before = versions(mesh)
    changed = plan(mesh)
    assert changed.code == 10, changed.said
    assert 'metadata.labels[topology.istio.io/network]: (not there) -> "network2"' in changed.out
    assert "spec.ports[15012/TCP].targetPort: 9999 -> 15012   kubectl-patch owns it" in changed.out
    assert changed.out.splitlines()[-1] == "plan: 0 to create, 1 to change, 25 unchanged, 1 owned by someone else"
    assert versions(mesh) == before

    installed(mesh, "--force-conflicts")
    assert plan(mesh).code == 0


# --- the lab ---
def test_what_is_planned_for_nothing_is_what_install_does(lab: LabUnderTest, tmp_path: Path) -> None:
    since = len(requests(lab))
    told = plan(lab)
    assert told.code == 10, told.said
    assert told.out.splitlines()[-1] == "plan: 25 to create, 2 to change, 0 unchanged"
    address = "<address of service/istio-eastwestgateway in istio-system on cluster1>"
    assert f"spec.values.global.remotePilotAddress: {address}" in told.out
    assert "data.cluster2: <kubeconfig of https://" in told.out
    assert "\x1b[" not in told.out
    assert "asked 2 clusters with" in told.err
    file = tmp_path / "mesh.plan"
    assert plan(lab, "--out", str(file)).code == 10
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert written(lab, since) == []

    # What nobody knew then (an address, a token) is known by and by; that is no reason to refuse. Nor is a second run.
    for _ in range(2):
        installed(lab, "--plan-file", str(file))
    assert written(lab, since) != []
    since = len(requests(lab))
    healthy = document(lab)
    assert healthy["exit_code"] == 0
    assert written(lab, since) == []
    assert len(requests(lab)) > since
    assert {one["outcome"] for one in healthy["objects"]} == {"unchanged"}


@pytest.fixture(scope="module")
def whole() -> Iterator[LabUnderTest]:
    """A mesh that every case changes, and brings back."""
    with fresh_lab() as lab:
        installed(lab)
        yield lab


@dataclass(frozen=True, slots=True)
class Case:
    """A change by hand: a patch of an object, and the line that the plan shows for it."""

    context: str
    what: str
    patch: object
    shown: str
    kind: str = "merge"

    def __str__(self) -> str:
        return f"{self.context} {self.what} {self.shown.partition(':')[0]}"


def meta(field: str, key: str, value: str | None) -> object:
    return {"metadata": {field: {key: value}}}


def put(path: str, value: object) -> list[dict[str, object]]:
    return [{"op": "replace", "path": path, "value": value}]


NETWORK, ALLOWED = "topology.istio.io/network", "topology.istio.io/controlPlaneClusters"
GATEWAY, REMOTE = "istio-eastwestgateway", "istio-remote-secret-cluster2"
TOKEN = "istio-reader-service-account-istio-remote-secret-token"
CASES = (
    Case("east", "namespace/istio-system", meta("labels", NETWORK, "net9"), f'labels[{NETWORK}]: "net9" -> "network1"'),
    Case(
        "west", "namespace/istio-system", meta("annotations", ALLOWED, None), f'[{ALLOWED}]: (not there) -> "cluster1"'
    ),
    Case("west", "namespace/istio-system", meta("annotations", ALLOWED, "x"), f'[{ALLOWED}]: "x" -> "cluster1"'),
    Case("east", f"service/{GATEWAY}", meta("labels", NETWORK, None), f'labels[{NETWORK}]: (not there) -> "network1"'),
    Case(
        "west",
        f"service/{GATEWAY}",
        {"spec": {"selector": {"app": "x"}}},
        'selector.app: "x" -> "istio-eastwestgateway"',
    ),
    Case(
        "east",
        f"service/{GATEWAY}",
        put("/spec/ports/1/targetPort", 1),
        "ports[15443/TCP].targetPort: 1 -> 15443",
        "json",
    ),
    Case(
        "east", f"service/{GATEWAY}", put("/spec/ports/1/name", "x"), 'spec.ports[15443/TCP].name: "x" -> "tls"', "json"
    ),
    # Ports are told apart by their number, but no two may have a name: this an install cannot mend by itself.
    Case("east", f"service/{GATEWAY}", put("/spec/ports/1/port", 15444), "x service/istio-eastwestgateway", "json"),
    Case("east", f"service/{GATEWAY}", put("/spec/ports/1/port", 15444), "ports[15443/TCP]: (not there) -> ", "json"),
    Case("east", "istiocni/default", {"spec": {"version": "v1.28.3"}}, 'spec.version: "v1.28.3" -> "v1.28.6"'),
    Case(
        "west",
        "istiocni/default",
        {"spec": {"values": {"cni": {"excludeNamespaces": ["kube-system"]}}}},
        'cni.excludeNamespaces: ["kube-system"] -> ["istio-cni", "kube-system"]',
    ),
    Case("east", "istio/default", {"spec": {"version": "v1.28.3"}}, 'spec.version: "v1.28.3" -> "v1.28.6"'),
    Case(
        "east",
        "istio/default",
        {"spec": {"values": {"pilot": {"env": {"EXTERNAL_ISTIOD": None}}}}},
        'pilot.env.EXTERNAL_ISTIOD: (not there) -> "true"',
    ),
    Case(
        "west",
        "istio/default",
        {"spec": {"values": {"global": {"remotePilotAddress": "192.0.2.7"}}}},
        'remotePilotAddress: "192.0.2.7" -> ',
    ),
    Case(
        "east",
        "gateways.networking.istio.io/istiod-gateway",
        put("/spec/servers/0/port/number", 15013),
        "spec.servers[0].port.number: 15013 -> 15012",
        "json",
    ),
    Case(
        "east",
        "gateways.networking.istio.io/cross-network-gateway",
        put("/spec/servers/0/tls/mode", "PASSTHROUGH"),
        'spec.servers[0].tls.mode: "PASSTHROUGH" -> "AUTO_PASSTHROUGH"',
        "json",
    ),
    Case(
        "east",
        "virtualservices.networking.istio.io/istiod-vs",
        put("/spec/tls/1/route/0/destination/port/number", 444),
        "spec.tls[1].route[0].destination.port.number: 444 -> 443",
        "json",
    ),
    Case(
        "west",
        f"serviceaccount/{GATEWAY}-service-account",
        meta("labels", "release", None),
        'release: (not there) -> "istio"',
    ),
    Case(
        "east",
        f"role/{GATEWAY}-sds",
        put("/rules/0/verbs", ["get"]),
        'rules[0].verbs: ["get"] -> ["get", "watch", "list"]',
        "json",
    ),
    Case(
        "west",
        f"rolebinding/{GATEWAY}-sds",
        put("/subjects/0/name", "default"),
        "subjects[",
        "json",
    ),
    Case(
        "west",
        f"deployment/{GATEWAY}",
        put("/spec/template/spec/containers/0/ports/1/containerPort", 15444),
        "ports[15443/TCP]: (not there) -> ",
        "json",
    ),
    Case(
        "east",
        f"deployment/{GATEWAY}",
        put("/spec/template/spec/containers/0/env/0/value", "net9"),
        'containers[istio-proxy].env[ISTIO_META_REQUESTED_NETWORK_VIEW].value: "net9" -> "network1"',
        "json",
    ),
    Case(
        "east",
        f"deployment/{GATEWAY}",
        put("/spec/template/spec/containers/0/resources/limits/cpu", "1"),
        'containers[istio-proxy].resources.limits.cpu: "1" -> "2',
        "json",
    ),
    Case("east", f"poddisruptionbudget/{GATEWAY}", {"spec": {"minAvailable": 2}}, "spec.minAvailable: 2 -> 1"),
    Case("west", f"horizontalpodautoscaler/{GATEWAY}", {"spec": {"maxReplicas": 9}}, "spec.maxReplicas: 9 -> 5"),
    Case("east", f"secret/{REMOTE}", {"data": {"cluster2": "c2VjcmV0"}}, "data.cluster2: <hidden>, another value"),
    Case(
        "east",
        f"secret/{REMOTE}",
        meta("labels", "istio/multiCluster", None),
        '[istio/multiCluster]: (not there) -> "true"',
    ),
    Case(
        "east",
        f"secret/{REMOTE}",
        meta("annotations", "networking.istio.io/cluster", "x"),
        'cluster]: "x" -> "cluster2"',
    ),
)


def where(what: str) -> tuple[str, ...]:
    cluster_wide = what.startswith(("namespace/", "istio/", "istiocni/"))
    return () if cluster_wide else SYSTEM


@pytest.mark.parametrize("case", CASES, ids=str)
def test_any_field_changed_by_hand_is_shown(whole: LabUnderTest, case: Case) -> None:
    get = (*where(case.what), "get", case.what, "--show-managed-fields", "-o", "json")
    before = json.loads(whole.kubectl(case.context, *get))
    whole.kubectl(
        case.context, *where(case.what), "patch", case.what, f"--type={case.kind}", "-p", json.dumps(case.patch)
    )

    changed = plan(whole)
    # As it was, with its owners, for the next case; and without a version, since controllers write meanwhile.
    del before["metadata"]["resourceVersion"]
    whole.kubectl(case.context, "replace", "-f", "-", stdin=json.dumps(before))

    assert changed.code == 10, changed.said
    assert case.shown in changed.out
    assert "c2VjcmV0" not in changed.said


DELETED = (
    ("east", f"service/{GATEWAY}", f"+ service/{GATEWAY} in istio-system"),
    ("east", "gateways.networking.istio.io/istiod-gateway", "+ gateway/istiod-gateway in istio-system"),
    ("east", "virtualservices.networking.istio.io/istiod-vs", "+ virtualservice/istiod-vs in istio-system"),
    ("east", f"secret/{REMOTE}", f"+ secret/{REMOTE} in istio-system"),
    ("west", f"secret/{TOKEN}", f"+ secret/{TOKEN} in istio-system"),
    ("west", f"role/{GATEWAY}-sds", f"+ role/{GATEWAY}-sds in istio-system"),
    ("west", f"rolebinding/{GATEWAY}-sds", f"+ rolebinding/{GATEWAY}-sds in istio-system"),
    ("west", f"poddisruptionbudget/{GATEWAY}", f"+ poddisruptionbudget/{GATEWAY} in istio-system"),
    ("west", f"horizontalpodautoscaler/{GATEWAY}", f"+ horizontalpodautoscaler/{GATEWAY} in istio-system"),
    (
        "west",
        f"serviceaccount/{GATEWAY}-service-account",
        f"+ serviceaccount/{GATEWAY}-service-account in istio-system",
    ),
    ("east", f"deployment/{GATEWAY}", f"+ deployment/{GATEWAY} in istio-system"),
    ("west", "istiocni/default", "+ istiocni/default"),
)


def test_deleted_objects_are_to_create_and_what_depends_on_them_is_not_known(whole: LabUnderTest) -> None:
    for context, what, _ in DELETED:
        whole.kubectl(context, *where(what), "delete", what)

    changed = plan(whole)

    assert changed.code == 10, changed.said
    assert [line for _, _, line in DELETED if line not in changed.out] == []
    assert "? istio/default: not known yet" in changed.out
    assert "-> <address of service/istio-eastwestgateway in istio-system on cluster1>" in changed.out
    installed(whole)
    assert plan(whole).code == 0


def scale_to_zero(lab: LabUnderTest) -> None:
    lab.kubectl("west", *SYSTEM, "scale", f"deployment/{GATEWAY}", "--replicas=0")


def test_repairs_are_foreseen(whole: LabUnderTest) -> None:
    scale_to_zero(whole)
    since = len(requests(whole))

    told = plan(whole)
    assert told.code == 10, told.said
    assert "* repair: start a pod of the gateway, which is scaled to zero" in told.out
    assert told.out.splitlines()[-1] == "plan: 0 to create, 0 to change, 27 unchanged, 1 repair"
    [repair] = document(whole)["repairs"]
    assert repair["cluster"] == "cluster2"
    assert written(whole, since) == []

    installed(whole)
    assert plan(whole).code == 0


# --- who owns it ---
def test_taking_over_is_shown_with_both_values_and_the_owner(whole: LabUnderTest) -> None:
    size = json.dumps({"spec": {"maxReplicas": 7}})
    whole.kubectl("east", *SYSTEM, "patch", "hpa", GATEWAY, "--type=merge", "-p", size, "--field-manager=platform-team")

    [mine] = [one for one in document(whole)["objects"] if one["outcome"] != "unchanged"]
    assert mine["outcome"] == "conflict"
    field = {"field": "spec.maxReplicas", "old": 7, "new": 5, "hidden": False, "known": True}
    assert mine["fields"] == [{**field, "owners": ["platform-team"]}]
    forced = plan(whole, "--force-conflicts")
    assert forced.code == 10
    assert "~ horizontalpodautoscaler/istio-eastwestgateway in istio-system: takes over" in forced.out
    assert forced.out.splitlines()[-1] == "plan: 0 to create, 0 to change, 1 to take over, 26 unchanged"

    installed(whole, "--force-conflicts")
    assert plan(whole).code == 0


# --- plan files ---
def broken(lab: LabUnderTest) -> None:
    lab.kubectl("west", "label", "namespace", "istio-system", f"{NETWORK}-")


def relabel(value: str) -> Callable[[LabUnderTest], object]:
    return lambda lab: lab.kubectl("west", "label", "namespace", "istio-system", f"{NETWORK}={value}", "--overwrite")


def remove_pdb(lab: LabUnderTest) -> None:
    lab.kubectl("east", *SYSTEM, "delete", "poddisruptionbudget", GATEWAY)


MOVED: tuple[tuple[str, Callable[[LabUnderTest], object], tuple[str, ...], str], ...] = (
    ("another mesh", lambda lab: None, ("--set", "cni.confDir=/etc/cni/x"), "cni: not what the plan was made for"),
    ("by force", lambda lab: None, ("--force-conflicts",), "the plan was made without --force-conflicts"),
    (
        "another value",
        relabel("net9"),
        (),
        f"cluster2: namespace/istio-system: metadata.labels[{NETWORK}] is not as it was",
    ),
    ("more to do", remove_pdb, (), "poddisruptionbudget/istio-eastwestgateway in istio-system: was to stay as it is"),
    ("a repair", scale_to_zero, (), "cluster2: the plan did not say: start a pod of the gateway"),
)


@pytest.mark.parametrize(("moving", "options", "says"), [one[1:] for one in MOVED], ids=[one[0] for one in MOVED])
def test_an_install_refuses_a_plan_that_does_not_hold_any_more(
    whole: LabUnderTest, tmp_path: Path, moving: Callable[[LabUnderTest], object], options: tuple[str, ...], says: str
) -> None:
    file = tmp_path / "mesh.plan"
    broken(whole)
    assert plan(whole, "--out", str(file)).code == 10
    moving(whole)
    since = len(requests(whole))

    refused = whole.install("--plan-file", str(file), *options)

    assert refused.code == 3, refused.said
    assert says in refused.err
    assert [one for one in written(whole, since) if "/leases" not in one] == []
    installed(whole, "--force-conflicts")


def test_the_command_that_a_plan_names_carries_it_out(whole: LabUnderTest, tmp_path: Path) -> None:
    file, mesh = tmp_path / "mesh.plan", tmp_path / "mesh.yaml"
    mesh.write_text("east: {context: east}\nwest: [{context: west}]\nmeshID: mesh1\n")
    broken(whole)
    told = whole.meshctl("plan", "-f", str(mesh), "--set", "cni.confDir=/etc/cni/multus/net.d", "--out", str(file))
    assert told.code == 10, told.said
    [command] = [line.removeprefix("next: meshctl ") for line in told.err.splitlines() if line.startswith("next: ")]
    assert command.endswith(f"--plan-file {file}")

    done = whole.meshctl(*shlex.split(command))

    assert done.code == 0, done.said
    assert plan(whole).code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "not a plan file"),
        ("[]", "not a plan file"),
        ('{"type": "plan-file", "v": 99}', "a plan file of version 99"),
        ('{"type": "plan-file", "v": 1, "objects": 3}', "not a whole plan file"),
        (None, "no such file or directory"),
    ],
)
def test_what_is_no_plan_file_is_a_sentence(
    whole: LabUnderTest, tmp_path: Path, content: str | None, says: str
) -> None:
    file = tmp_path / "mesh.plan"
    if content is not None:
        file.write_text(content)
    refused = whole.install("--plan-file", str(file))
    assert refused.code == 2, refused.said
    assert says in refused.err


# --- what goes wrong ---
@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("operator-absent@west", 3, "cluster2: the Sail operator's Istio is not served here"),
        ("api-down@west", 3, "cluster2:"),
        (
            "rbac-denied@west=secrets",
            3,
            "cluster2: no permission to create secrets in istio-system; get secrets in istio-system",
        ),
    ],
)
def test_what_an_install_would_refuse_the_plan_says(new_lab: NewLab, fault: str, code: int, says: str) -> None:
    lab = new_lab("--fault", fault)
    refused = plan(lab, "--set", "timeouts.contact=1s")
    assert refused.code == code, refused.said
    assert says in refused.err
    assert written(lab, 0) == []


def test_a_plan_that_cannot_be_written_is_bad_input(whole: LabUnderTest, tmp_path: Path) -> None:
    since = len(requests(whole))
    for name in (str(tmp_path), str(tmp_path / "nowhere" / "mesh.plan")):
        refused = plan(whole, "--out", name)
        assert refused.code == 2, refused.said
        assert "--out: " in refused.err
    both = whole.install("--dry-run", "--plan-file", "x")
    assert both.code == 2
    assert len(requests(whole)) == since


def test_a_wrong_context_is_bad_input(whole: LabUnderTest) -> None:
    refused = whole.meshctl("diff", "--east", "east", "--west", "nowhere")
    assert refused.code == 2
    assert "nowhere" in refused.err


def test_of_a_mesh_that_the_guide_made_only_what_is_meant_to_differ_is_shown(start_lab: StartLab) -> None:
    lab = start_lab()
    hand = Hand(lab)
    hand.install()
    hand.gateways_ready()
    told = lab.meshctl("plan", *MESH)
    assert told.returncode == 10, told.stderr
    assert [line.strip() for line in told.stdout.splitlines() if line.startswith("      ")] == [
        'metadata.labels[topology.istio.io/network]: (not there) -> "network1"',
        'spec.values.pilot.env.EXTERNAL_ISTIOD: (not there) -> "true"',
        'metadata.labels[topology.istio.io/network]: (not there) -> "network2"',
    ]
    hand.apply("east", primary("1.28.3"))
    older = lab.meshctl("plan", *MESH)
    assert older.returncode == 10, older.stderr
    assert 'spec.version: "v1.28.3" -> "v1.28.6"   kubectl-client-side-apply owns it' in older.stdout


def test_ctrl_c_ends_it_with_a_sentence(lab: LabUnderTest) -> None:
    lab.fault("api-slow=0.5")
    running = lab.begin("plan", *MESH, "-v")
    assert running.stderr is not None
    running.stderr.readline()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=SECONDS)
    assert running.returncode == 130, out + err
    assert "Traceback" not in err
