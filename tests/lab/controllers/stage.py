"""A stage for controllers: a cluster in memory, a world around it, and a way to run some of them for a while."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.sites import Site, World
from tests.lab.fake_api import FakeCluster


def world_of(*clusters: FakeCluster, speed: float = 0.0, faults: tuple[Fault, ...] = ()) -> World:
    contexts = ("east", "west", "west2", "west3")
    sites = (
        Site(context, f"172.18.{number}.2", cluster.api)
        for number, (context, cluster) in enumerate(zip(contexts, clusters, strict=False), 1)
    )
    return World(tuple(sites), Delays(speed=speed), Faults(faults))


@asynccontextmanager
async def running(*acts: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run controllers for as long as the block lasts; one that crashes fails the test."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(act) for act in acts]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
