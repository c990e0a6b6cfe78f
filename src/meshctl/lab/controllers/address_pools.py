"""The address pool of the load balancer: what there is to see of one, as of MetalLB, before any Service asks."""

import asyncio

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.sail_crds import pool_crd
from meshctl.lab.network import lb_address
from meshctl.lab.sites import Site, World
from meshctl.names import IP_ADDRESS_POOL, NAMESPACE
from meshctl.objects import Manifest, Ref

METALLB = "metallb-system"
POOL = Ref(IP_ADDRESS_POOL, "lab", METALLB)
TRIES, PAUSE = 100, 0.1
"""How often, and with what pause, a pool is tried while its kind is only just being served."""

NOT_YET = (404, 503)
"""What a real API server answers meanwhile: a plain text, in which nothing can be read."""


def pool(first: str, last: str) -> Manifest:
    """Return a pool that has all of its addresses left."""
    return {
        "apiVersion": IP_ADDRESS_POOL.api_version,
        "kind": IP_ADDRESS_POOL.name,
        "metadata": {"name": POOL.name, "namespace": METALLB},
        "spec": {"addresses": [f"{first}-{last}"]},
    }


async def settle(world: World, site: Site) -> None:
    """Bring a cluster's pool to what the faults say now."""
    api = site.api("metallb")
    if world.faults.on("lb-absent", site.context):
        await api.delete(POOL)
        return
    wanted = pool(lb_address(world, site.context, 1), lb_address(world, site.context, 254))
    for obj in ({"apiVersion": "v1", "kind": NAMESPACE.name, "metadata": {"name": METALLB}}, pool_crd(), wanted):
        await _ensure(api, obj)


async def _ensure(api: Api, obj: Manifest) -> None:
    for _ in range(TRIES):
        try:
            await api.create(obj)
        except ApiError as error:
            if error.code == 409:
                return
            if error.code not in NOT_YET:
                raise
            await asyncio.sleep(PAUSE)
        else:
            return
