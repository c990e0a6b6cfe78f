"""A whole lab in this process: the clusters, what runs in them, and the faults that can be switched."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from meshctl.lab import network, prerequisites, traffic
from meshctl.lab.api import Api
from meshctl.lab.apiserver import EmbeddedCluster
from meshctl.lab.apiserver.hooks import Hooks
from meshctl.lab.container_logs import ContainerLogs
from meshctl.lab.controllers import (
    foreign_owner,
    istiod,
    kubelet,
    kubernetes_collection,
    kubernetes_daemonsets,
    kubernetes_deployments,
    kubernetes_endpoints,
    kubernetes_namespaces,
    kubernetes_replicasets,
    kubernetes_tokens,
    load_balancer,
    sail,
)
from meshctl.lab.delays import Delays
from meshctl.lab.disturbances import Disturber
from meshctl.lab.faults import Fault, Faults, parse_faults
from meshctl.lab.istiods import Istiods
from meshctl.lab.kubeconfig import Entry
from meshctl.lab.logbook import Logbook
from meshctl.lab.options import LabOptions
from meshctl.lab.sites import Site, World
from meshctl.objects import Manifest

log = logging.getLogger(__name__)

CONTROLLER_MANAGER = (
    kubernetes_collection.run,
    kubernetes_daemonsets.run,
    kubernetes_deployments.run,
    kubernetes_endpoints.run,
    kubernetes_namespaces.run,
    kubernetes_replicasets.run,
    kubernetes_tokens.run,
)
"""What kube-controller-manager does on a real cluster."""


@dataclass(slots=True)
class Lab:
    """A lab: its clusters, what they know of each other, and what has happened in them."""

    options: LabOptions
    world: World
    clusters: dict[str, EmbeddedCluster]
    certificates: prerequisites.Certificates
    istiods: Istiods = field(default_factory=Istiods)
    logbook: Logbook = field(default_factory=Logbook)
    logs: ContainerLogs = field(init=False)
    entries: tuple[Entry, ...] = ()
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.logs = ContainerLogs(self.istiods)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force."""
        return self.world.faults.all()

    async def add_faults(self, texts: Iterable[str]) -> tuple[Fault, ...]:
        """Put faults in force, besides those that are; the same fault again gets the new value."""
        new = parse_faults(texts, self.options.contexts)
        places = {(fault.name, fault.cluster) for fault in new}
        kept = [fault for fault in self.faults if (fault.name, fault.cluster) not in places]
        return await self._put_in_force((*kept, *new))

    async def clear_faults(self, names: Sequence[str] = ()) -> tuple[Fault, ...]:
        """End the named faults (`NAME` or `NAME@CLUSTER`), or all."""
        ended = parse_faults(names, self.options.contexts)
        gone = {(fault.name, fault.cluster) for fault in ended}
        kept = [f for f in self.faults if names and (f.name, f.cluster) not in gone and (f.name, "") not in gone]
        return await self._put_in_force(kept)

    async def _put_in_force(self, faults: Iterable[Fault]) -> tuple[Fault, ...]:
        self.world.faults.set(faults)
        await asyncio.gather(*(self._adjust(site) for site in self.world.sites))
        with suppress(TimeoutError):  # somebody has seen to it that the operator does not come up
            await asyncio.gather(*(prerequisites.operator_ready(self.world, site) for site in self.world.sites))
        return self.faults

    async def _adjust(self, site: Site) -> None:
        await prerequisites.adjust(self.world, site, self.certificates)
        await foreign_owner.settle(self.world, site)


def node_address(number: int) -> str:
    """Return the address of the control-plane node of the n-th cluster, counting from 1."""
    return f"172.18.{number}.2"


def assemble(options: LabOptions) -> Lab:
    """Return a lab whose parts know each other but do not run yet."""
    clusters: dict[str, EmbeddedCluster] = {}
    sites = tuple(_site(clusters, context, number) for number, context in enumerate(options.contexts, 1))
    world = World(sites, Delays(options.speed), Faults(options.parsed_faults), options.flavour)
    lab = Lab(options, world, clusters, prerequisites.make_certificates(options.contexts))
    for site in sites:
        clusters[site.context] = EmbeddedCluster(site.context, _hooks(lab, site), addresses=(site.node_address,))
    return lab


def _site(clusters: dict[str, EmbeddedCluster], context: str, number: int) -> Site:
    def api(manager: str) -> Api:
        return clusters[context].api(manager)  # there is none yet: clusters are made with hooks that know the sites

    return Site(context, node_address(number), api)


def _hooks(lab: Lab, site: Site) -> Hooks:
    """Connect a cluster with the world around it."""
    world = lab.world
    disturber = Disturber(world.faults, site.context)

    async def call_webhook(config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
        return await network.call_webhook(world, site, config, path, timeout, review)

    async def run_command(
        namespace: str, pod: str, container: str, argv: Sequence[str], stdin: bytes = b""
    ) -> tuple[bytes, bytes, int]:
        return await traffic.exec_in_pod(world, site, lab.istiods, namespace, pod, container, argv, stdin)

    async def read_logs(namespace: str, pod: str, container: str) -> bytes:
        return await lab.logs.read(site, namespace, pod, container)

    return Hooks(
        call_webhook=call_webhook,
        exec=run_command,
        logs=read_logs,
        disturb=disturber.disturb,
        denied=disturber.denied,
        watch_lifetime=disturber.watch_lifetime,
        clock_skew=disturber.clock_skew,
        expired=lambda: world.faults.on("reader-token-expired", site.context),
        version=disturber.version,
        answered=lab.logbook.answered,
        changed=lab.logbook.changed,
    )


def controllers(world: World, site: Site, istiods: Istiods) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
    """Return what runs on a cluster's nodes, in its cloud, and as Istio, by name."""
    return {
        "kubelet": partial(kubelet.run, world, site, istiods),
        "load balancer": partial(load_balancer.run, world, site),
        "operator": partial(sail.run, world, site),
        "istiod": partial(istiod.run, world, site, istiods),
        "foreign owner": partial(foreign_owner.run, world, site),
    }


@asynccontextmanager
async def running_lab(options: LabOptions) -> AsyncIterator[Lab]:
    """Run a lab for as long as the block lasts; a part that crashes ends the block with its exception."""
    lab = assemble(options.check())
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(_named(f"{name} of {site.context}", act()), name=f"{name} of {site.context}")
                for site in lab.world.sites
                for name, act in _everything(lab, site).items()
            ]
            await asyncio.gather(*(_open(lab, site) for site in lab.world.sites))
            lab.entries = tuple(_entry(lab.clusters[site.context]) for site in lab.world.sites)
            log.info("%d clusters are up", len(lab.clusters))
            try:
                yield lab
            finally:
                for task in tasks:
                    task.cancel()
    finally:
        await asyncio.gather(*(cluster.stop() for cluster in lab.clusters.values()))


def _everything(lab: Lab, site: Site) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
    managed = {act.__module__.rpartition(".")[2]: partial(act, lab.world, site) for act in CONTROLLER_MANAGER}
    return {**managed, **controllers(lab.world, site, lab.istiods)}


async def _named(name: str, act: Coroutine[None, None, None]) -> None:
    """Run one part; say in the log which one it was that crashed."""
    try:
        await act
    except Exception:
        log.exception("%s crashed", name)
        raise
    raise RuntimeError(f"{name} has ended by itself")


async def _open(lab: Lab, site: Site) -> None:
    cluster = lab.clusters[site.context]
    await prerequisites.publish_authority(site.api("kube-apiserver"), cluster.ca_pem)
    await prerequisites.seed(lab.world, site, lab.certificates)
    await foreign_owner.settle(lab.world, site)
    await cluster.start()
    await prerequisites.namespaces_furnished(site)
    await prerequisites.operator_ready(lab.world, site)


def _entry(cluster: EmbeddedCluster) -> Entry:
    token = secrets.token_urlsafe(32)
    cluster.add_user_token(token, f"lab-{cluster.name}")
    return Entry(cluster.name, cluster.url, cluster.ca_pem, token)
