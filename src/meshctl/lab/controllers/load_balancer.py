"""The cloud's load balancer: gives Services of type LoadBalancer an address, and takes it back."""

import asyncio
from dataclasses import dataclass, field

from meshctl.lab.api import Api
from meshctl.lab.controllers.reconciling import Feed, Key, reconcile
from meshctl.lab.controllers.shapes import deleting, uid_of
from meshctl.lab.network import lb_address
from meshctl.lab.sites import Site, World
from meshctl.names import SERVICE
from meshctl.objects import Manifest, Ref, dig

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
LOOK_AGAIN = 0.2
"""How soon a Service that waits because of a fault is looked at again."""


def balanced(service: Manifest) -> bool:
    """Say whether a Service wants a load balancer."""
    return dig(service, "spec", "type") == "LoadBalancer" and not deleting(service)


def ingress(address: str, hostname: str | None) -> list[Manifest]:
    """Return what a Service's status says about its load balancer."""
    return [{"hostname": hostname}] if hostname else [{"ip": address, "ipMode": "VIP"}]


@dataclass(slots=True)
class _Cloud:
    world: World
    site: Site
    api: Api
    asked: dict[str, float] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    async def look(self, key: Key) -> float | None:
        ref = Ref(SERVICE, key[1], key[0])
        service = await self.api.get(ref)
        if service is None:
            return None
        held = FINALIZER in (dig(service, "metadata", "finalizers") or ())
        if not balanced(service):
            await self._release(ref, service, held=held)
            return None
        if not held:
            finalizers = [*(dig(service, "metadata", "finalizers") or ()), FINALIZER]
            await self.api.merge(ref, {"metadata": {"finalizers": finalizers}})
        given = dig(service, "status", "loadBalancer", "ingress", 0)
        if given is None or self._outdated(given):
            return await self._provide(ref, service)
        self._keep(service)
        return LOOK_AGAIN if given.get("hostname") else None

    def _outdated(self, given: Manifest) -> bool:
        """Say whether a hostname was given out that would not be given out any more."""
        hostname = given.get("hostname")
        return hostname is not None and hostname != self.world.faults.value("lb-hostname", self.site.context)

    async def _provide(self, ref: Ref, service: Manifest) -> float | None:
        faults, delays, context = self.world.faults, self.world.delays, self.site.context
        now = asyncio.get_running_loop().time()
        since = self.asked.setdefault(uid_of(service), now)
        wait = delays.of(delays.load_balancer + faults.number("lb-late", context)) - (now - since)
        if faults.on("lb-never", context) or faults.on("lb-absent", context):
            return LOOK_AGAIN
        if wait > 0:
            return wait
        number = self.numbers.setdefault(uid_of(service), self._free())
        entries = ingress(lb_address(self.world, context, number), faults.value("lb-hostname", context))
        await self.api.merge(ref, {"status": {"loadBalancer": {"ingress": entries}}}, status=True)
        return None

    def _free(self) -> int:
        taken = set(self.numbers.values())
        return next(number for number in range(1, 255) if number not in taken)

    def _keep(self, service: Manifest) -> None:
        """Remember an address that was given out before this process began."""
        address = str(dig(service, "status", "loadBalancer", "ingress", 0, "ip") or "")
        if address and uid_of(service) not in self.numbers:
            self.numbers[uid_of(service)] = int(address.rpartition(".")[2])

    async def _release(self, ref: Ref, service: Manifest, *, held: bool) -> None:
        self.asked.pop(uid_of(service), None)
        self.numbers.pop(uid_of(service), None)
        if dig(service, "status", "loadBalancer", "ingress") and not deleting(service):
            await self.api.merge(ref, {"status": {"loadBalancer": {"ingress": None}}}, status=True)
        if held:
            rest = [name for name in service["metadata"]["finalizers"] if name != FINALIZER]
            await self.api.merge(ref, {"metadata": {"finalizers": rest or None}})


async def run(world: World, site: Site) -> None:
    """Balance the load of a cluster's Services."""
    api = site.api("cloud-controller-manager")
    cloud = _Cloud(world, site, api)
    await reconcile(api, [Feed(SERVICE)], cloud.look)
