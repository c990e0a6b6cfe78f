"""The lab's controllers at work on real API servers: everything but what kube-controller-manager does by itself."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from meshctl.certs.authority import make_api_authority, make_serving
from meshctl.certs.material import KeyPair, concatenated
from meshctl.certs.secrets import material_of
from meshctl.lab import prerequisites
from meshctl.lab.api import Api, ApiError
from meshctl.lab.attach_access import open_session, read_access, server_context
from meshctl.lab.attach_kubelet import HOST, KubeletServer, reachable_node
from meshctl.lab.attach_webhooks import Urls, WebhookServer
from meshctl.lab.container_logs import ContainerLogs
from meshctl.lab.controllers.nodes import nodes
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Faults, parse_faults
from meshctl.lab.istiods import Istiods
from meshctl.lab.remote_api import Connection, Disguise, RemoteApi
from meshctl.lab.sites import Flavour, Site, World
from meshctl.lab.world import controllers, node_address
from meshctl.names import CACERTS, NODE
from meshctl.objects import Ref, dig

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0
RESTART_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """Which clusters, and how the lab's parts behave there. The contexts' order decides the addresses."""

    kubeconfig: Path
    contexts: tuple[str, ...]
    speed: float = 1.0
    faults: tuple[str, ...] = ()
    flavour: Flavour = Flavour.VENDOR


@dataclass(frozen=True, slots=True)
class Attached:
    """Controllers that work on real clusters."""

    world: World
    istiods: Istiods
    logs: ContainerLogs


@asynccontextmanager
async def attached(options: AttachOptions) -> AsyncIterator[Attached]:
    """Seed the clusters and run the controllers on them for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        entrance = stack.enter_context(_entrance())
        lab = await _assemble(options, f"https://{HOST}:{_port(entrance)}", stack)
        sites = lab.world.sites
        certificates = prerequisites.make_certificates(options.contexts)
        await asyncio.gather(*(prerequisites.seed(lab.world, site, certificates) for site in sites))
        await _take_calls(lab.world, entrance, stack)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_patiently(f"{name} of {site.context}", act))
                for site in sites
                for name, act in controllers(lab.world, site, lab.istiods).items()
            ]
            await asyncio.gather(*(_settled(lab.world, site) for site in sites))
            log.info("attached to %s", ", ".join(options.contexts))
            try:
                yield lab
            finally:
                for task in tasks:
                    task.cancel()


def _entrance() -> socket.socket:
    """Return a listening socket for webhooks: its port has to be known before there is a certificate to show."""
    return socket.create_server((HOST, 0))


def _port(listening: socket.socket) -> int:
    return int(listening.getsockname()[1])


async def _assemble(options: AttachOptions, webhooks: str, stack: AsyncExitStack) -> Attached:
    """Connect with every cluster, and be the kubelet that its API server calls."""
    connections: dict[str, Connection] = {}
    sites = tuple(_site(connections, context, number) for number, context in enumerate(options.contexts, 1))
    faults = Faults(parse_faults(options.faults, options.contexts))
    istiods = Istiods()
    lab = Attached(World(sites, Delays(options.speed), faults, options.flavour), istiods, ContainerLogs(istiods))
    now = datetime.now(UTC)
    identity = make_serving(make_api_authority("kubelet", now=now), [HOST], now=now)
    for site in sites:
        access = read_access(options.kubeconfig, site.context)
        session = await stack.enter_async_context(open_session(access))
        listening = stack.enter_context(_entrance())
        kubelet = KubeletServer(lab.world, site, lab.istiods, lab.logs)
        await _serve(stack, kubelet.answer, listening, identity.cert, identity.key)
        urls = Urls(f"{webhooks}/{site.context}")
        outgoing = _both(urls.outgoing, reachable_node(_port(listening)))
        connections[site.context] = Connection(access.server, session, outgoing, urls.incoming)
    return lab


def _site(connections: dict[str, Connection], context: str, number: int) -> Site:
    def api(manager: str) -> Api:
        return RemoteApi(connections[context], manager)

    return Site(context, node_address(number), api)


def _both(first: Disguise, second: Disguise) -> Disguise:
    return lambda obj: second(first(obj))


async def _take_calls(world: World, entrance: socket.socket, stack: AsyncExitStack) -> None:
    """Answer webhooks with a certificate that chains to the root that the primary's istiod puts into them."""
    primary = world.sites[0]
    material = material_of(await primary.api(prerequisites.ADMINISTRATOR).get(CACERTS))
    signer = KeyPair(material.ca_cert, material.ca_key)
    shown = make_serving(signer, [HOST], now=datetime.now(UTC))
    chain = concatenated(shown.cert, material.ca_cert)
    await _serve(stack, WebhookServer(world, material).answer, entrance, chain, shown.key)


async def _serve(
    stack: AsyncExitStack,
    answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    listening: socket.socket,
    certificates: bytes,
    key: bytes,
) -> None:
    """Serve HTTPS on a socket until the stack is left."""
    http = web.Server(answer, access_log=None)
    tls = server_context(certificates, key)
    server = await asyncio.get_running_loop().create_server(http, sock=listening, ssl=tls)
    stack.push_async_callback(_hang_up, server, http)


async def _hang_up(server: asyncio.Server, http: web.Server) -> None:
    """End a server and its connections without the farewells of TLS, which outlast the loop."""
    server.close()
    transports = [connection.transport for connection in http.connections]
    await http.shutdown(STOP_SECONDS)
    for transport in transports:
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()
    await asyncio.sleep(0)


async def _patiently(name: str, act: Callable[[], Coroutine[None, None, None]]) -> None:
    """Run one part; start it anew when its API server has failed it, as a kubelet does with a process that exits."""
    while True:
        try:
            await act()
        except* ApiError as troubles:
            log.warning("%s starts anew: %s", name, "; ".join(str(trouble) for trouble in troubles.exceptions))
        await asyncio.sleep(RESTART_SECONDS)


async def _settled(world: World, site: Site) -> None:
    """Wait for the nodes and the operator.

    A new Node is born with a taint that the node lifecycle controller takes away; where none runs, the lab does.
    """
    api = site.api(prerequisites.ADMINISTRATOR)
    expected = {node["metadata"]["name"] for node in nodes(site.context, site.node_address)}
    async with asyncio.timeout(prerequisites.LONGEST_START):
        async for change in api.watch(NODE):
            name = change.obj["metadata"]["name"]
            if name in expected and dig(change.obj, "status", "conditions"):
                await api.merge(Ref(NODE, name), {"spec": {"taints": None}})
                expected.discard(name)
            if not expected:
                break
    await prerequisites.operator_ready(world, site)
