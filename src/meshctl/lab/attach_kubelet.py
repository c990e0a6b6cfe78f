"""The kubelet's own API, as far as a real API server needs it for `exec` and `logs`: on loopback for every node."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from meshctl.lab import traffic
from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.execs import run_over_websocket, tail
from meshctl.lab.container_logs import ContainerLogs
from meshctl.lab.istiods import Istiods
from meshctl.lab.sites import Site, World
from meshctl.names import NODE
from meshctl.objects import Manifest, dig

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
LOGS_PATH = re.compile(r"/containerLogs/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+)")
EXEC_PATH = re.compile(r"/exec/(?P<namespace>[^/]+)/(?P<pod>[^/]+)/(?P<container>[^/]+)")


def reachable_node(port: int) -> Callable[[Manifest], Manifest]:
    """Return a function that makes Nodes say that their kubelet listens on loopback; the InternalIP stays."""

    def changed(obj: Manifest) -> Manifest:
        addresses = dig(obj, "status", "addresses")
        if obj.get("kind") != NODE.name or not addresses:
            return obj
        # An API server asks the Hostname first. The node's own address is what clusters find each other by.
        told = [{**entry, "address": HOST} if entry["type"] == "Hostname" else entry for entry in addresses]
        endpoints = {"kubeletEndpoint": {"Port": port}}
        return {**obj, "status": {**obj["status"], "addresses": told, "daemonEndpoints": endpoints}}

    return changed


@dataclass(frozen=True, slots=True)
class KubeletServer:
    """Runs commands in the pods of one site, and hands out what they have written."""

    world: World
    site: Site
    istiods: Istiods
    logs: ContainerLogs

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of an API server; only WebSocket is spoken, not SPDY."""
        if read := LOGS_PATH.fullmatch(request.path):
            return await self._logs(request, read["namespace"], read["pod"], read["container"])
        asked = EXEC_PATH.fullmatch(request.path)
        if asked is None:
            return web.Response(status=404, text="this kubelet only executes commands and hands out logs")
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=400, text="this kubelet speaks WebSocket only")
        argv = request.query.getall("command", [])
        place = asked["namespace"], asked["pod"], asked["container"]

        async def run(stdin: bytes) -> tuple[bytes, bytes, int]:
            return await traffic.exec_in_pod(self.world, self.site, self.istiods, *place, argv, stdin)

        try:
            return await run_over_websocket(request, run, stdin=request.query.get("input") == "1")
        except ApiError as error:
            log.warning("%s: %s", request.path, error)  # kubectl tries again by SPDY, and shows what comes of that
            return web.Response(status=error.code, text=error.message)

    async def _logs(self, request: web.BaseRequest, namespace: str, pod: str, container: str) -> web.StreamResponse:
        try:
            text = await self.logs.read(self.site, namespace, pod, container)
        except ApiError as error:
            return web.Response(status=error.code, text=error.message)
        return web.Response(body=tail(text, request.query.get("tailLines", "")), content_type="text/plain")
