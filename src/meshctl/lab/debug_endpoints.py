"""What istiod and its proxies tell about themselves when asked with their own tools."""

import json
from collections.abc import Iterable
from typing import Any

from meshctl.lab.controllers.shapes import container_of, env_of, name_of, namespace_of, pod_ready
from meshctl.lab.endpoints import Endpoint, Mesh, network_gateways
from meshctl.lab.istiods import Istiod
from meshctl.lab.network import injected

COUNTERS = ("cx_active", "cx_connect_fail", "cx_total", "rq_active", "rq_error", "rq_success", "rq_timeout")


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def clusterz(istiod: Istiod) -> str:
    """Return the clusters of an istiod and how far it is with each."""
    own = {"id": istiod.cluster_id, "secretName": "", "syncStatus": "synced"}
    remotes = [
        {"id": remote.id, "secretName": remote.secret, "syncStatus": str(remote.status)}
        for _, remote in sorted(istiod.remotes.items())
    ]
    return _json([own, *remotes])


def networkz(mesh: Mesh) -> str:
    """Return the network gateways an istiod knows."""
    entries = [
        {"Network": way.network, "Cluster": way.cluster, "Addr": way.address, "Port": way.port}
        for way in network_gateways(mesh)
    ]
    return _json(entries)


def syncz(mesh: Mesh, version: str) -> str:
    """Return the proxies that are connected to an istiod."""
    entries = []
    for cluster_id, place in sorted(mesh.places.items()):
        for pod in place.pods:
            claimed = env_of(container_of(pod, "istio-proxy")).get("ISTIO_META_CLUSTER_ID", "")
            if injected(pod) and pod_ready(pod) and claimed == cluster_id:
                nonces = {f"{kind}_{step}": "1" for kind in ("cluster", "listener") for step in ("sent", "acked")}
                proxy = f"{name_of(pod)}.{namespace_of(pod)}"
                entries.append({"cluster_id": cluster_id, "proxy": proxy, "istio_version": version, **nonces})
    return _json(entries)


def cluster_lines(host: str, port: int, found: Iterable[Endpoint], sent: dict[str, int]) -> str:
    """Return a proxy's view of one Service, in the format of Envoy's /clusters; `sent` counts requests by address."""
    name = f"outbound|{port}||{host}"
    lines = [
        f"{name}::observability_name::{name}",
        f"{name}::default_priority::max_connections::4294967295",
        f"{name}::added_via_api::true",
    ]
    for address in sorted({endpoint.address for endpoint in found}):
        numbers = dict.fromkeys(COUNTERS, 0) | {"rq_success": sent.get(address, 0), "rq_total": sent.get(address, 0)}
        lines += [f"{name}::{address}::{counter}::{number}" for counter, number in numbers.items()]
        lines += [f"{name}::{address}::health_flags::healthy", f"{name}::{address}::weight::1"]
    return "".join(f"{line}\n" for line in lines)
