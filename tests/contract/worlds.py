"""The two clusters under test: the lab's API server with the lab's kube-controller-manager, and the real ones."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from meshctl.lab import prerequisites
from meshctl.lab.apiserver import EmbeddedCluster
from meshctl.lab.apiserver.hooks import Hooks
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Faults
from meshctl.lab.sites import Site, World
from meshctl.lab.world import CONTROLLER_MANAGER
from tests.contract.hooks import call_by_url
from tests.real.certificates import KeyPair
from tests.real.kubeconfig import Context
from tests.real.pool import Pool

NAME = "contract"
MASTERS = ("system:masters",)
START_SECONDS = 30.0
NewContext = Callable[[str, Sequence[str]], Context]
"""Makes a kubeconfig context for a user and groups."""


@dataclass(frozen=True, slots=True)
class Started:
    """A running cluster: which world it is of, and how to be somebody in it."""

    world: str
    context: NewContext


@contextmanager
def lab_world() -> Iterator[Started]:
    """Run the lab's API server in a thread of this process."""
    thread = _LabThread()
    thread.start()
    try:
        assert thread.ready.wait(START_SECONDS), "the lab did not come up"
        if thread.crash is not None:
            raise thread.crash
        yield Started("lab", thread.context)
    finally:
        thread.stop()
    if thread.crash is not None:
        raise thread.crash


@contextmanager
def real_world(pool: Pool) -> Iterator[Started]:
    """Borrow a real control plane."""
    with pool.lent(bare=True) as (plane, *_):
        yield Started("real", lambda user, groups: replace(plane.context(user, groups), name=NAME))


class _LabThread(threading.Thread):
    """Runs one embedded cluster and the controllers that a real one has too; keeps what it crashed of."""

    def __init__(self) -> None:
        super().__init__(name="lab", daemon=True)
        self.ready = threading.Event()
        self.crash: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._cluster: EmbeddedCluster | None = None

    def context(self, user: str, groups: Sequence[str]) -> Context:
        """Make a kubeconfig context."""
        assert self._cluster is not None
        certificate, key = self._cluster.client_certificate(user, groups)
        pair = KeyPair(certificate.encode(), key.encode())
        return Context(NAME, self._cluster.url, self._cluster.ca_pem.encode(), pair)

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as crash:
            self.crash = crash
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        cluster = self._cluster = EmbeddedCluster(NAME, Hooks(call_webhook=call_by_url))
        site = Site(NAME, "172.18.1.2", cluster.api)
        world = World((site,), Delays(speed=0), Faults())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_forever(act(world, site))) for act in CONTROLLER_MANAGER]
            await prerequisites.publish_authority(site.api("kube-apiserver"), cluster.ca_pem)
            await cluster.start()
            await prerequisites.namespaces_furnished(site)
            self.ready.set()
            await self._stopping.wait()
            for task in tasks:
                task.cancel()
        await cluster.stop()

    def stop(self) -> None:
        if self._loop is not None and self._stopping is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(START_SECONDS)


async def _forever(act: Coroutine[Any, Any, None]) -> None:
    await act
    raise RuntimeError("a controller has ended by itself")
