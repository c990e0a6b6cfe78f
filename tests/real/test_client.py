"""What meshctl's client makes of a real API server's answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from meshctl.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    TransientError,
    UnknownKindError,
)
from meshctl.kube import connect
from meshctl.names import CONFIG_MAP, NAMESPACE, POD, SECRET, SERVICE, THE_ISTIO
from meshctl.objects import Ref, dig

from .controlplane import write_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshctl.cluster import Client, Request, Watch
    from meshctl.objects import Manifest

    from .controlplane import ControlPlane

pytestmark = pytest.mark.real

IMAGE = "example.invalid/x"


@pytest.fixture
def plane(planes: tuple[ControlPlane, ...]) -> ControlPlane:
    return planes[0]


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def client(kubeconfig_file: Path, plane: ControlPlane, requests: list[Request]) -> Iterator[Client]:
    client = connect(plane.name, str(kubeconfig_file), observe=requests.append)
    yield client
    client.close()


@pytest.fixture
def namespace(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"t{abs(hash(request.node.name)) % 10**8}"
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    client.delete(Ref(NAMESPACE, name))


def config_map(namespace: str, name: str = "x", **data: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": data,
    }


@contextmanager
def followed(watch: Watch) -> Iterator[SimpleQueue[tuple[float, Manifest | None]]]:
    seen: SimpleQueue[tuple[float, Manifest | None]] = SimpleQueue()

    def read() -> None:
        for state in watch:
            seen.put((time.perf_counter(), state))

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(read)
        try:
            yield seen
        finally:
            watch.close()
            future.result(timeout=1)


def data(state: Manifest | None) -> object:
    return state and dig(state, "data", "a")


def test_version_and_server(client: Client, plane: ControlPlane) -> None:
    assert client.version().startswith("v1.")
    assert client.server() == plane.server


def test_apply_and_its_conflicts(client: Client, namespace: str) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    made = client.apply(config_map(namespace, a="1"), manager="helm")
    client.apply(config_map(namespace, a="1"))  # the same value: both own it
    with pytest.raises(ConflictError) as caught:
        client.apply(config_map(namespace, a="2"))
    assert type(caught.value) is ConflictError
    assert caught.value.message == 'east: conflict: "helm" owns .data.a'
    assert "--force-conflicts" in caught.value.hint
    assert data(client.apply(config_map(namespace, a="2"), force=True, dry_run=True)) == "2"
    assert data(client.get(ref)) == "1"
    assert data(client.apply(config_map(namespace, a="2"), force=True)) == "2"
    again = client.apply(config_map(namespace, a="2"))
    assert (
        again["metadata"]["resourceVersion"]
        == client.apply(config_map(namespace, a="2"))["metadata"]["resourceVersion"]
    )
    assert again["metadata"]["uid"] == made["metadata"]["uid"]


def test_create_replace_merge_delete(client: Client, namespace: str) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    assert client.get(ref) is None
    assert client.delete(ref) is False
    made = client.create(config_map(namespace, a="1"))
    with pytest.raises(AlreadyExistsError):
        client.create(made | {"metadata": {"name": "x", "namespace": namespace}})
    newer = client.replace(made | {"data": {"a": "2", "b": "1"}})
    with pytest.raises(StaleError):
        client.replace(made)
    assert data(newer) == "2"
    assert client.merge(ref, {"data": {"a": None}})["data"] == {"b": "1"}
    assert client.delete(ref, uid="00000000-0000-0000-0000-000000000000") is False
    assert client.delete(ref, uid=made["metadata"]["uid"]) is True
    with pytest.raises(NotFoundError) as caught:
        client.merge(ref, {"data": {}})
    assert type(caught.value) is NotFoundError


def test_refusals(client: Client, namespace: str) -> None:
    with pytest.raises(NotFoundError, match='namespaces "absent" not found') as caught:
        client.apply(config_map("absent"))
    assert type(caught.value) is NotFoundError
    with pytest.raises(UnknownKindError):
        client.get(THE_ISTIO)
    with pytest.raises(UnknownKindError):
        next(iter(client.watch(THE_ISTIO)))
    with pytest.raises(UnknownKindError):
        client.apply({"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"}})
    with pytest.raises(InvalidError, match="strict decoding error: unknown field"):
        client.create(config_map(namespace) | {"colour": "blue"})
    with pytest.raises(ClusterError):
        client.apply(config_map(namespace) | {"colour": "blue"})
    ports = {"ports": [{"port": 99999}]}
    meta = {"name": "x", "namespace": namespace}
    with pytest.raises(InvalidError, match=r"spec\.ports\[0\]\.port: Invalid value: 99999"):
        client.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": ports})
    assert client.get(Ref(SERVICE, "x", namespace)) is None


def test_list(client: Client, namespace: str) -> None:
    for name in "abc":
        labels = {"one": "yes" if name != "c" else "no"}
        made = config_map(namespace, name)
        client.create(made | {"metadata": made["metadata"] | {"labels": labels}})
    found = client.list(CONFIG_MAP, namespace, "one=yes")
    assert [(item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in found] == [
        ("ConfigMap", "v1", "a"),
        ("ConfigMap", "v1", "b"),
    ]
    assert len(client.list(NAMESPACE)) >= 4


def test_a_namespace_that_ends(client: Client, namespace: str) -> None:
    meta = {"name": "held", "namespace": namespace, "finalizers": ["example.com/hold"]}
    client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    client.delete(Ref(NAMESPACE, namespace))
    with pytest.raises(TransientError, match=r"namespace is ending: .* because it is being terminated"):
        client.create(config_map(namespace))
    client.merge(Ref(CONFIG_MAP, "held", namespace), {"metadata": {"finalizers": None}})


def test_a_user_without_rights(client: Client, plane: ControlPlane, tmp_path: Path, namespace: str) -> None:
    file = write_kubeconfig(tmp_path / "config", [plane.context("nobody", ())])
    nobody = connect(plane.name, str(file))
    assert client.allowed("create", "secrets", namespace=namespace)
    assert not nobody.allowed("create", "pods", namespace=namespace, subresource="exec")
    secret = Ref(SECRET, "x", namespace)
    with pytest.raises(ForbiddenError, match=r'^east: forbidden: secrets .*"nobody" cannot get'):
        nobody.get(secret)
    with pytest.raises(ForbiddenError, match=r'^east: forbidden: secrets .*"nobody" cannot list'):
        next(iter(nobody.watch(secret)))
    nobody.close()


def test_exec_says_what_is_wrong(client: Client, namespace: str) -> None:
    pod = {"containers": [{"name": "c", "image": IMAGE}]}
    meta = {"name": "p", "namespace": namespace}
    client.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod})
    with pytest.raises(InvalidError, match="east: invalid: pod p does not have a host assigned"):
        client.exec("p", namespace, "c", ["true"], 5)
    with pytest.raises(NotFoundError, match='pods "absent" not found'):
        client.exec("absent", namespace, "c", ["true"], 5)
    assert client.delete(Ref(POD, "p", namespace), grace_period=0)


def test_watch_sees_every_change_at_once(client: Client, namespace: str, requests: list[Request]) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    with followed(client.watch(ref)) as seen:
        assert seen.get(timeout=5)[1] is None
        client.create(config_map(namespace, "other"))
        client.create(config_map(namespace, a="0"))
        assert data(seen.get(timeout=5)[1]) == "0"
        late = []
        for turn in range(1, 20):
            client.merge(ref, {"data": {"a": str(turn)}})
            answered = time.perf_counter()
            when, state = seen.get(timeout=5)
            assert data(state) == str(turn)
            late.append(when - answered)
        client.delete(ref)
        assert seen.get(timeout=5)[1] is None
    assert sorted(late)[len(late) // 2] < 0.05
    assert len([one for one in requests if "fieldSelector" in one.path]) == 2


def test_watch_outlives_a_restart(client: Client, namespace: str, plane: ControlPlane) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    client.create(config_map(namespace, a="0"))
    watch = client.watch(ref)
    with followed(watch) as seen:
        assert data(seen.get(timeout=5)[1]) == "0"
        plane.restart()
        client.merge(ref, {"data": {"a": "1"}})
        assert data(seen.get(timeout=15)[1]) == "1"
        assert watch.trouble == ""


def test_close_wakes_a_watch_of_a_frozen_server(client: Client, namespace: str, plane: ControlPlane) -> None:
    ref = Ref(CONFIG_MAP, "x", namespace)
    with followed(client.watch(ref)) as streaming:
        assert streaming.get(timeout=5)[1] is None
        plane.pause()
        try:
            with followed(client.watch(ref)):
                time.sleep(0.1)  # so that it hangs in its first request
                started = time.monotonic()
            assert time.monotonic() - started < 0.5
        finally:
            plane.resume()
        client.create(config_map(namespace, a="0"))
        assert data(streaming.get(timeout=10)[1]) == "0"
