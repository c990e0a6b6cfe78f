"""Collecting: everything at once, in a given time, and what is missing is named with its reason."""

import threading

import pytest

from meshctl.bundle.collecting import LARGEST, Collected, collect
from meshctl.bundle.question import Found, Missing, Question
from meshctl.bundle.questions import chosen, questions_of
from meshctl.cluster import Client, ExecResult
from meshctl.errors import ForbiddenError, StoppedError, TransientError
from meshctl.objects import Manifest
from meshctl.spec import Cluster, MeshSpec
from meshctl.stopping import Stop
from tests.core.fake import FakeClient

MESH = MeshSpec(Cluster("cluster1", "east", "network1"), (Cluster("cluster2", "west", "network2"),))
SECONDS = 20.0


class SilentClient(FakeClient):
    """Never answers, not even who it is, until the test is over."""

    def __init__(self, cluster: str) -> None:
        super().__init__(cluster)
        self.over = threading.Event()

    def version(self) -> str:
        self.over.wait(60)
        return ""


class DeadClient(FakeClient):
    """Refuses connections."""

    def version(self) -> str:
        raise TransientError(f"{self.cluster}: connection refused (10.0.0.1:6443)")


def said(path: str, text: str = "text") -> Question:
    return Question(path, lambda client: Found({path: f"{client.cluster}: {text}"}))


def forbidden(client: Client) -> Found:
    raise ForbiddenError(f"{client.cluster}: forbidden: cannot list secrets")


def test_every_cluster_is_asked_everything() -> None:
    clients = {name: FakeClient(name) for name in ("cluster1", "cluster2")}
    more = Question("first", lambda client: Found({"first": "1"}, (said("second"),), frozenset({"a secret"})))
    found = collect(clients, (more, said("other")), SECONDS, Stop(), {"all.txt": lambda: "of all"})
    assert found.files == {
        "all.txt": "of all",
        **{
            f"{name}/{path}": text
            for name in clients
            for path, text in (
                ("version.txt", "v1.34.0\nhttps://10.0.0.1:6443\n"),
                ("first", "1"),
                ("second", f"{name}: text"),
                ("other", f"{name}: text"),
            )
        },
    }
    assert (found.missing, found.secrets, found.bugs) == ([], {"a secret"}, [])


def test_what_is_refused_is_named_and_the_rest_is_there() -> None:
    clients = {"cluster1": FakeClient("cluster1"), "cluster2": DeadClient("cluster2")}
    found = collect(clients, (Question("secrets", forbidden), said("other")), SECONDS, Stop())
    assert sorted(found.files) == ["cluster1/other", "cluster1/version.txt"]
    assert set(found.missing) == {
        Missing("cluster1/secrets", "cluster1: forbidden: cannot list secrets"),
        Missing("cluster2/", "cluster2: connection refused (10.0.0.1:6443)"),
    }


def test_a_cluster_that_hangs_holds_nobody_up() -> None:
    silent = SilentClient("cluster2")
    found = collect({"cluster1": FakeClient("cluster1"), "cluster2": silent}, (said("other"),), 0.5, Stop())
    silent.over.set()
    assert "cluster1/other" in found.files
    assert found.missing == [Missing("cluster2/version.txt", "no answer within 0.5 s")]


def test_a_bug_is_kept_and_costs_no_more_than_its_file() -> None:
    def broken(client: Client) -> Found:
        raise KeyError("x")

    found = collect({"cluster1": FakeClient()}, (Question("broken", broken), said("other")), SECONDS, Stop())
    assert "cluster1/other" in found.files
    assert found.missing == [Missing("cluster1/broken", "a bug in meshctl: KeyError('x')")]
    assert [type(one) for one in found.bugs] == [KeyError]


def test_a_stop_ends_it_at_once() -> None:
    stop, silent = Stop(), SilentClient("cluster2")
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StoppedError):
        collect({"cluster2": silent}, (), 60, stop)
    silent.over.set()


def test_of_a_long_text_the_end_is_kept() -> None:
    found = Collected()
    found.add("log", "old\n" + "x" * LARGEST + "new\n")
    assert found.files["log"].startswith("(the beginning is not here)\n")
    assert found.files["log"].endswith("xnew\n")
    assert len(found.files["log"]) < LARGEST + 100
    found.size = 10**12
    found.add("more", "x")
    assert found.missing == [Missing("more", "the bundle is full")]


def pod(name: str, *containers: str, ready: bool = True, owner: str = "rs") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "istio-system", "ownerReferences": [{"uid": owner}]},
        "spec": {"containers": [{"name": one} for one in containers]},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def test_logs_and_tools_of_every_container() -> None:
    client = FakeClient("cluster1", [pod("istiod-1", "discovery"), pod("gateway-1", "istio-proxy", owner="other")])
    client.written = {
        ("istiod-1", "discovery"): ["ready\n", "password=hunter22\n"],
        ("gateway-1", "istio-proxy"): [f"{number}\n" for number in range(2000)],
    }
    client.executed = lambda argv: (
        ExecResult("", "no such\tpath", 3)
        if argv[-1] == "/debug/syncz"
        else ExecResult("a::1.2.3.4:5::health_flags::healthy\na::x::1\n" if argv[-1] == "clusters" else "{}", "", 0)
    )
    found = collect({"cluster1": client}, questions_of(MESH), SECONDS, Stop())
    assert found.files["cluster1/logs/istio-system/istiod-1/discovery.log"] == "ready\npassword=<hidden>\n"
    assert found.files["cluster1/logs/istio-system/gateway-1/istio-proxy.log"].splitlines()[0] == "1000"
    assert found.files["cluster1/istiod/istiod-1/clusterz.json"] == "{}"
    assert found.files["cluster1/proxies/gateway-1/endpoints.txt"] == (
        "a  1.2.3.4:5  healthy  answered ?  connections failed ?\n"
    )
    assert found.missing == [
        Missing(
            "cluster1/istiod/istiod-1/syncz.json",
            "cluster1: pilot-discovery request GET /debug/syncz ended with 3: no such path",
        )
    ]
    assert found.bugs == []


def test_of_many_pods_those_that_are_not_ready_are_looked_into() -> None:
    pods = [pod(f"cni-{number}", ready=number != 7) for number in range(9)] + [pod("other", owner="x")]
    assert [one["metadata"]["name"] for one in chosen(pods)] == ["cni-7", "cni-0", "cni-1", "other"]
