"""What reading does not show, tried: dry runs, reviews of tokens, ports from the other side. Nothing is stored."""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from meshctl.checks.knocking import Door, Knock, knock
from meshctl.checks.probes import EXEC_TIMEOUT, injection_works
from meshctl.cluster import Client
from meshctl.errors import ClusterError, MeshctlError, StoppedError
from meshctl.names import ISTIO_SYSTEM, TOKEN_REVIEW
from meshctl.objects import Manifest, Verdict, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trials:
    """What was tried, by cluster; what is missing was not tried, or could not be.

    `addresses` are the IPs that lead to a cluster's gateway, hostnames resolved. `injections` are dry runs of a gateway
    pod. `tokens` says whether a remote accepts the token in its remote secret. `doors` is what became of connections
    from a cluster's gateway to those of the others. `ways` are the gateways that istiod knows, by network, None when it
    did not tell. `clients` are the endpoints of the sample that a client's proxy knows.
    """

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    injections: Mapping[str, Verdict] = field(default_factory=dict)
    tokens: Mapping[str, bool] = field(default_factory=dict)
    doors: Mapping[str, Mapping[Door, Knock]] = field(default_factory=dict)
    ways: Mapping[str, tuple[str, ...]] | None = None
    clients: Mapping[str, frozenset[str]] = field(default_factory=dict)


def tried(work: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Do all of it at the same time; what cannot be tried is left out."""

    def one(do: Callable[[], T]) -> T | MeshctlError:
        try:
            return do()
        except StoppedError:
            raise
        except MeshctlError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        answers = dict(zip(work, pool.map(one, work.values()), strict=True))
    return {name: answer for name, answer in answers.items() if not isinstance(answer, MeshctlError)}


def inject(clients: Clients, cluster: Cluster) -> Callable[[], Verdict]:
    """Return the dry run of a gateway pod."""
    return lambda: injection_works(clients, cluster)


def review(client: Client, token: str) -> Callable[[], bool]:
    """Return the question to a cluster whether it accepts a token."""
    asked: Manifest = {"apiVersion": TOKEN_REVIEW.api_version, "kind": TOKEN_REVIEW.name, "spec": {"token": token}}
    return lambda: dig(client.create(asked), "status", "authenticated") is True


def knocked(client: Client, pod: str, doors: Iterable[Door]) -> Callable[[], dict[Door, Knock]]:
    """Return the attempt to connect from a gateway pod."""
    return lambda: knock(client, pod, doors)


NETWORKZ = ("pilot-discovery", "request", "GET", "/debug/networkz")
CLUSTERS = ("pilot-agent", "request", "GET", "clusters")
SAMPLE_PORT = 5000


def known_ways(client: Client, pod: str) -> Callable[[], dict[str, tuple[str, ...]]]:
    """Return the question to an istiod which gateways it knows, by network."""
    return lambda: parse_networkz(client.exec(pod, ISTIO_SYSTEM, "discovery", NETWORKZ, EXEC_TIMEOUT).stdout)


def parse_networkz(text: str) -> dict[str, tuple[str, ...]]:
    """Read istiod's list of network gateways: each has `Network`, `Cluster`, `Addr` and `Port`."""
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ClusterError("debug/networkz is not JSON") from error
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries if isinstance(entries, list) else []:
        where = f"{dig(entry, 'Addr')}:{dig(entry, 'Port')}"
        network = str(dig(entry, "Network"))
        found[network] = (*found.get(network, ()), where)
    return found


def known_endpoints(client: Client, pod: str, namespace: str) -> Callable[[], frozenset[str]]:
    """Return the question to a client's proxy which endpoints of the sample it knows."""
    host = f"helloworld.{namespace}.svc.cluster.local"
    return lambda: parse_clusters(client.exec(pod, namespace, "istio-proxy", CLUSTERS, EXEC_TIMEOUT).stdout, host)


def parse_clusters(text: str, host: str) -> frozenset[str]:
    """Read the endpoints of a service from what Envoy says of its clusters: `NAME::ADDRESS:PORT::STATISTIC::VALUE`."""
    prefix = f"outbound|{SAMPLE_PORT}||{host}::"
    parts = (line.removeprefix(prefix).rsplit("::", 2) for line in text.splitlines() if line.startswith(prefix))
    return frozenset(part[0] for part in parts if part[0].rpartition(":")[2].isdecimal() and len(part) == 3)
