"""The official Python client works against an embedded cluster: requests, watches, exec."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import kubernetes.stream
import kubernetes.watch
import pytest
from kubernetes import client

from meshctl.lab.apiserver.hooks import Hooks
from tests.lab.apiserver.serving import CONFIG_MAPS, TOKEN, Served, config_map, on_cluster
from tests.lab.apiserver.test_kubectl import POD

T = TypeVar("T")
WATCH: Any = kubernetes.watch
STREAM: Any = kubernetes.stream


def _core(served: Served, folder: Path) -> Any:
    (folder / "ca.pem").write_text(served.cluster.ca_pem)
    configuration = client.Configuration()
    configuration.host = served.cluster.url
    configuration.ssl_ca_cert = str(folder / "ca.pem")
    configuration.api_key = {"authorization": f"Bearer {TOKEN}"}
    return client.CoreV1Api(client.ApiClient(configuration))


def _close(core: Any) -> None:
    core.api_client.rest_client.pool_manager.clear()
    core.api_client.close()


async def _blocking(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(None, work)


def test_objects_and_errors(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        core = _core(served, tmp_path)

        def work() -> None:
            made = core.create_namespaced_config_map("default", config_map(x="1"))
            assert made.metadata.managed_fields[0].manager == "OpenAPI-Generator"
            assert [item.metadata.name for item in core.list_namespaced_config_map("default").items] == ["a"]
            with pytest.raises(client.ApiException) as refused:
                core.create_namespaced_config_map("default", config_map(x="1"))
            assert (refused.value.status, refused.value.reason) == (409, "Conflict")
            core.delete_namespaced_config_map("a", "default")
            _close(core)

        await _blocking(work)

    on_cluster(story)


def test_watches(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        core, first = _core(served, tmp_path), threading.Event()
        await served.ask("POST", CONFIG_MAPS, config_map("a"))

        def work() -> list[tuple[str, str]]:
            watching: Any = WATCH.Watch()
            seen: list[tuple[str, str]] = []
            for event in watching.stream(core.list_namespaced_config_map, "default", timeout_seconds=10):
                seen.append((event["type"], event["object"].metadata.name))
                first.set()
                if len(seen) == 3:
                    watching.stop()
            _close(core)
            return seen

        watching = asyncio.create_task(_blocking(work))
        await _blocking(first.wait)
        await served.ask("POST", CONFIG_MAPS, config_map("b"))
        await served.ask("DELETE", f"{CONFIG_MAPS}/a")
        assert await watching == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]

    on_cluster(story)


def test_exec(tmp_path: Path) -> None:
    async def run(
        namespace: str, pod: str, container: str, argv: Sequence[str], stdin: bytes = b""
    ) -> tuple[bytes, bytes, int]:
        return b"x" * 100_000, b"warned", 3

    async def story(served: Served) -> None:
        core = _core(served, tmp_path)
        await served.ask("POST", "/api/v1/namespaces/default/pods", POD)

        def work() -> tuple[int, str, int | None]:
            connection = STREAM.stream(
                core.connect_get_namespaced_pod_exec,
                "p",
                "default",
                container="one",
                command=["curl", "x"],
                stdout=True,
                stderr=True,
                _preload_content=False,
            )
            connection.run_forever(timeout=10)
            found = len(connection.read_stdout()), connection.read_stderr(), connection.returncode
            connection.sock.shutdown()
            _close(core)
            return found

        assert await _blocking(work) == (100_000, "warned", 3)

    on_cluster(story, Hooks(exec=run))
