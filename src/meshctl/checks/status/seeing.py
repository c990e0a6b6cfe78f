"""Objects to what `status` shows of them: one cluster's sight becomes one cluster's status."""

from collections.abc import Iterable
from dataclasses import replace

from meshctl import conditions as is_
from meshctl.checks import evidence as seen
from meshctl.checks.evidence import IstiodView, Sight
from meshctl.checks.probes import is_injected, proxies, running
from meshctl.checks.status.links import access, discovery
from meshctl.checks.status.model import (
    ClusterStatus,
    ConditionSeen,
    GatewaySeen,
    Operator,
    Resource,
    Role,
    Workload,
)
from meshctl.checks.status.trust import signing_certificate, trusted
from meshctl.names import (
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIOD,
    NETWORK_LABEL,
    THE_CNI,
    THE_ISTIO,
)
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster


def primary_status(cluster: Cluster, sight: Sight) -> ClusterStatus:
    """Return what the primary's sight shows."""
    return _cluster(cluster, sight, Role.PRIMARY)


def remote_status(
    cluster: Cluster, sight: Sight, primary: Sight | None, views: tuple[IstiodView, ...], live: tuple[str, ...]
) -> ClusterStatus:
    """Return what a remote's sight shows, with what the primary knows of it.

    `live` are the addresses by which the primary's gateway is reached now.
    """
    injector = sight.get(INJECTOR)
    return replace(
        _cluster(cluster, sight, Role.REMOTE),
        access=access(cluster.name, primary, sight, views),
        discovery=discovery(sight, live),
        probe=is_.probe_passed(injector) if injector is not None else None,
    )


def silent_status(cluster: Cluster, role: Role, why: str, advice: str) -> ClusterStatus:
    """Return a cluster that did not answer."""
    return ClusterStatus(cluster.name, cluster.context, cluster.network, role, silence=why, advice=advice)


def _cluster(cluster: Cluster, sight: Sight, role: Role) -> ClusterStatus:
    found = (resource(sight.get(ref)) for ref in (THE_CNI, THE_ISTIO))
    return ClusterStatus(
        cluster.name,
        cluster.context,
        cluster.network,
        role,
        server=sight.server,
        kubernetes=sight.version,
        operator=operator(sight.all(seen.OPERATORS)),
        resources=tuple(one for one in found if one is not None),
        istiod=workload(sight.get(ISTIOD)),
        gateway=gateway(cluster, sight),
        trust=tuple(trusted(sight)),
        signing=signing_certificate(sight),
        hidden=sight.hidden,
        unseen=sight.unseen,
    )


def resource(obj: Manifest | None) -> Resource | None:
    """Return a Sail resource as it is seen."""
    if obj is None:
        return None
    return Resource(
        kind=str(obj.get("kind")),
        name=str(dig(obj, "metadata", "name")),
        version=str(dig(obj, "spec", "version") or "").removeprefix("v"),
        state=str(dig(obj, "status", "state") or ""),
        conditions=tuple(
            ConditionSeen(*(str(one.get(key) or "") for key in ("type", "status", "reason", "message")))
            for one in dig(obj, "status", "conditions") or []
        ),
        generation=int(dig(obj, "metadata", "generation") or 0),
        observed=dig(obj, "status", "observedGeneration"),
        managers=tuple(is_.owners_of_version(obj)),
        verdict=is_.sail_healthy(obj),
    )


def workload(deployment: Manifest | None) -> Workload | None:
    """Return a Deployment as it is seen."""
    if deployment is None:
        return None
    wanted = dig(deployment, "spec", "replicas")
    images = [one.get("image") for one in dig(deployment, "spec", "template", "spec", "containers") or []]
    return Workload(
        name=str(dig(deployment, "metadata", "name")),
        ready=int(dig(deployment, "status", "readyReplicas") or 0),
        wanted=1 if wanted is None else int(wanted),
        version=next(filter(None, map(tag_of, images)), ""),
        verdict=is_.rolled_out(deployment),
    )


def gateway(cluster: Cluster, sight: Sight) -> GatewaySeen | None:
    """Return the east-west gateway, None when there is nothing of it."""
    service, deployment = sight.get(GATEWAY_SERVICE), sight.get(GATEWAY_DEPLOYMENT)
    if service is None and deployment is None:
        return None
    pods = running(sight.all(seen.GATEWAY_POD_LIST))
    return GatewaySeen(
        addresses=tuple([cluster.gateway_address] if cluster.gateway_address else is_.ingress_of(service)),
        network=str(dig(service, "metadata", "labels", NETWORK_LABEL) or ""),
        workload=workload(deployment),
        proxies=tuple(sorted({tag_of(one.get("image")) for pod in pods if is_injected(pod) for one in proxies(pod)})),
        bare=tuple(str(dig(pod, "metadata", "name")) for pod in pods if not is_injected(pod)),
    )


def operator(deployments: Iterable[Manifest]) -> Operator | None:
    """Return the Sail operator, None when none is to be seen."""
    found = [(workload(one), one) for one in deployments]
    # There may be the rest of another one: what is ready is what works.
    ranked = sorted(((one, obj) for one, obj in found if one is not None), key=lambda pair: -pair[0].ready)
    if not ranked:
        return None
    best, obj = ranked[0]
    version = str(dig(obj, "metadata", "labels", "app.kubernetes.io/version") or "") or best.version
    return Operator(best.name, version, best.ready, best.wanted)


def tag_of(image: object) -> str:
    """Return the tag of an image reference, empty when it has none."""
    name = str(image or "").partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]
