"""The cloud's load balancer: addresses, faults, and letting go."""

import asyncio
from functools import partial
from typing import Any

import pytest

from meshctl.lab.controllers import load_balancer
from meshctl.lab.controllers.load_balancer import FINALIZER
from meshctl.lab.faults import Fault
from meshctl.names import SERVICE
from meshctl.objects import Manifest, Ref, dig
from tests.lab.controllers.stage import running, world_of
from tests.lab.fake_api import FakeCluster
from tests.lab.static_mesh import service


def balanced(name: str = "gateway") -> Manifest:
    return service(name, "n", {15443: 15443}, {"app": "a"}, type="LoadBalancer")


def ingress(cluster: FakeCluster, name: str = "gateway") -> Any:
    return dig(cluster.peek(Ref(SERVICE, name, "n")), "status", "loadBalancer", "ingress")


@pytest.mark.parametrize(
    ("context", "faults", "expected"),
    [
        ("east", (), [{"ip": "172.18.100.1", "ipMode": "VIP"}]),
        ("west", (), [{"ip": "172.18.101.1", "ipMode": "VIP"}]),
        ("east", (Fault("lb-late", "30"),), [{"ip": "172.18.100.1", "ipMode": "VIP"}]),
        ("east", (Fault("lb-hostname", "lb.example"),), [{"hostname": "lb.example"}]),
        ("east", (Fault("lb-hostname", "lb.example", "west"),), [{"ip": "172.18.100.1", "ipMode": "VIP"}]),
    ],
)
def test_a_service_gets_an_address(context: str, faults: tuple[Fault, ...], expected: list[Manifest]) -> None:
    async def story() -> None:
        clusters = {"east": FakeCluster(), "west": FakeCluster()}
        world, cluster = world_of(*clusters.values(), faults=faults), clusters[context]
        async with running(load_balancer.run(world, world.site(context))):
            await cluster.api("me").create(balanced())
            assert await cluster.until(lambda: ingress(cluster)) == expected
            assert dig(cluster.peek(Ref(SERVICE, "gateway", "n")), "metadata", "finalizers") == [FINALIZER]

    asyncio.run(story())


def test_every_service_its_own_address_and_back_again() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        async with running(load_balancer.run(world, world.sites[0])):
            for name in ("one", "two"):
                await cluster.api("me").create(balanced(name))
                await cluster.until(partial(ingress, cluster, name))
            assert [ingress(cluster, name)[0]["ip"] for name in ("one", "two")] == ["172.18.100.1", "172.18.100.2"]
            await cluster.api("me").delete(Ref(SERVICE, "one", "n"))
            await cluster.until(lambda: cluster.peek(Ref(SERVICE, "one", "n")) is None)
            await cluster.api("me").create(balanced("three"))
            found = await cluster.until(lambda: ingress(cluster, "three"))
            assert found[0]["ip"] == "172.18.100.1"

    asyncio.run(story())


def test_never_and_then_after_all() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster, faults=(Fault("lb-never"),))
        async with running(load_balancer.run(world, world.sites[0])):
            await cluster.api("me").create(balanced())
            await cluster.until(lambda: dig(cluster.peek(Ref(SERVICE, "gateway", "n")), "metadata", "finalizers"))
            assert ingress(cluster) is None
            world.faults.set(())
            await cluster.until(lambda: ingress(cluster))

    asyncio.run(story())


def test_other_services_are_left_alone() -> None:
    async def story() -> None:
        cluster = FakeCluster()
        world = world_of(cluster)
        async with running(load_balancer.run(world, world.sites[0])):
            await cluster.api("me").create(service("plain", "n", {80: 80}, {"app": "a"}))
            await cluster.api("me").create(balanced())
            await cluster.until(lambda: ingress(cluster))
            assert ingress(cluster, "plain") is None

    asyncio.run(story())
