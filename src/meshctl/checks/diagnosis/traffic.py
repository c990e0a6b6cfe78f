"""Links that only traffic uses: ports from the other side, and what istiod and proxies know of the other clusters."""

from collections.abc import Iterator

from meshctl.checks.diagnosis.case import Broken, Case, UnseenError
from meshctl.checks.diagnosis.remotes import live
from meshctl.checks.evidence import SAMPLES
from meshctl.checks.knocking import DATA_PORT, HEALTH_PORT, WEBHOOK_PORT, XDS_PORT, Knock
from meshctl.checks.probes import is_injected, running
from meshctl.names import INJECTOR, PROBE_REASON, PROBE_STATUS
from meshctl.objects import dig
from meshctl.spec import Cluster
from meshctl.spec.addresses import bracketed

PROBE_DROPPED, PROBE_REFUSED = ("deadline exceeded", "i/o timeout"), "connection refused"
HOW = {Knock.DROPPED: "packets are dropped", Knock.REFUSED: "connections are refused"}


def gateway_reachable(case: Case, cluster: Cluster) -> Broken | None:
    """Whether anything at all of the primary's gateway can be reached from the remote."""
    ports = (HEALTH_PORT, XDS_PORT, WEBHOOK_PORT, DATA_PORT)
    found = [_knocked(case, cluster, case.primary, port) for port in ports]
    if any(knock is not Knock.DROPPED for knock in found):
        return None
    where = ", ".join(live(case))
    text = f"{cluster.name} reaches no port of {case.primary.name}'s gateway at {where}: packets are dropped"
    seen = f"tried from the gateway of {cluster.name}: {', '.join(map(str, ports))}"
    hint = (
        f"open TCP {', '.join(map(str, ports))} from the nodes of {cluster.name} to {where}, or mend its load balancer"
    )
    return Broken(text, (seen,), hint=hint)


def webhook_port(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the remote reaches 15017 of the primary's gateway, by the operator's probe and from its gateway."""
    reason = _reason(case, cluster)
    found = Knock.DROPPED if any(marker in reason for marker in PROBE_DROPPED) else None
    if PROBE_REFUSED in reason:
        found = Knock.REFUSED
    seen = (f"probe of the operator: {reason}",) if found else ()
    return _closed(case, cluster, WEBHOOK_PORT, found, seen)


def xds_port(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the remote's proxies reach 15012 of the primary's gateway: no status shows it when they do not."""
    return _closed(case, cluster, XDS_PORT)


def _closed(
    case: Case, cluster: Cluster, port: int, found: Knock | None = None, seen: tuple[str, ...] = ()
) -> Broken | None:
    tried = _tried(case, cluster, case.primary, port)
    ended = found or tried
    if ended is None:
        raise UnseenError(f"port {port} was not tried from {cluster.name}: no gateway pod there could")
    if ended is Knock.REACHED:
        return None
    where = ", ".join(live(case))
    text = f"{cluster.name} does not reach port {port} of {case.primary.name}'s gateway at {where}: {HOW[ended]}"
    more = (f"curl in the gateway of {cluster.name}: {tried}",) if tried else ()
    return Broken(text, (*seen, *more), hint=f"open TCP {port} from the nodes of {cluster.name} to {where}")


def data_port(case: Case, cluster: Cluster) -> Broken | None:
    """Whether this remote and every other cluster reach each other's 15443."""
    pairs = [(cluster, case.primary), (case.primary, cluster)]
    pairs += [(cluster, other) for other in case.mesh.remotes if other != cluster]
    found = [(source, target, _tried(case, source, target, DATA_PORT)) for source, target in pairs]
    if all(knock is None for _, _, knock in found):
        raise UnseenError(f"port {DATA_PORT} was not tried from {cluster.name}: no gateway pod there could")
    texts, seen, ways = [], [], []
    for source, target, knock in found:
        # Another remote's gateway that refuses is a broken link of its own chain.
        if knock is Knock.DROPPED or (knock is Knock.REFUSED and case.primary in (source, target)):
            where = ", ".join(case.trials.addresses.get(target.name, ()))
            gateway = f"port {DATA_PORT} of {target.name}'s gateway at {where}"
            texts.append(f"{source.name} does not reach {gateway}: {HOW[knock]}")
            seen.append(f"curl in the gateway of {source.name}, to {where}: {knock}")
            ways.append(f"open TCP {DATA_PORT} from the nodes of {source.name} to {where}")
    return Broken("; ".join(texts), tuple(seen), hint="; ".join(ways)) if texts else None


def _tried(case: Case, source: Cluster, target: Cluster, port: int) -> Knock | None:
    doors = case.trials.doors.get(source.name, {})
    return next((knock for door, knock in doors.items() if (door.cluster, door.port) == (target.name, port)), None)


def _knocked(case: Case, source: Cluster, target: Cluster, port: int) -> Knock:
    knock = _tried(case, source, target, port)
    if knock is None:
        raise UnseenError(f"port {port} was not tried from {source.name}: no gateway pod there could")
    return knock


def _reason(case: Case, cluster: Cluster) -> str:
    annotations = dig(case.get(cluster, INJECTOR), "metadata", "annotations") or {}
    return str(annotations.get(PROBE_REASON) or "") if annotations.get(PROBE_STATUS) == "false" else ""


def ways_known(case: Case, cluster: Cluster) -> Broken | None:
    """Whether istiod knows a gateway into the network of the primary, and into that of this remote."""
    ways = case.trials.ways
    if ways is None:
        raise UnseenError("istiod did not tell which gateways it knows")
    lost = [one for one in (case.primary, cluster) if one.network not in ways]
    if not lost or case.primary.network == cluster.network:
        return None
    seen = "; ".join(f"{network}: {', '.join(known)}" for network, known in sorted(ways.items())) or "none"
    names = " and ".join(f"{one.network} ({one.name})" for one in lost)
    show = case.system(lost[0], "get", "service", "istio-eastwestgateway", "-o", "yaml")
    return Broken(f"istiod knows no gateway into {names}", (f"debug/networkz: {seen}",), hint=f"look at it: {show}")


def endpoints_known(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the sample's clients know the gateway of the other side as an endpoint, where the samples run."""
    pairs = [(cluster, case.primary), (case.primary, cluster)]
    asked = [pair for pair in pairs if pair[0].name in case.trials.clients and _serves(case, pair[1])]
    if not asked:
        raise UnseenError("no sample runs whose client could be asked for its endpoints: meshctl verify deploys it")
    for source, target in asked:
        known = case.trials.clients[source.name]
        wanted = {f"{bracketed(address)}:{DATA_PORT}" for address in case.trials.addresses.get(target.name, ())}
        if wanted and source.network != target.network and not wanted & known:
            seen = f"it knows {', '.join(sorted(known)) or 'none'}, but not {', '.join(sorted(wanted))}"
            text = f"the client's proxy on {source.name} does not know helloworld on {target.name}"
            rules = "destinationrules,sidecars,peerauthentications"
            namespace = case.mesh.sample_namespace
            show = case.kubectl(case.primary, "-n", namespace, "get", rules, "-o", "yaml")
            return Broken(text, (seen,), hint=f"is the Service there on both sides, and mTLS on? {show}")
    return None


def _serves(case: Case, cluster: Cluster) -> bool:
    return any(_serving(case, cluster))


def _serving(case: Case, cluster: Cluster) -> Iterator[bool]:
    for pod in running(case.all(cluster, SAMPLES)):
        yield dig(pod, "metadata", "labels", "app") == "helloworld" and is_injected(pod)
