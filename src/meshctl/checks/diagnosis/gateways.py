"""Links of every east-west gateway, and of what the primary exposes by its own."""

from collections.abc import Iterator

from meshctl import conditions as is_
from meshctl.checks.diagnosis.case import Broken, Case, UnseenError
from meshctl.checks.evidence import GATEWAY_POD_LIST, GATEWAYS, ROUTES
from meshctl.checks.gateway_pods import obstacle
from meshctl.checks.knocking import DATA_PORT, WEBHOOK_PORT, XDS_PORT
from meshctl.checks.probes import is_injected, is_leaving, proxy_env, running
from meshctl.names import GATEWAY_DEPLOYMENT, GATEWAY_SERVICE, ISTIO_SYSTEM, NETWORK_LABEL
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster

ISTIOD_TARGETS = {XDS_PORT: 15012, WEBHOOK_PORT: 443}
"""To which port of the Service istiod each port of the primary's gateway has to lead."""


def service_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether there is a gateway Service."""
    if case.get(cluster, GATEWAY_SERVICE) is not None:
        return None
    return Broken(f"{cluster.name} has no east-west gateway Service", (f"{GATEWAY_SERVICE} is not there",), case.repair)


def service_labelled(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the gateway Service says which network it leads into."""
    found = dig(_service(case, cluster), "metadata", "labels", NETWORK_LABEL)
    if found == cluster.network:
        return None
    seen = f"{GATEWAY_SERVICE} has {NETWORK_LABEL}={found}" if found else f"{GATEWAY_SERVICE} has no such label"
    text = f"the gateway Service of {cluster.name} lacks the label {NETWORK_LABEL}={cluster.network}"
    return Broken(text, (seen,), case.repair)


def service_ports(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the gateway Service has the ports that others need, leading to the same ports of the pods."""
    wanted = (DATA_PORT,) if case.is_remote(cluster) else (XDS_PORT, WEBHOOK_PORT, DATA_PORT)
    entries = dig(_service(case, cluster), "spec", "ports") or []
    ports = {entry.get("port"): entry.get("targetPort", entry.get("port")) for entry in entries}
    lost = [str(port) for port in wanted if port not in ports]
    # A named port leads wherever the pods say.
    astray = [f"{port} → {ports[port]}" for port in wanted if isinstance(ports.get(port), int) and ports[port] != port]
    if not lost and not astray:
        return None
    seen = [f"its ports: {', '.join(str(port) for port in ports) or 'none'}"] if lost else []
    seen += [f"leads elsewhere: {', '.join(astray)}"] if astray else []
    numbers = " and ".join(lost or astray)
    return Broken(f"the gateway Service of {cluster.name} lacks port {numbers}", tuple(seen), case.repair)


def address_given(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the gateway has an address."""
    verdict = is_.has_address(_service(case, cluster))
    if verdict.met or cluster.gateway_address:
        return None
    describe = case.system(cluster, "describe", "service", GATEWAY_SERVICE.name)
    hint = f"see why: {describe}; or give an address that leads to it: --gateway-address {cluster.name}=IP"
    return Broken(f"the gateway of {cluster.name} has no address", (verdict.detail,), hint=hint)


def _service(case: Case, cluster: Cluster) -> Manifest:
    service = case.get(cluster, GATEWAY_SERVICE)
    if service is None:
        raise UnseenError(f"{cluster.name} has no gateway Service")
    return service


def gateway_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether there is a gateway Deployment."""
    if case.get(cluster, GATEWAY_DEPLOYMENT) is not None:
        return None
    seen = (f"{GATEWAY_DEPLOYMENT} is not there",)
    return Broken(f"{cluster.name} has no east-west gateway Deployment", seen, case.repair)


def gateway_injected(case: Case, cluster: Cluster) -> Broken | None:
    """Whether every gateway pod went through istiod's webhook."""
    pods = [pod for pod in case.all(cluster, GATEWAY_POD_LIST) if not is_leaving(pod)]
    bare = [str(dig(pod, "metadata", "name")) for pod in pods if not is_injected(pod)]
    if not bare:
        return None
    seen = (f"not injected, image auto: {', '.join(bare)}",)
    return Broken(f"the gateway pods of {cluster.name} are not injected", seen, case.repair)


def gateway_named(case: Case, cluster: Cluster) -> Broken | None:
    """Whether every gateway pod has the name and the network of its cluster."""
    wrong = [
        f"{dig(pod, 'metadata', 'name')}: {trouble}"
        for pod in running(case.all(cluster, GATEWAY_POD_LIST))
        for trouble in _misnamed(cluster, proxy_env(pod))
    ]
    if not wrong:
        return None
    text = f"gateway pods of {cluster.name} were injected under another name"
    return Broken(text, tuple(wrong), case.repair)


def _misnamed(cluster: Cluster, env: dict[str, str]) -> Iterator[str]:
    for variable, wanted in (("ISTIO_META_CLUSTER_ID", cluster.name), ("ISTIO_META_NETWORK", cluster.network)):
        if env.get(variable, wanted) != wanted:
            yield f"{variable}={env[variable]}, not {wanted}"


def gateway_ready(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the gateway is rolled out."""
    deployment = case.get(cluster, GATEWAY_DEPLOYMENT)
    verdict = is_.rolled_out(deployment)
    if verdict.met:
        return None
    text = f"the east-west gateway of {cluster.name} is not available"
    pods = case.all(cluster, GATEWAY_POD_LIST)
    why = tuple(filter(None, (obstacle(pod, case.mesh, cluster) for pod in pods)))
    refused = is_.condition_of(deployment, "ReplicaFailure").get("status") == "True"
    idle = dig(deployment, "spec", "replicas") == 0
    if idle or refused:
        return Broken(text, (verdict.detail, *why), case.repair)
    describe = case.system(cluster, "describe", "pods", "-l", "istio=eastwestgateway")
    return Broken(text, (verdict.detail, *why), hint=f"see why: {describe}")


def istiod_exposed(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the primary's gateway passes 15012 and 15017 through to istiod."""
    gateways = case.all(cluster, GATEWAYS)
    routes = case.all(cluster, ROUTES)
    wrong = []
    for port, target in ISTIOD_TARGETS.items():
        opened = [one for one in gateways if opens(one, port, "PASSTHROUGH")]
        if not opened:
            wrong.append(f"no Gateway opens {port} with TLS mode PASSTHROUGH")
        elif not any(leads(route, one, port, target) for route in routes for one in opened):
            wrong.append(f"no VirtualService leads {port} to istiod, port {target}")
    return Broken(f"{cluster.name} does not expose istiod", tuple(wrong), case.repair) if wrong else None


def services_exposed(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the gateways of all clusters open 15443: Gateways are read on the primary alone."""
    if any(opens(one, DATA_PORT, "AUTO_PASSTHROUGH") for one in case.all(cluster, GATEWAYS)):
        return None
    seen = (f"no Gateway in {ISTIO_SYSTEM} opens {DATA_PORT} with TLS mode AUTO_PASSTHROUGH",)
    return Broken(f"{cluster.name} does not expose the services", seen, case.repair)


def opens(gateway: Manifest, port: int, mode: str) -> bool:
    """Say whether a Gateway makes the east-west gateways listen on a port, in this TLS mode."""
    selector = dig(gateway, "spec", "selector") or {}
    chosen = {"istio": "eastwestgateway", "app": "istio-eastwestgateway"}
    if not any(selector.get(key) == value for key, value in chosen.items()):
        return False
    return any(
        dig(server, "port", "number") == port and dig(server, "tls", "mode") == mode
        for server in dig(gateway, "spec", "servers") or []
    )


def leads(route: Manifest, gateway: Manifest, port: int, target: int) -> bool:
    """Say whether a VirtualService leads a Gateway's port to this port of istiod."""
    name, namespace = (str(dig(gateway, "metadata", key) or "") for key in ("name", "namespace"))
    if not {name, f"{namespace}/{name}"} & set(dig(route, "spec", "gateways") or []):
        return False
    for rule in dig(route, "spec", "tls") or []:
        if any(match.get("port", port) == port for match in rule.get("match") or []):
            there = dig(rule, "route", 0, "destination") or {}
            return str(there.get("host", "")).startswith("istiod") and dig(there, "port", "number") == target
    return False
