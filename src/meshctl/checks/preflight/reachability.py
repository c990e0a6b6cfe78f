"""Whether every cluster answered, and is the one that was meant."""

from collections.abc import Iterator, Mapping

from meshctl.checks.catalog.preflight.reachability import API_SILENT, CLOCK_OFF, NOT_LOGGED_IN, SAME_CLUSTER
from meshctl.checks.finding import Finding, found
from meshctl.checks.preflight.survey import Survey
from meshctl.errors import ClusterError, MeshctlError

CLOCK_TOLERANCE = 60.0
UNAUTHORIZED = 401


def refused(cluster: str, why: MeshctlError) -> Finding:
    """Return the finding for a cluster that gave an error for an answer."""
    unknown = isinstance(why, ClusterError) and why.status == UNAUTHORIZED
    text = why.message.removeprefix(f"{cluster}: ")
    hint = why.hint or ("log in again" if unknown else "is it up, and reached from here (VPN, proxy, kubeconfig)?")
    return found(NOT_LOGGED_IN if unknown else API_SILENT, cluster, text, hint)


def twins(seen: Mapping[str, Survey]) -> dict[str, str]:
    """Return the clusters that are another one of the mesh, each with the first that it is."""
    first: dict[str, str] = {}
    same = {name: first.setdefault(one.uid, name) if one.uid else name for name, one in seen.items()}
    return {name: other for name, other in same.items() if other != name}


def same_cluster(seen: Mapping[str, Survey]) -> Iterator[Finding]:
    """Yield every cluster that is another one of the mesh."""
    for name, other in twins(seen).items():
        text = f"is the same cluster as {other} (kube-system has the same UID)"
        yield found(SAME_CLUSTER, name, text, "name another context")


def clock(one: Survey) -> Iterator[Finding]:
    """Say how far a cluster's clock is off, when it is."""
    if abs(one.clock) > CLOCK_TOLERANCE:
        way = "ahead of" if one.clock > 0 else "behind"
        text = f"its clock is {abs(one.clock):.0f} s {way} this machine's: certificates and tokens may not be valid yet"
        yield found(CLOCK_OFF, one.cluster, text, "let every clock be set by NTP")
