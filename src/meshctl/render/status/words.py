"""How single facts of a status report are said, the same way in the terminal and on the page."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from meshctl.certs.material import Severity
from meshctl.certs.reading import short
from meshctl.checks.status.model import (
    Access,
    CertificateSeen,
    ClusterStatus,
    GatewaySeen,
    Health,
    Operator,
    Resource,
    StatusReport,
    Workload,
)
from meshctl.render.text import count

STYLES: Mapping[Health, str] = MappingProxyType(
    {Health.WELL: "green", Health.WARNING: "yellow", Health.BROKEN: "red", Health.UNKNOWN: "magenta"}
)
NOBODY = "-"


def verdict(report: StatusReport) -> str:
    """Return the one sentence that a reader in a hurry needs."""
    size = count(len(report.clusters), "cluster")
    if not report.installed:
        silent = sum(bool(one.silence) for one in report.clusters)
        seen = len(report.clusters) - silent
        if silent:
            return f"no mesh is to be seen: {silent} of {size} {'does' if silent == 1 else 'do'} not answer"
        return f"no mesh is installed on {'it' if seen == 1 else 'any of'} {size}"
    facts = f"{size}, Istio {report.version}, managed by {', '.join(report.managers) or 'nobody that says so'}"
    if report.healthy:
        return f"{report.mesh_id} is healthy: {facts}"
    if report.sound:
        return f"{report.mesh_id} cannot be judged whole: not all of it may be read; {facts}"
    return f"{report.mesh_id} is NOT healthy: {facts}"


def unjudged(report: StatusReport) -> Iterator[str]:
    """Yield, for each cluster of which not enough may be read, the links that nothing can be said of."""
    for cluster in report.clusters:
        links = [one.link for one in report.unjudged if one.cluster == cluster.name]
        if links:
            yield f"{cluster.name}: not known whether {'; '.join(links)}"


def heading(report: StatusReport) -> str:
    """Return what stands above the problems: warnings alone are none."""
    return "Problems" if any(one.severity is Severity.ERROR for one in report.problems) else "Worth a look"


def age(since: datetime | None, now: datetime) -> str:
    """Return how old something is, in the largest unit that says enough."""
    if since is None:
        return NOBODY
    seconds = max(int((now - since).total_seconds()), 0)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def until(moment: datetime, now: datetime) -> str:
    """Return a day of expiry, and how far it is."""
    left = "EXPIRED" if moment <= now else f"in {count((moment - now).days, 'day')}"
    return f"{moment:%Y-%m-%d} ({left})"


def certificate(one: CertificateSeen) -> str:
    """Return who a certificate is."""
    return f"{fingerprint(one)} {one.subject}"


def fingerprint(one: CertificateSeen) -> str:
    """Return the beginning of a certificate's SHA-256 fingerprint."""
    return short(one.fingerprint).removeprefix("SHA-256 ")


def version(text: str) -> str:
    """Return a version, or a stand-in for one that is not known."""
    return text or NOBODY


def ready(workload: Workload | None) -> str:
    """Return how many pods of a Deployment are ready."""
    return "none" if workload is None else f"{workload.ready}/{workload.wanted} ready"


def operator(one: Operator | None) -> str:
    """Return the operator's version and pods."""
    return "not seen" if one is None else f"{version(one.version)}, {one.ready}/{one.wanted} ready"


def state(resource: Resource) -> str:
    """Return how a Sail resource is: one word when it is well, else why not."""
    if resource.verdict.met:
        return resource.state
    lag = f" (generation {resource.generation}, observed {resource.observed or 'none'})"
    return resource.verdict.detail + (lag if resource.observed != resource.generation else "")


def gateway(one: GatewaySeen) -> str:
    """Return a gateway in a few words: where it is, and its pods."""
    pods = "no Deployment" if one.workload is None else f"{one.workload.ready}/{one.workload.wanted}"
    return f"{', '.join(one.addresses) or 'no address'}, {pods}"


def gateway_health(one: GatewaySeen) -> Health:
    """Return how a gateway is by itself."""
    fine = one.addresses and one.workload and one.workload.verdict.met and not one.bare
    return Health.WELL if fine else Health.BROKEN


def sync(access: Access | None) -> str:
    """Return how far istiod is with a remote, in two words."""
    words = {Health.WELL: "synced", Health.BROKEN: "NOT synced"}
    return words.get(access.health, "not known") if access else "not known"


def place(cluster: ClusterStatus) -> str:
    """Return what a cluster is, and where."""
    return f"{cluster.role}, {cluster.network}"


def abridged(names: Sequence[str], most: int = 4) -> str:
    """Return names, the middle left out when they are many."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 1])} … {names[-1]}"
