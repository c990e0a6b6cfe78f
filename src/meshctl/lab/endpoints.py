"""Which endpoints a client has for a Service, and what becomes of a connection to each: worked out, not tried."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from meshctl.lab.controllers.shapes import container_of, env_of, labels_of, namespace_of, uid_of
from meshctl.lab.istiods import Istiod, Istiods
from meshctl.lab.network import (
    CLIENT,
    DATA_PORT,
    Place,
    drops,
    ingress_of,
    injected,
    listens,
    service_target,
    survey,
)
from meshctl.lab.sites import Site, World
from meshctl.names import NAMESPACE, NETWORK_LABEL
from meshctl.objects import Manifest, Ref, dig

GATEWAY_PORT_LABEL = "networking.istio.io/gatewayPort"


class Fate(Enum):
    """What becomes of a connection."""

    WORKS = auto()
    REFUSED = auto()
    DROPPED = auto()
    DISTRUSTED = auto()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One pod behind a Service as a client sees it: `address` is what it dials, maybe a gateway."""

    pod: Manifest
    cluster: str
    address: str
    fate: Fate


@dataclass(frozen=True, slots=True)
class NetworkGateway:
    """A way into a network: an address of a gateway Service, and the cluster it is in."""

    network: str
    cluster: str
    address: str
    port: int
    place: Place
    service: Manifest


@dataclass(frozen=True, slots=True)
class Mesh:
    """The mesh as one istiod knows it: its clusters by ID, each with its objects and its default network."""

    world: World
    istiods: Istiods
    istiod: Istiod
    places: Mapping[str, Place]
    networks: Mapping[str, str]

    @property
    def config(self) -> Place:
        """The cluster where Gateways and the like are read."""
        return self.places[self.istiod.cluster_id]


async def mesh_of(world: World, istiods: Istiods, site: Site, pod: Manifest) -> Mesh | None:
    """Return the mesh that the proxy (or the istiod) in a pod belongs to, as it is now."""
    istiod = istiods.governing(site.context, uid_of(pod))
    if istiod is None:
        return None
    places, networks = {}, {}
    for cluster_id, context in istiod.clusters().items():
        home = world.site(context)
        places[cluster_id] = await survey(home)
        namespace = await home.api(CLIENT).get(Ref(NAMESPACE, istiod.namespace))
        networks[cluster_id] = labels_of(namespace).get(NETWORK_LABEL, "")
    return Mesh(world, istiods, istiod, places, networks)


def network_of(pod: Manifest, default: str = "") -> str:
    """Return the network a pod is in: its label, what its proxy says, or the default of its cluster."""
    told = env_of(container_of(pod, "istio-proxy")).get("ISTIO_META_NETWORK", "")
    return labels_of(pod).get(NETWORK_LABEL) or told or default


def network_gateways(mesh: Mesh) -> list[NetworkGateway]:
    """Return every gateway of every network: the labelled Services that have an address."""
    found = []
    for cluster_id, place in sorted(mesh.places.items()):
        for service in place.services:
            network = labels_of(service).get(NETWORK_LABEL)
            port = int(labels_of(service).get(GATEWAY_PORT_LABEL) or DATA_PORT)
            addresses = ingress_of(service) if network else ()
            found += [NetworkGateway(str(network), cluster_id, at, port, place, service) for at in addresses]
    return found


def endpoints(mesh: Mesh, client: Manifest, site: str, namespace: str, name: str, port: int) -> list[Endpoint]:
    """Return what a client's proxy knows of a Service's port."""
    network = network_of(client)
    gateways = network_gateways(mesh)
    found = []
    for cluster_id, place in mesh.places.items():
        service = place.service(namespace, name)
        target = service_target(service, port) if service else None
        for pod in place.ready_pods(service) if service and target else ():
            where = network_of(pod, mesh.networks[cluster_id]) or network
            direct = f"{dig(pod, 'status', 'podIP')}:{target}"
            if where == network:
                fate = _trusted(mesh, client, pod) if place.site.context == site else Fate.DROPPED
                found.append(Endpoint(pod, cluster_id, direct, fate))
                continue
            ways = [gateway for gateway in gateways if gateway.network == where]
            if not ways:
                # istiod takes a network without gateways for one that can be reached directly
                found.append(Endpoint(pod, cluster_id, direct, Fate.DROPPED))
            elif injected(pod):
                found += [
                    Endpoint(pod, cluster_id, f"{way.address}:{way.port}", crossing(mesh, way, client, pod, place))
                    for way in ways
                ]
    return found


def crossing(mesh: Mesh, way: NetworkGateway, client: Manifest, pod: Manifest, home: Place) -> Fate:
    """Say what becomes of a connection through a gateway to a pod."""
    target = service_target(way.service, way.port)
    if drops(mesh.world, way.place.site.context, target):
        return Fate.DROPPED
    ready = [gateway for gateway in way.place.ready_pods(way.service) if injected(gateway)]
    if target is None or not ready or way.place.site.context != home.site.context:
        return Fate.REFUSED
    host = f".{namespace_of(pod)}.svc.cluster.local"
    for _, server in listens(mesh.config.gateways, ready[0], target):
        if dig(server, "tls", "mode") == "AUTO_PASSTHROUGH" and _admits(server, host):
            return _trusted(mesh, client, pod)
    return Fate.REFUSED


def _admits(server: Manifest, host: str) -> bool:
    names = (str(name).rpartition("/")[2] for name in server.get("hosts") or ())
    return any(name == "*" or (name.startswith("*") and host.endswith(name[1:])) for name in names)


def _trusted(mesh: Mesh, client: Manifest, pod: Manifest) -> Fate:
    """Say whether the two proxies believe each other: both hold certificates of one root."""
    if not injected(pod):
        return Fate.WORKS
    one, other = (mesh.istiods.proxies.get(uid_of(proxy)) for proxy in (client, pod))
    return Fate.WORKS if one is None or other is None or one.roots & other.roots else Fate.DISTRUSTED
