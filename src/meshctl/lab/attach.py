"""The lab's controllers at work on real API servers: everything but what kube-controller-manager does by itself."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from meshctl.certs.authority import make_api_authority, make_serving
from meshctl.certs.material import KeyPair, Material, concatenated
from meshctl.certs.secrets import material_of
from meshctl.lab import prerequisites
from meshctl.lab.api import Api
from meshctl.lab.attach_access import open_session, read_access, server_context
from meshctl.lab.attach_kubelet import HOST, KubeletServer, reachable_node
from meshctl.lab.attach_webhooks import Urls, WebhookServer
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Faults, parse_faults
from meshctl.lab.istiods import Istiods
from meshctl.lab.remote_api import Connection, RemoteApi
from meshctl.lab.sites import Flavour, Site, World
from meshctl.lab.world import controllers, named, node_address
from meshctl.names import CACERTS, NODE
from meshctl.objects import Manifest, Ref

log = logging.getLogger(__name__)

STOP_SECONDS = 1.0


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
    istiods: Istiods = field(default_factory=Istiods)


@asynccontextmanager
async def attached(options: AttachOptions) -> AsyncIterator[Attached]:
    """Seed the clusters and run the controllers on them for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        lab = await _assemble(options, stack)
        certificates = prerequisites.make_certificates(options.contexts)
        await asyncio.gather(*(prerequisites.seed(lab.world, site, certificates) for site in lab.world.sites))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(named(f"{name} of {site.context}", act()))
                for site in lab.world.sites
                for name, act in controllers(lab.world, site, lab.istiods).items()
            ]
            await asyncio.gather(*(_settle(lab.world, site) for site in lab.world.sites))
            log.info("attached to %s", ", ".join(options.contexts))
            try:
                yield lab
            finally:
                for task in tasks:
                    task.cancel()


async def _assemble(options: AttachOptions, stack: AsyncExitStack) -> Attached:
    """Connect with every cluster and open the ports that their API servers call."""
    connections: dict[str, Connection] = {}
    sites = tuple(_site(connections, context, number) for number, context in enumerate(options.contexts, 1))
    faults = Faults(parse_faults(options.faults, options.contexts))
    world = World(sites, Delays(options.speed), faults, options.flavour)
    lab = Attached(world)
    calls = _Calls(world)
    base = f"https://{HOST}:{await calls.open(stack)}"
    now = datetime.now(UTC)
    kubelet_identity = make_serving(make_api_authority("kubelet", now=now), [HOST], now=now)
    for site in sites:
        access = read_access(options.kubeconfig, site.context)
        session = await stack.enter_async_context(open_session(access))
        kubelet = KubeletServer(world, site, lab.istiods)
        port = await _serve(stack, kubelet.answer, kubelet_identity.cert, kubelet_identity.key)
        urls = Urls(f"{base}/{site.context}")
        connections[site.context] = Connection(
            access.server, session, _both(urls.outgoing, reachable_node(port)), urls.incoming
        )
    return lab
