"""The control planes are real, know nothing of each other, can be paused and restarted, and leave nothing behind.

What their controllers do (tokens, garbage collection, namespaces) is in tests/contract, for both worlds.
"""

from __future__ import annotations

import http.client
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from . import build, kubeconfig
from .controlplane import write_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .controlplane import ControlPlane
    from .pool import Pool

pytestmark = pytest.mark.real

SECONDS = 30.0
Value = TypeVar("Value")
LABELS = {"app": "sleep"}
# The package is typed, except for this function; the name gives mypy what it returns.
new_client: Callable[..., client.ApiClient] = config.new_client_from_config


def eventually(fetch: Callable[[], Value | None], seconds: float = SECONDS) -> Value:
    """Call until the answer is truthy; the controllers work in their own time."""
    deadline = time.monotonic() + seconds
    while not (value := fetch()):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds:.0f} s"
        time.sleep(0.1)
    return value


@pytest.fixture
def plane(planes: tuple[ControlPlane, ...]) -> ControlPlane:
    return planes[0]


@pytest.fixture
def api(plane: ControlPlane, kubeconfig_file: Path) -> Iterator[client.ApiClient]:
    with new_client(str(kubeconfig_file), context=plane.name) as api:
        yield api


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    return client.CoreV1Api(api)


@pytest.fixture
def namespace(core: client.CoreV1Api) -> Iterator[str]:
    """A namespace with its default ServiceAccount; its deletion (5 s at least) is not waited for."""
    name = f"test-{time.monotonic_ns()}"
    core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=name)))
    eventually(lambda: exists(lambda: core.read_namespaced_service_account("default", name)))
    yield name
    if exists(lambda: core.read_namespace(name)):
        core.delete_namespace(name)


def exists(read: Callable[[], object]) -> bool:
    try:
        read()
    except ApiException as error:
        if error.status != http.client.NOT_FOUND:
            raise
        return False
    return True


def deployment(name: str) -> client.V1Deployment:
    container = client.V1Container(name=name, image=f"{name}:none")
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels=LABELS), spec=client.V1PodSpec(containers=[container])
    )
    spec = client.V1DeploymentSpec(replicas=2, selector=client.V1LabelSelector(match_labels=LABELS), template=template)
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=spec)


def test_the_server_says_which_release_it_is(api: client.ApiClient) -> None:
    version = client.VersionApi(api).get_code()
    if build.ASSETS_VARIABLE not in os.environ:
        assert version.git_version == build.kubernetes_version()
    assert version.git_version.startswith(f"v{version.major}.{version.minor}.")


def test_only_the_owner_reads_the_kubeconfig(kubeconfig_file: Path) -> None:
    assert stat.S_IMODE(kubeconfig_file.stat().st_mode) == 0o600
    document = yaml.safe_load(kubeconfig_file.read_text(encoding="utf-8"))
    assert [context["name"] for context in document["contexts"]] == ["east", "west"]


def test_the_planes_do_not_know_each_other(planes: tuple[ControlPlane, ...], tmp_path: Path) -> None:
    east, west = (plane.context() for plane in planes)
    assert east.certificate_authority != west.certificate_authority
    crossed = write_kubeconfig(
        tmp_path / "crossed",
        [kubeconfig.Context("crossed", east.server, east.certificate_authority, west.client)],
    )
    with new_client(str(crossed)) as api, pytest.raises(ApiException) as refused:
        client.CoreV1Api(api).list_namespace()
    assert refused.value.status == http.client.UNAUTHORIZED


def test_a_deployment_makes_pods_that_stay_pending(
    api: client.ApiClient, core: client.CoreV1Api, namespace: str
) -> None:
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment(namespace, deployment("sleep"))
    eventually(lambda: apps.list_namespaced_replica_set(namespace).items)
    pending = "status.phase=Pending,spec.nodeName="
    eventually(lambda: len(core.list_namespaced_pod(namespace, field_selector=pending).items) == 2)


def test_a_paused_server_does_not_answer_until_it_is_resumed(plane: ControlPlane, core: client.CoreV1Api) -> None:
    plane.pause()
    try:
        connection = http.client.HTTPConnection(plane.server.removeprefix("https://"), timeout=0.5)
        connection.request("GET", "/")
        with pytest.raises(TimeoutError):
            connection.getresponse()
        connection.close()
    finally:
        plane.resume()
    assert core.list_namespace(_request_timeout=SECONDS).items


def test_a_restart_keeps_the_address_the_data_and_the_controllers(
    plane: ControlPlane, core: client.CoreV1Api, namespace: str
) -> None:
    before = plane.server
    plane.restart()
    assert plane.server == before
    assert exists(lambda: core.read_namespace(namespace))
    core.delete_namespaced_service_account("default", namespace)
    eventually(lambda: exists(lambda: core.read_namespaced_service_account("default", namespace)))


def test_the_next_borrower_gets_controllers_that_have_not_lost_their_server(pool: Pool) -> None:
    def controllers(plane: ControlPlane) -> list[str]:
        return [line for line in running(str(plane.folder)) if "kube-controller-manager" in line]

    with pool.lent() as planes:
        restarted, untouched = before = [controllers(plane) for plane in planes]
        assert all(before)
        planes[0].restart()
    with pool.lent() as again:
        assert again == planes
        now = [controllers(plane) for plane in planes]
    assert not set(restarted) & set(now[0])
    assert untouched == now[1]


OWNER = """
import time
from {package}.controlplane import ControlPlane

with ControlPlane("orphan") as plane:
    print(plane.folder, flush=True)
    time.sleep(600)
"""


def test_nothing_survives_an_owner_that_was_killed() -> None:
    package = __package__ or ""
    top = Path(__file__).resolve().parents[package.count(".") + 1]
    environment = {**os.environ, "PYTHONPATH": str(top)}
    command = [sys.executable, "-c", OWNER.format(package=package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        folder = owner.stdout.readline().strip()
        assert folder
        assert len(running(folder)) == 6  # three servers, three supervisors
        owner.send_signal(signal.SIGKILL)
    eventually(lambda: not running(folder))
    eventually(lambda: not Path(folder).exists())


def running(folder: str) -> list[str]:
    """List the processes whose command lines name the folder; each server's does, and so does its supervisor's."""
    listing = subprocess.run(["ps", "-A", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    return [line for line in listing.stdout.splitlines() if folder in line]
