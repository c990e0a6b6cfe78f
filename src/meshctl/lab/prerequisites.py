"""What a fresh lab has before anyone follows the guide: the operator, the mesh's certificates, the clusters' own CA."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from meshctl.certs.authority import make_material, make_root
from meshctl.certs.material import KeyPair, KeyType, Material
from meshctl.certs.secrets import manifest_of, material_of
from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers import address_pools
from meshctl.lab.controllers.sail import install_operator
from meshctl.lab.controllers.sail_install import is_operator
from meshctl.lab.controllers.sail_versions import OPERATOR_NAMESPACE, build
from meshctl.lab.controllers.shapes import pod_ready
from meshctl.lab.sites import Site, World
from meshctl.names import CACERTS, CONFIG_MAP, DEPLOYMENT, ISTIO_SYSTEM, NAMESPACE, POD
from meshctl.objects import Manifest, Ref, dig

ADMINISTRATOR = "administrator"
KEY = KeyType.EC_P256  # quick to make, and strong enough for istiod
ROOT_CA = Ref(CONFIG_MAP, "kube-root-ca.crt", "kube-system")
LONGEST_START = 20.0


@dataclass(frozen=True, slots=True)
class Certificates:
    """The mesh's certificates per cluster, and the ones from another root that the fault `wrong-root` puts there."""

    right: Mapping[str, Material]
    wrong: Mapping[str, Material] = field(default_factory=dict)

    def of(self, world: World, context: str) -> Material:
        """Return what a cluster should have, given the faults in force."""
        return (self.wrong if world.faults.on("wrong-root", context) else self.right)[context]

    def made_here(self, material: Material) -> bool:
        """Say whether it was the lab that made these."""
        ours = (*self.right.values(), *self.wrong.values())
        return any(material.ca_cert == one.ca_cert for one in ours)


def make_certificates(contexts: tuple[str, ...]) -> Certificates:
    """Make one root for the mesh and a wrong one for every cluster, with the intermediates."""
    now = datetime.now(UTC)
    root: KeyPair = make_root(now=now, key=KEY)
    right = {context: make_material(root, context, now=now, key=KEY) for context in contexts}
    wrong = {context: make_material(make_root(now=now, key=KEY), context, now=now, key=KEY) for context in contexts}
    return Certificates(right, wrong)


async def seed(world: World, site: Site, certificates: Certificates) -> None:
    """Do what the guide asks for before its first command."""
    api = site.api(ADMINISTRATOR)
    await ensure(api, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ISTIO_SYSTEM}})
    await ensure(api, manifest_of(certificates.of(world, site.context)))
    await address_pools.settle(world, site)
    await install_operator(world, site)


async def publish_authority(api: Api, pem: str) -> None:
    """Put a cluster's own CA where its controllers find it."""
    meta = {"name": ROOT_CA.name, "namespace": ROOT_CA.namespace}
    await ensure(api, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"ca.crt": pem}})


async def ensure(api: Api, obj: Manifest) -> None:
    """Create unless it is there."""
    try:
        await api.create(obj)
    except ApiError as error:
        if error.code != 409:
            raise


async def adjust(world: World, site: Site, certificates: Certificates) -> None:
    """Bring a cluster's prerequisites to what the faults say now; what the user has put there himself is left alone."""
    api = site.api(ADMINISTRATOR)
    secret = await api.get(CACERTS)
    if secret is not None:
        stored, wanted = material_of(secret), certificates.of(world, site.context)
        if stored.ca_cert != wanted.ca_cert and certificates.made_here(stored):
            await api.merge(CACERTS, {"data": manifest_of(wanted)["data"]})
    await address_pools.settle(world, site)
    await install_operator(world, site)


async def operator_ready(world: World, site: Site) -> None:
    """Wait until the operator is available, unless a fault keeps it from ever being that."""
    faults = ("operator-absent", "operator-crashing")
    if any(world.faults.on(name, site.context) for name in faults):
        return
    installed = build(world, site)
    api = site.api(ADMINISTRATOR)
    async with asyncio.timeout(LONGEST_START):
        # A pod that is on its way out still counts in the Deployment's status for a moment.
        async for change in api.watch(POD, OPERATOR_NAMESPACE):
            if change.type != "DELETED" and is_operator(change.obj, installed) and pod_ready(change.obj):
                break
        async for change in api.watch(DEPLOYMENT, OPERATOR_NAMESPACE):
            if change.obj["metadata"]["name"] == installed.name and dig(change.obj, "status", "readyReplicas"):
                return


async def namespaces_furnished(site: Site) -> None:
    """Wait until the namespaces have what every namespace is born with: pods need the default service account."""
    api = site.api(ADMINISTRATOR)
    wanted = {namespace["metadata"]["name"] for namespace in await api.list(NAMESPACE)}
    async with asyncio.timeout(LONGEST_START):
        async for change in api.watch(CONFIG_MAP):
            if change.obj["metadata"]["name"] == ROOT_CA.name:
                wanted.discard(change.obj["metadata"]["namespace"])
            if not wanted:
                return
