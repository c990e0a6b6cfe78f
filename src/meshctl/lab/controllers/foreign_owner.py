"""Another field manager: while its fault is in force it owns fields that the guide sets too, with other values."""

import asyncio
from dataclasses import dataclass

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.sail_versions import build
from meshctl.lab.sites import Site, World
from meshctl.names import GATEWAY_SERVICE, ISTIO_SYSTEM, NAMESPACE, NETWORK_LABEL, THE_ISTIO
from meshctl.objects import Manifest, Ref, dig

MANAGER = "gitops"
FAULT = "foreign-owner"
FOREIGN_NETWORK = "gitops-network"
PAUSE = 0.5  # how often it compares, like every tool of its kind


def foreign_service() -> Manifest:
    """Return the gateway Service as the other manager has it."""
    labels = {"app": "istio-eastwestgateway", NETWORK_LABEL: FOREIGN_NETWORK}
    spec = {
        "type": "LoadBalancer",
        "selector": {"app": "istio-eastwestgateway"},
        "ports": [{"name": "tls", "port": 15443, "protocol": "TCP", "targetPort": 15443}],
    }
    metadata = {"name": GATEWAY_SERVICE.name, "namespace": GATEWAY_SERVICE.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def others(obj: Manifest) -> list[Manifest]:
    """Return the entries of managedFields that are not this manager's."""
    return [entry for entry in dig(obj, "metadata", "managedFields") or [] if entry.get("manager") != MANAGER]


def used_by_others(obj: Manifest) -> bool:
    """Say whether anybody but this manager, controllers writing statuses apart, has set a field."""
    return any("f:spec" in (entry.get("fieldsV1") or {}) for entry in others(obj))


@dataclass(frozen=True, slots=True)
class _Gitops:
    world: World
    site: Site
    api: Api

    async def step_in(self) -> None:
        if await self.api.get(Ref(NAMESPACE, ISTIO_SYSTEM)) is None:
            return
        service = await self.api.get(GATEWAY_SERVICE)
        if service is None:
            await self.api.create(foreign_service())
        elif dig(service, "metadata", "labels", NETWORK_LABEL) != FOREIGN_NETWORK:
            await self.api.merge(GATEWAY_SERVICE, {"metadata": {"labels": {NETWORK_LABEL: FOREIGN_NETWORK}}})
        istio = await self.api.get(THE_ISTIO)
        if istio is not None and dig(istio, "spec", "version") != self._version():
            await self.api.merge(THE_ISTIO, {"spec": {"version": self._version()}})

    def _version(self) -> str:
        """Return another version than the guide's, one that can be installed."""
        return next(version for version, _ in build(self.world, self.site).installable if version.endswith(".3"))

    async def step_back(self) -> None:
        """Delete what nobody else uses, and give up the fields of the rest."""
        for ref in (GATEWAY_SERVICE, THE_ISTIO):
            obj = await self.api.get(ref)
            if obj is None or len(others(obj)) == len(dig(obj, "metadata", "managedFields") or []):
                continue
            if used_by_others(obj):
                await self.api.update({**obj, "metadata": {**obj["metadata"], "managedFields": others(obj)}})
            else:
                await self.api.delete(ref)


async def settle(world: World, site: Site) -> None:
    """Bring the other manager's objects to what the fault says now."""
    gitops = _Gitops(world, site, site.api(MANAGER))
    try:
        await (gitops.step_in() if world.faults.on(FAULT, site.context) else gitops.step_back())
    except ApiError as error:
        if error.code not in (404, 409):  # somebody else was quicker; the next comparison settles it
            raise


async def run(world: World, site: Site) -> None:
    """Be the other manager for ever."""
    before = False
    while True:
        now = world.faults.on(FAULT, site.context)
        if now or before:
            await settle(world, site)
        before = now
        await asyncio.sleep(PAUSE)
