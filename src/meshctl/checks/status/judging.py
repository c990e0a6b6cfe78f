"""What is wrong with a cluster, from what is shown of it: errors and warnings in the order of cause and effect."""

from collections.abc import Iterator

from meshctl.checks.catalog import links_control_plane, links_gateway, links_remote, status
from meshctl.checks.catalog.check import Check
from meshctl.checks.finding import Finding, found
from meshctl.checks.status.model import ClusterStatus, GatewaySeen, Resource, Role, Workload
from meshctl.checks.status.trust import INJECTION
from meshctl.names import GATEWAY_DEPLOYMENT, GATEWAY_SERVICE, INJECTOR, ISTIO_CNI, ISTIOD, THE_ISTIO
from meshctl.objects import Ref

AGAIN = "run meshctl install with the same options"


def missing(check: Check, cluster: ClusterStatus, what: Ref, text: str, hint: str = "") -> Finding:
    """Return what is wrong with an object that is not there, or else that it may not be read: that is not the same."""
    if what in cluster.unseen:
        unknown = f"{what} may not be read, so nothing is known of it"
        return found(status.HIDDEN, cluster.name, unknown, "ask for the right to read it")
    return found(check, cluster.name, text, hint)


def problems(cluster: ClusterStatus, primary: ClusterStatus) -> Iterator[Finding]:
    """Yield everything that is wrong with one cluster of an installed mesh, trust apart."""
    if cluster.silence:
        advice = cluster.advice or "see whether its API server is reached from here"
        yield found(links_control_plane.CLUSTER_SILENT, cluster.name, f"does not answer: {cluster.silence}", advice)
        return
    yield from _operator(cluster)
    yield from _resources(cluster)
    if cluster.role is Role.PRIMARY:
        yield from _istiod(cluster)
    yield from _gateway(cluster, primary.istiod)
    if cluster.role is Role.REMOTE:
        yield from _remote(cluster, primary)


def _operator(cluster: ClusterStatus) -> Iterator[Finding]:
    operator = cluster.operator
    if operator is not None and operator.ready == 0:
        text = f"the Sail operator ({operator.name}) has no ready pod, so what its resources say may be old"
        yield found(links_control_plane.OPERATOR_DOWN, cluster.name, text, "see the pods of its Deployment")


def _resources(cluster: ClusterStatus) -> Iterator[Finding]:
    for one in cluster.resources:
        if not one.verdict.met:
            plugin = one.kind == ISTIO_CNI.name
            check = links_control_plane.CNI_DOWN if plugin else links_control_plane.ISTIO_NOT_READY
            yield found(check, cluster.name, f"{one.kind} {one.name}: {one.verdict.detail}", one.verdict.hint)
    if cluster.resource("Istio") is None:
        yield missing(links_control_plane.ISTIO_MISSING, cluster, THE_ISTIO, "there is no Istio resource", AGAIN)


def _istiod(cluster: ClusterStatus) -> Iterator[Finding]:
    if cluster.istiod is None:
        yield missing(
            links_control_plane.ISTIOD_DOWN,
            cluster,
            ISTIOD,
            "there is no istiod",
            "the operator makes it from the Istio resource",
        )
    elif not cluster.istiod.verdict.met:
        text = f"istiod: {cluster.istiod.verdict.detail}"
        yield found(links_control_plane.ISTIOD_DOWN, cluster.name, text, "see its pods in istio-system")


def _gateway(cluster: ClusterStatus, istiod: Workload | None) -> Iterator[Finding]:
    if cluster.gateway is None:
        yield missing(links_gateway.SERVICE_MISSING, cluster, GATEWAY_SERVICE, "there is no east-west gateway", AGAIN)
        return
    yield from _service(cluster, cluster.gateway)
    yield from _deployment(cluster, cluster.gateway)
    yield from _pods(cluster, cluster.gateway, istiod)


def _service(cluster: ClusterStatus, gateway: GatewaySeen) -> Iterator[Finding]:
    if GATEWAY_SERVICE in cluster.unseen:
        yield missing(links_gateway.SERVICE_MISSING, cluster, GATEWAY_SERVICE, "")
        return
    if not gateway.addresses:
        hint = "see its Service's events: is there a load balancer?"
        yield found(links_gateway.ADDRESS_MISSING, cluster.name, "the east-west gateway has no address", hint)
    if gateway.network != cluster.network:
        text = f"the gateway's Service is labelled for network {gateway.network or '(none)'}, not {cluster.network}"
        yield found(links_gateway.NETWORK_LABEL_WRONG, cluster.name, text, AGAIN)


def _deployment(cluster: ClusterStatus, gateway: GatewaySeen) -> Iterator[Finding]:
    if gateway.workload is None:
        text = "the east-west gateway has no Deployment"
        yield missing(links_gateway.GATEWAY_MISSING, cluster, GATEWAY_DEPLOYMENT, text, AGAIN)
    elif not gateway.workload.verdict.met:
        text = f"the east-west gateway: {gateway.workload.verdict.detail}"
        yield found(links_gateway.GATEWAY_DOWN, cluster.name, text, "see its pods in istio-system")


def _pods(cluster: ClusterStatus, gateway: GatewaySeen, istiod: Workload | None) -> Iterator[Finding]:
    stale = [one for one in gateway.proxies if istiod is not None and istiod.version and one != istiod.version]
    if stale:
        text = f"the gateway's proxy is {', '.join(stale)}, istiod {istiod.version if istiod else ''}"
        hint = "restart the gateway's Deployment: it comes back with the new proxy"
        yield found(status.PROXY_OF_ANOTHER_VERSION, cluster.name, text, hint)
    if gateway.bare:
        yield found(
            links_gateway.GATEWAY_BARE,
            cluster.name,
            f"gateway pods are not injected: {', '.join(gateway.bare)}",
            "delete them: they come back injected",
        )


def _remote(cluster: ClusterStatus, primary: ClusterStatus) -> Iterator[Finding]:
    access, discovery, probe = cluster.access, cluster.discovery, cluster.probe
    if access is not None and not access.verdict.met and not primary.silence:
        # What could not be asked is not well: an exit code of 0 is a promise.
        hint = f"the remote secret is on {primary.name}"
        yield found(links_remote.NOT_SYNCED, cluster.name, access.verdict.detail, hint)
    if discovery is not None and not discovery.verdict.met:
        hint = f"run meshctl install with the same options: it gives {cluster.name} the new address"
        yield found(links_remote.ADDRESS_DRIFTED, cluster.name, discovery.verdict.detail, hint)
    written = any(one.roots for one in cluster.trust if one.place == INJECTION)
    if cluster.resource("Istio") is not None and not written:
        text = "istiod has not written its root into the injection webhook"
        yield missing(links_remote.NOT_LED, cluster, INJECTOR, text, "it leads only where it is synced and allowed")
    if probe is not None and not probe.met:
        text = f"the operator's probe of istiod: {probe.detail}"
        yield found(links_remote.PROBE_FAILS, cluster.name, text)
    yield from _skew(cluster.resource("Istio"), primary.resource("Istio"), cluster.name)


def _skew(own: Resource | None, primary: Resource | None, name: str) -> Iterator[Finding]:
    if own and primary and own.version and primary.version and own.version != primary.version:
        text = f"its Istio is {own.version}, the primary's {primary.version}"
        yield found(status.ISTIO_OF_ANOTHER_VERSION, name, text)
