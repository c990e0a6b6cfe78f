"""Who can reach whom in the lab: connections are not made but worked out, from the objects of the clusters."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from ipaddress import AddressValueError, IPv4Address

from meshctl.lab.api import Api, ApiError
from meshctl.lab.apiserver.hooks import WebhookRejectedError, WebhookUnreachableError
from meshctl.lab.controllers import istiod_injection, istiod_validation
from meshctl.lab.controllers.shapes import (
    condition_status,
    container_of,
    env_of,
    has,
    labels_of,
    name_of,
    namespace_of,
    pod_ready,
)
from meshctl.lab.istiods import roots_in, roots_in_bundle
from meshctl.lab.sites import Site, World
from meshctl.names import (
    CONFIG_MAP,
    ENDPOINT_SLICE,
    GATEWAY,
    ISTIO_SYSTEM,
    MUTATING_WEBHOOK,
    POD,
    SERVICE,
    SIDECAR_STATUS,
    VIRTUAL_SERVICE,
)
from meshctl.objects import Kind, Manifest, Ref, dig

CLIENT = "lab-network"
XDS_PORT = 15012
WEBHOOK_PORT = 15017
DATA_PORT = 15443
STATUS_PORT = 15021
UNREACHABLE = "gateway-unreachable"
BLOCKED = {WEBHOOK_PORT: "webhook-blocked", XDS_PORT: "xds-blocked", DATA_PORT: "data-blocked"}
"""The fault that drops the packets to each port of an east-west gateway."""

DNS_SERVER = "10.96.0.10:53"
UNKNOWN_AUTHORITY = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
NOT_SERVED = "the server could not find the requested resource"


class End(Enum):
    """How an attempt to connect ends."""

    REACHED = auto()
    REFUSED = auto()
    DROPPED = auto()
    CLOSED = auto()
    UNKNOWN_HOST = auto()
    NO_SERVICE = auto()


@dataclass(frozen=True, slots=True)
class Dialed:
    """The end of one attempt: `address` is what was dialled, `site` and `pod` who answered."""

    end: End
    address: str = ""
    site: Site | None = None
    pod: Manifest | None = None


NEAR = (SERVICE, POD)
"""What decides about a connection to a Service by its name."""

AT_GATEWAYS = (*NEAR, GATEWAY, VIRTUAL_SERVICE)
"""What decides about a connection through a gateway."""

EVERYTHING = (*AT_GATEWAYS, ENDPOINT_SLICE)


@dataclass(frozen=True, slots=True)
class Place:
    """The objects of one cluster that decide about connections, as far as they were asked for."""

    site: Site
    services: tuple[Manifest, ...] = ()
    slices: tuple[Manifest, ...] = ()
    pods: tuple[Manifest, ...] = ()
    gateways: tuple[Manifest, ...] = ()
    virtual_services: tuple[Manifest, ...] = ()

    def service(self, namespace: str, name: str) -> Manifest | None:
        """Return a Service by name."""
        return next((s for s in self.services if name_of(s) == name and namespace_of(s) == namespace), None)

    def ready_pods(self, service: Manifest) -> list[Manifest]:
        """Return the ready pods behind a Service with a selector."""
        return [pod for pod in self.pods_of(service) if pod_ready(pod)]

    def pods_of(self, service: Manifest) -> list[Manifest]:
        """Return all pods behind a Service with a selector."""
        selector = dig(service, "spec", "selector")
        return [p for p in self.pods if namespace_of(p) == namespace_of(service) and has(selector, labels_of(p))]


async def survey(site: Site, namespace: str = "", kinds: Sequence[Kind] = EVERYTHING) -> Place:
    """Read what decides about connections in one cluster, or in one namespace of it and at its gateways."""
    api = site.api(CLIENT)
    far = (GATEWAY, VIRTUAL_SERVICE)  # these count wherever they are
    lists = await asyncio.gather(*(_listed(api, kind, "" if kind in far else namespace) for kind in kinds))
    found = {kind: tuple(objects) for kind, objects in zip(kinds, lists, strict=True)}
    order = (SERVICE, ENDPOINT_SLICE, POD, *far)
    return Place(site, *(found.get(kind, ()) for kind in order))


async def _listed(api: Api, kind: Kind, namespace: str = "") -> list[Manifest]:
    """Return all objects of a kind; there are none of a kind that is not served."""
    try:
        return await api.list(kind, namespace)
    except ApiError as error:
        if error.code != 404:
            raise
        return []


def injected(pod: Manifest | None) -> bool:
    """Say whether istiod's webhook has completed a pod: it has a proxy with a real image."""
    proxy = container_of(pod or {}, "istio-proxy")
    return bool(dig(pod, "metadata", "annotations", SIDECAR_STATUS)) and dig(proxy, "image") not in (None, "", "auto")


def lb_address(world: World, context: str, number: int = 1) -> str:
    """Return an address of a site's load balancer."""
    index = [site.context for site in world.sites].index(context)
    return f"172.18.{100 + index}.{number}"


def ingress_of(service: Manifest) -> list[str]:
    """Return the addresses and hostnames that a load balancer has given a Service, and its external IPs."""
    entries = dig(service, "status", "loadBalancer", "ingress") or ()
    found = [str(entry.get("ip") or entry.get("hostname")) for entry in entries]
    return found + [str(ip) for ip in dig(service, "spec", "externalIPs") or ()]


def is_address(text: str) -> bool:
    """Say whether a text is an IPv4 address, not a hostname."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


async def holder(world: World, address: str) -> tuple[Place, Manifest] | None:
    """Return the load-balanced Service that answers at an address or hostname, and the cluster it is in."""
    sites = sorted(world.sites, key=lambda site: not address.startswith(f"{lb_address(world, site.context, 0)[:-1]}"))
    for site in sites:
        for service in await site.api(CLIENT).list(SERVICE):
            if dig(service, "spec", "type") == "LoadBalancer" and address in ingress_of(service):
                return await survey(site, namespace_of(service), AT_GATEWAYS), service
    return None


def listens(gateways: Iterable[Manifest], pod: Manifest, port: int) -> list[tuple[Manifest, Manifest]]:
    """Return the Gateways, and their servers, that make a gateway pod listen on a port."""
    return [
        (gateway, server)
        for gateway in gateways
        if has(dig(gateway, "spec", "selector"), labels_of(pod))
        for server in dig(gateway, "spec", "servers") or ()
        if dig(server, "port", "number") == port
    ]


def passthrough(place: Place, gateway: Manifest, port: int) -> tuple[str, int] | None:
    """Return the host and port to which a VirtualService passes the TLS connections of a Gateway's port."""
    names = {name_of(gateway), f"{namespace_of(gateway)}/{name_of(gateway)}"}
    for virtual in place.virtual_services:
        if names.isdisjoint(dig(virtual, "spec", "gateways") or ()):
            continue
        for rule in dig(virtual, "spec", "tls") or ():
            if any(match.get("port", port) == port for match in rule.get("match") or ()):
                destination = dig(rule, "route", 0, "destination") or {}
                return str(destination.get("host", "")), int(dig(destination, "port", "number") or port)
    return None


def service_target(service: Manifest, port: int) -> int | None:
    """Return the pods' port behind a Service's port, None when the Service does not have that port."""
    for entry in dig(service, "spec", "ports") or ():
        if entry["port"] == port:
            target = entry.get("targetPort", port)
            return target if isinstance(target, int) else port
    return None


def drops(world: World, context: str, port: int | None) -> bool:
    """Say whether a fault drops the packets to a port of a site's gateway."""
    return any(world.faults.on(fault, context) for fault in (UNREACHABLE, BLOCKED.get(port or 0, "")))


async def knock(world: World, address: str, port: int, gateways: Sequence[Manifest] | None = None) -> Dialed:
    """Dial a port of a load balancer, through its gateway to what stands behind it.

    `gateways` are the Gateways by which the gateway is configured, if they are not those of its own cluster.
    """
    dialed = f"{address}:{port}"
    found = await holder(world, address)
    if found is None:
        return Dialed(End.DROPPED if is_address(address) else End.UNKNOWN_HOST, dialed)
    place, service = found
    if not is_address(address):
        dialed = f"{lb_address(world, place.site.context)}:{port}"
    target = service_target(service, port)
    pods = [pod for pod in place.ready_pods(service) if injected(pod)]
    if drops(world, place.site.context, target):
        return Dialed(End.DROPPED, dialed)
    if target is None or not pods:
        return Dialed(End.REFUSED, dialed)
    if target == STATUS_PORT:
        return Dialed(End.REACHED, dialed, place.site, pods[0])
    opened = listens(place.gateways if gateways is None else gateways, pods[0], target)
    if not opened:
        return Dialed(End.REFUSED, dialed)
    routes = (passthrough(place, gateway, target) for gateway, _ in opened)
    route = next((route for route in routes if route is not None), None)
    if route is None:
        return Dialed(End.CLOSED, dialed)
    behind = _behind(world, await _around(place, route[0]), *route)
    return Dialed(End.REACHED if behind else End.CLOSED, dialed, place.site if behind else None, behind)


async def _around(place: Place, host: str) -> Place:
    """Return the place with the objects of the namespace that a host name is in."""
    namespace = [*host.split("."), ""][1]
    known = {namespace_of(service) for service in place.services}
    return place if namespace in known or not namespace else await survey(place.site, namespace, NEAR)


def _behind(world: World, place: Place, host: str, port: int) -> Manifest | None:
    """Return the pod that a gateway hands a connection to, by the name of a Service of its own cluster."""
    name, namespace, *_ = [*host.split("."), ""]
    service = place.service(namespace, name)
    target = service_target(service, port) if service else None
    if service is None or target is None:
        return None
    if target == WEBHOOK_PORT and world.faults.on("webhook-refusing", place.site.context):
        return None
    return next(iter(place.ready_pods(service)), None)


async def dial(world: World, site: Site, namespace: str, name: str, port: int) -> Dialed:
    """Dial a Service by name, from a pod or from the API server of a site."""
    place = await survey(site, namespace, (*NEAR, ENDPOINT_SLICE))
    service = place.service(namespace, name)
    if service is None:
        return Dialed(End.NO_SERVICE)
    if dig(service, "spec", "type") == "ExternalName":
        host = str(dig(service, "spec", "externalName") or "")
        return await knock(world, host, port)
    address = f"{dig(service, 'spec', 'clusterIP')}:{port}"
    target = service_target(service, port)
    if dig(service, "spec", "selector"):
        pod = _behind(world, place, f"{name}.{namespace}", port)
        return Dialed(End.REACHED if pod else End.REFUSED, address, site if pod else None, pod)
    endpoint = _first_endpoint(place, service)
    if target is None or not endpoint:
        return Dialed(End.REFUSED, address)
    beyond = await knock(world, endpoint, target)
    return Dialed(beyond.end, address, beyond.site, beyond.pod)


def _first_endpoint(place: Place, service: Manifest) -> str:
    for entry in place.slices:
        owner = labels_of(entry).get("kubernetes.io/service-name")
        if owner == name_of(service) and namespace_of(entry) == namespace_of(service):
            for endpoint in entry.get("endpoints") or ():
                if dig(endpoint, "conditions", "ready") is not False:
                    return str(endpoint["addresses"][0])
    return ""


def trouble(dialed: Dialed, host: str, deadline: str) -> str:
    """Return what a Go client says about a failed connection; `deadline` is its word for a timeout."""
    match dialed.end:
        case End.REFUSED:
            return f"dial tcp {dialed.address}: connect: connection refused"
        case End.DROPPED:
            return deadline
        case End.CLOSED:
            return "EOF"
        case End.UNKNOWN_HOST | End.NO_SERVICE:
            return f"dial tcp: lookup {host} on {DNS_SERVER}: no such host"
        case End.REACHED:
            return ""


async def served_roots(dialed: Dialed) -> frozenset[str]:
    """Return the roots that istiod's serving certificate chains to.

    istiod writes its root into its own cluster's webhooks as soon as it starts, so that is where it can be seen.
    """
    if dialed.site is None or dialed.pod is None:
        return frozenset()
    api = dialed.site.api(CLIENT)
    revision = env_of(container_of(dialed.pod, "discovery")).get("REVISION", "default")
    for config in await api.list(MUTATING_WEBHOOK, labels={"istio.io/rev": revision}):
        for webhook in config.get("webhooks") or ():
            if bundle := dig(webhook, "clientConfig", "caBundle"):
                return roots_in_bundle(bundle)
    root = await api.get(Ref(CONFIG_MAP, "istio-ca-root-cert", namespace_of(dialed.pod)))
    return roots_in(str(dig(root, "data", "root-cert.pem") or ""))


async def call_webhook(
    world: World, site: Site, client_config: Manifest, path: str, timeout: float, review: Manifest
) -> Manifest:
    """Carry an AdmissionReview from a site's API server to istiod, and its answer back."""
    service = client_config.get("service")
    if not service:
        raise WebhookUnreachableError(f"dial tcp: lookup webhook on {DNS_SERVER}: no such host")
    host = f"{service['name']}.{service['namespace']}.svc"
    dialed = await dial(world, site, service["namespace"], service["name"], int(service.get("port", 443)))
    if dialed.end is End.NO_SERVICE:
        raise WebhookUnreachableError(f'service "{service["name"]}" not found')
    if dialed.end is End.DROPPED:
        await asyncio.sleep(world.delays.of(timeout))
    if dialed.end is not End.REACHED or dialed.site is None or dialed.pod is None:
        raise WebhookUnreachableError(trouble(dialed, host, "context deadline exceeded"))
    if not roots_in_bundle(str(client_config.get("caBundle") or "")) & await served_roots(dialed):
        raise WebhookUnreachableError(UNKNOWN_AUTHORITY)
    return await _answer(dialed.site, dialed.pod, path, review)


async def _answer(site: Site, pod: Manifest, path: str, review: Manifest) -> Manifest:
    if path == "/validate" or path.startswith("/validate/"):
        return istiod_validation.answer(review)
    if path == "/inject" or path.startswith("/inject/"):
        name = istiod_injection.settings_name(pod)
        config = await site.api(CLIENT).get(Ref(CONFIG_MAP, name, namespace_of(pod)))
        return istiod_injection.answer(istiod_injection.settings(pod, config), path, review)
    raise WebhookRejectedError(NOT_SERVED)


async def probe_istiod(world: World, site: Site, ca_bundle: str) -> tuple[bool, str]:
    """Ask istiod whether it is ready, as the operator's pod on a site does, trusting `ca_bundle` only."""
    host = f"istiod.{ISTIO_SYSTEM}.svc"
    asked = f'Get "https://{host}:443/ready": '
    dialed = await dial(world, site, ISTIO_SYSTEM, "istiod", 443)
    if dialed.end is End.DROPPED:
        await asyncio.sleep(world.delays.of(world.delays.probe_timeout))
    if dialed.end is not End.REACHED:
        late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return False, asked + trouble(dialed, host, late)
    if not roots_in_bundle(ca_bundle) & await served_roots(dialed):
        return False, asked + UNKNOWN_AUTHORITY
    return condition_status(dialed.pod, "Ready") == "True", ""
