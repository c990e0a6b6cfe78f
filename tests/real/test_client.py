"""meshctl's client while an API server is away: what a lab's server cannot be, gone or frozen as a process.

What the client makes of answers is in tests/contract/test_client.py, for both worlds.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from meshctl.kube import connect
from meshctl.kube.credentials import log_in
from meshctl.kube.watch import ObjectWatch, Pace
from meshctl.names import CONFIG_MAP, LEASE
from meshctl.objects import Ref, dig
from tests.contract.asking import Asker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from meshctl.cluster import Client, Watch
    from meshctl.objects import Manifest

    from .controlplane import ControlPlane

pytestmark = pytest.mark.real

SECONDS = 30.0
CLOSING_SECONDS = 4.0
"""Less than the client waits for a connection or an answer: it has to be woken."""


@pytest.fixture
def plane(planes: tuple[ControlPlane, ...]) -> ControlPlane:
    return planes[0]


@pytest.fixture
def client(kubeconfig_file: Path, plane: ControlPlane) -> Iterator[Client]:
    client = connect(plane.name, str(kubeconfig_file))
    yield client
    client.close()


@pytest.fixture
def asker(plane: ControlPlane) -> Iterator[Asker]:
    asker = Asker(plane.context())
    yield asker
    asker.close()


def held(name: str, **data: str) -> Manifest:
    meta = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


@contextmanager
def followed(watch: Watch) -> Iterator[SimpleQueue[Manifest | None]]:
    """Read a watch in a thread; leaving the block closes it and waits until the thread has noticed."""
    seen: SimpleQueue[Manifest | None] = SimpleQueue()

    def read() -> None:
        for state in watch:
            seen.put(state)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(read)
        try:
            yield seen
        finally:
            watch.close()
            future.result(timeout=CLOSING_SECONDS)


def test_version_and_server(client: Client, plane: ControlPlane) -> None:
    assert client.version().startswith("v1.")
    assert client.server() == plane.server


def test_watch_outlives_a_restart(client: Client, plane: ControlPlane) -> None:
    ref = Ref(CONFIG_MAP, "restarted", "default")
    client.create(held(ref.name, a="0"))
    watch = client.watch(ref)
    with followed(watch) as seen:
        assert dig(seen.get(timeout=SECONDS), "data", "a") == "0"
        plane.restart()
        client.merge(ref, {"data": {"a": "1"}})
        assert dig(seen.get(timeout=SECONDS), "data", "a") == "1"
        assert watch.trouble == ""


def test_watch_begins_again_when_its_version_is_forgotten(
    kubeconfig_file: Path, plane: ControlPlane, asker: Asker
) -> None:
    ref, path = Ref(LEASE, "followed", "default"), "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": ref.name}}
    old = asker.post(path, {**lease, "spec": {"holderIdentity": "one"}}).version
    requests: SimpleQueue[str] = SimpleQueue()
    transport = log_in(plane.name, str(kubeconfig_file), plane.name, lambda request: requests.put(request.path))
    # A server ends a stream in good order after `window`: then it is followed from where it ended.
    with followed(ObjectWatch(transport, ref, Pace(window=1, steady=0))) as seen:
        assert dig(seen.get(timeout=SECONDS), "spec", "holderIdentity") == "one"
        for name in ("another", "third"):
            asker.post(path, {**lease, "metadata": {"name": name}}).obj()
        plane.etcd.compact()
        with asker.watch(path, resourceVersion=old) as watch:
            assert [(kind, event["code"], event["reason"]) for kind, event in watch.rest()] == [
                ("ERROR", 410, "Expired")
            ]
        lists = 0
        while lists < 2:
            lists += "watch=true" not in requests.get(timeout=SECONDS)
        asker.patch(f"{path}/{ref.name}", {"spec": {"holderIdentity": "two"}}).obj()
        assert dig(seen.get(timeout=SECONDS), "spec", "holderIdentity") == "two"


def test_close_wakes_a_watch_of_a_frozen_server(client: Client, plane: ControlPlane) -> None:
    ref = Ref(CONFIG_MAP, "frozen", "default")
    with followed(client.watch(ref)) as streaming:
        assert streaming.get(timeout=SECONDS) is None
        plane.pause()
        try:
            with followed(client.watch(ref)):
                time.sleep(0.1)  # so that it hangs in its first request
        finally:
            plane.resume()
        client.create(held(ref.name, a="0"))
        assert dig(streaming.get(timeout=SECONDS), "data", "a") == "0"
