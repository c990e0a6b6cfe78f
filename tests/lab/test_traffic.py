"""Requests from one cluster to the other: what answers, and what happens when one piece of the mesh is missing."""

import asyncio
import json
import re
from collections.abc import Callable

import pytest

from meshctl.lab.api import ApiError
from meshctl.lab.istiods import Proxy, Sync, roots_in
from meshctl.lab.traffic import exec_in_pod
from meshctl.names import GATEWAY, GATEWAY_SERVICE, ISTIO_SYSTEM, NAMESPACE, NETWORK_LABEL, POD, SERVICE
from meshctl.objects import Ref
from tests.lab.static_mesh import OTHER_ROOT, WEST_LB, StaticMesh, plain

HELLO = "helloworld.sample:5000/hello"
HELLO_SERVICE = Ref(SERVICE, "helloworld", "sample")
GATEWAY_POD = Ref(POD, "gateway", ISTIO_SYSTEM)

Change = Callable[[StaticMesh], object]


def run(
    mesh: StaticMesh, context: str, *argv: str, pod: str = "sleep", container: str = "sleep"
) -> tuple[str, str, int]:
    namespace = ISTIO_SYSTEM if pod == "istiod" else "sample"
    site = mesh.site(context)
    out, err, code = asyncio.run(exec_in_pod(mesh.world, site, mesh.istiods, namespace, pod, container, argv))
    return out.decode(), err.decode(), code


def seen(mesh: StaticMesh, context: str) -> set[str]:
    """Return the versions that answer ten requests, and what else there is to see."""
    out, _, code = run(mesh, context, "curl", "-sS", "--max-time", "5", HELLO + "{,,,,,,,,,}")
    versions = set(re.findall(r"^Hello version: (\S+), instance: \S+$", out, re.MULTILINE))
    return versions | ({f"exit {code}"} if code else set()) | ({"503"} if "upstream" in out else set())


def drop(cluster: str, ref: Ref) -> Change:
    return lambda mesh: getattr(mesh, cluster).drop(ref)


def unlabel(mesh: StaticMesh) -> None:
    mesh.change(mesh.west, GATEWAY_SERVICE, lambda s: s["metadata"]["labels"].pop(NETWORK_LABEL))


def not_injected(number: int) -> Change:
    def change(mesh: StaticMesh) -> None:
        cluster = mesh.east if number == 1 else mesh.west
        for name in (f"helloworld-v{number}", "sleep"):
            pod = cluster.peek(Ref(POD, name, "sample"))
            assert pod is not None
            mesh.replace(cluster, [plain(pod)])

    return change


def labelled_system_namespace(mesh: StaticMesh) -> None:
    not_injected(2)(mesh)
    mesh.change(
        mesh.west, Ref(NAMESPACE, ISTIO_SYSTEM), lambda n: n["metadata"].update(labels={NETWORK_LABEL: "network2"})
    )


def old_root(mesh: StaticMesh) -> None:
    mesh.istiods.proxies["uid-helloworld-v2-2"] = Proxy("east", roots_in(OTHER_ROOT))


def no_secret(mesh: StaticMesh) -> None:
    mesh.istiod.remotes.clear()


def timeout(mesh: StaticMesh) -> None:
    mesh.remote.status = Sync.TIMEOUT


def no_address(mesh: StaticMesh) -> None:
    mesh.change(mesh.west, GATEWAY_SERVICE, lambda s: s.pop("status"))


BOTH = {"v1", "v2"}
CROSSING = Ref(GATEWAY, "cross-network-gateway", ISTIO_SYSTEM)
MATRIX: list[tuple[str, Change, set[str], set[str]]] = [
    ("healthy", lambda mesh: None, BOTH, BOTH),
    ("remote secret gone", no_secret, {"v1"}, {"v1"}),
    ("remote not synced", timeout, {"v1"}, {"v1"}),
    ("expose-services missing", drop("east", CROSSING), {"v1"}, {"v2"}),
    ("West's gateway down", drop("west", GATEWAY_POD), {"v1"}, BOTH),
    ("East's gateway down", drop("east", GATEWAY_POD), BOTH, {"v2"}),
    ("West's gateway Service without network label", unlabel, {"v1", "exit 28"}, BOTH),
    ("West's gateway without address", no_address, {"v1", "exit 28"}, BOTH),
    ("data port blocked", lambda mesh: mesh.fault("data-blocked"), {"v1", "exit 28"}, {"v2", "exit 28"}),
    ("Service missing in West", drop("west", HELLO_SERVICE), {"v1"}, {"exit 6"}),
    ("Service missing in East", drop("east", HELLO_SERVICE), {"exit 6"}, {"v2"}),
    ("West not injected", not_injected(2), {"v1", "exit 28"}, {"v2"}),
    ("West not injected, its namespace labelled", labelled_system_namespace, {"v1"}, {"v2"}),
    ("certificates of different roots", old_root, {"v1"}, {"v1"}),
]


@pytest.mark.parametrize(("change", "east", "west"), [case[1:] for case in MATRIX], ids=[case[0] for case in MATRIX])
def test_who_answers(change: Change, east: set[str], west: set[str]) -> None:
    mesh = StaticMesh()
    change(mesh)

    # the last transfer decides curl's exit code, so a missing "exit 28" only means that it was a good one
    assert (seen(mesh, "east") | (east & {"exit 28"}), seen(mesh, "west") | (west & {"exit 28"})) == (east, west)


def test_nothing_behind_the_service() -> None:
    mesh = StaticMesh()
    mesh.east.drop(Ref(POD, "helloworld-v1", "sample"))
    mesh.west.drop(Ref(POD, "helloworld-v2", "sample"))

    assert run(mesh, "east", "curl", "-sS", HELLO) == ("no healthy upstream", "", 0)


def test_nothing_can_be_reached() -> None:
    mesh = StaticMesh()
    mesh.east.drop(Ref(POD, "helloworld-v1", "sample"))
    mesh.fault("data-blocked")

    out, err, code = run(mesh, "east", "curl", "-sS", "--max-time", "5", HELLO)
    assert (out, code) == ("", 28)
    assert err == "curl: (28) Operation timed out after 5000 milliseconds with 0 bytes received\n"

    out, _, code = run(mesh, "east", "curl", "-sS", HELLO)
    assert (code, out[:23]) == (0, "upstream connect error ")


def test_a_client_without_sidecar_sees_its_own_cluster_only() -> None:
    mesh = StaticMesh()
    not_injected(1)(mesh)

    assert seen(mesh, "east") == {"v1"}
    mesh.east.drop(Ref(POD, "helloworld-v1", "sample"))
    assert seen(mesh, "east") == {"exit 7"}


def test_the_version_is_what_the_environment_says() -> None:
    mesh = StaticMesh()
    env = [{"name": "SERVICE_VERSION", "value": "cluster1"}]
    ref = Ref(POD, "helloworld-v1", "sample")
    mesh.change(mesh.east, ref, lambda pod: pod["spec"]["containers"][0].update(env=env))

    assert seen(mesh, "west") == {"cluster1", "v2"}


@pytest.mark.parametrize("host", ["helloworld", "helloworld.sample.svc", "helloworld.sample.svc.cluster.local"])
def test_other_spellings_of_the_name(host: str) -> None:
    assert run(StaticMesh(), "east", "curl", "-s", f"http://{host}:5000/hello")[0].startswith("Hello version: ")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("-s", "-o", "/dev/null", "-w", "%{http_code}\\n", HELLO), ("200\n", "", 0)),
        (("-s", "-w", "%{http_code}", "helloworld.sample:5000/"), ("404", "", 0)),
        (("-sS", "nowhere.sample:5000/hello"), ("", "curl: (6) Could not resolve host: nowhere.sample\n", 6)),
        (("-s", "nowhere.sample:5000/hello"), ("", "", 6)),
        (("-fsS", f"http://{WEST_LB}:15021/healthz/ready"), ("", "", 0)),
    ],
)
def test_what_curl_prints(argv: tuple[str, ...], expected: tuple[str, str, int]) -> None:
    out, err, code = run(StaticMesh(), "east", "curl", *argv)
    assert (out[-len(expected[0]) :] if expected[0] else out, err, code) == expected


def test_unknown_options_and_programs() -> None:
    mesh = StaticMesh()

    out, err, code = run(mesh, "east", "curl", "--frobnicate", HELLO)
    assert (out, code, err.splitlines()[0]) == ("", 2, "curl: option --frobnicate: is unknown")

    out, err, code = run(mesh, "east", "wget", HELLO)
    assert (out, code) == ("", 127)
    assert 'exec: "wget": executable file not found in $PATH' in err
    assert run(mesh, "east", "sh", "-c", "echo hello world") == ("hello world\n", "", 0)


def test_exec_into_what_is_not_there() -> None:
    mesh = StaticMesh()

    for pod, container, code in (("nobody", "sleep", 404), ("sleep", "other", 400)):
        with pytest.raises(ApiError) as caught:
            run(mesh, "east", "true", pod=pod, container=container)
        assert caught.value.code == code


def test_what_istiod_says() -> None:
    mesh = StaticMesh()

    def ask(what: str) -> list[dict[str, object]]:
        argv = ("pilot-discovery", "request", "GET", f"/debug/{what}")
        answer: list[dict[str, object]] = json.loads(run(mesh, "east", *argv, pod="istiod", container="discovery")[0])
        return answer

    assert ask("clusterz") == [
        {"id": "cluster1", "secretName": "", "syncStatus": "synced"},
        {"id": "cluster2", "secretName": "istio-system/istio-remote-secret-cluster2", "syncStatus": "synced"},
    ]
    assert [(entry["Network"], entry["Cluster"]) for entry in ask("networkz")] == [
        ("network1", "cluster1"),
        ("network2", "cluster2"),
    ]
    assert {entry["cluster_id"] for entry in ask("syncz")} == {"cluster1", "cluster2"}


def test_a_proxy_counts_what_it_sent() -> None:
    mesh = StaticMesh()
    run(mesh, "east", "curl", "-s", HELLO + "{,,,}")

    out, _, _ = run(mesh, "east", "pilot-agent", "request", "GET", "clusters", container="istio-proxy")

    name = "outbound|5000||helloworld.sample.svc.cluster.local"
    assert f"{name}::10.244.1.7:5000::rq_total::2" in out
    assert f"{name}::{WEST_LB}:15443::rq_total::2" in out
