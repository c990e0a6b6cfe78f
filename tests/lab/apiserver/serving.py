"""One embedded cluster on a port, and a plain HTTP client that speaks to it: for tests."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from meshctl.lab.apiserver import EmbeddedCluster
from meshctl.lab.apiserver.hooks import Hooks
from meshctl.objects import Manifest

T = TypeVar("T")

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
TOKEN = "the-token-of-the-administrator"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """A running cluster and its client."""

    cluster: EmbeddedCluster
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, body: Any = None, media: str = "application/json", **headers: str
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            given["Content-Type"] = media
        data = None if body is None else json.dumps(body)
        async with self.session.request(method, self.cluster.url + path, data=data, headers=given) as answer:
            content = await answer.read()
            is_json = answer.content_type == "application/json" and content
            warnings = tuple(answer.headers.getall("Warning", []))
            return Answer(answer.status, json.loads(content) if is_json else content.decode(), answer.headers, warnings)

    async def apply(self, path: str, config: Manifest, manager: str, *, force: bool = False) -> Answer:
        """Apply server-side."""
        query = f"?fieldManager={manager}" + ("&force=true" if force else "")
        return await self.ask("PATCH", path + query, config, APPLY)

    @asynccontextmanager
    async def lines(self, path: str) -> AsyncIterator[AsyncIterator[Manifest]]:
        """Open a watch; yield its events."""
        async with self.session.get(self.cluster.url + path) as answer:
            assert answer.status == 200
            yield _events(answer)


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Manifest]:
    async for line in answer.content:
        yield json.loads(line)


@asynccontextmanager
async def serving(hooks: Hooks | None = None) -> AsyncIterator[Served]:
    """Yield a running cluster with a default service account and an administrator."""
    cluster = EmbeddedCluster("east", hooks)
    cluster.add_user_token(TOKEN, "admin")
    await cluster.start()
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    await cluster.api("test").create(account)
    try:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=cluster.ca_pem))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            yield Served(cluster, session)
    finally:
        await cluster.stop()


def on_cluster(story: Callable[[Served], Awaitable[T]], hooks: Hooks | None = None) -> T:
    """Run a story against a new cluster; it must not take long."""

    async def told() -> T:
        async with asyncio.timeout(20), serving(hooks) as served:
            return await story(served)

    return asyncio.run(told())


def config_map(name: str = "a", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def managers(obj: Manifest) -> dict[str, Any]:
    """Return the owned fields by manager."""
    return {entry["manager"]: entry["fieldsV1"] for entry in obj["metadata"].get("managedFields", [])}
