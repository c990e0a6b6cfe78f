"""The lab's named faults: what can be broken on purpose, at start or while it runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meshctl.errors import SpecError


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One thing that can be broken. `value` describes the value it takes, empty when it takes none."""

    name: str
    text: str
    value: str = ""
    default: str = ""


FAULT_KINDS: tuple[FaultKind, ...] = (
    FaultKind("lb-never", "the load balancer never hands out an address"),
    FaultKind("lb-absent", "there is no load balancer, and no address pool of one"),
    FaultKind("lb-late", "the load balancer takes this much longer", "seconds", "30"),
    FaultKind("lb-hostname", "the load balancer hands out a hostname", "name", "gateway.lab.invalid"),
    FaultKind("old-kubernetes", "the API server says that it is of this version", "version", "v1.27.16"),
    FaultKind("operator-absent", "the Sail operator and its CRDs are not installed"),
    FaultKind("operator-crashing", "the Sail operator is installed but never runs"),
    FaultKind("old-crd", "the operator's CRDs do not offer the newest Istio version"),
    FaultKind("crd-ahead", "the CRDs offer a version that the operator cannot install"),
    FaultKind("multus-missing", "the NetworkAttachmentDefinition CRD is not installed"),
    FaultKind("cni-broken", "the istio-cni-node pods never become ready"),
    FaultKind("istiod-not-ready", "istiod's pod never becomes ready"),
    FaultKind("webhook-refusing", "istiod's webhook port refuses connections"),
    FaultKind("webhook-blocked", "the east-west gateway's port 15017 drops packets"),
    FaultKind("xds-blocked", "the east-west gateway's port 15012 drops packets"),
    FaultKind("data-blocked", "the east-west gateway's port 15443 drops packets"),
    FaultKind("gateway-unreachable", "nothing reaches the east-west gateway: every packet to it is dropped"),
    FaultKind("api-429", "the API server answers 429 with Retry-After: 1 to this share of requests", "share", "0.5"),
    FaultKind("api-500", "the API server answers 500 to this share of requests", "share", "0.3"),
    FaultKind("api-slow", "every answer of the API server takes this much longer", "seconds", "1"),
    FaultKind("api-reset", "the API server resets this share of connections", "share", "0.3"),
    FaultKind("api-down", "the API server does not answer at all"),
    FaultKind("api-hidden", "pods of other clusters cannot reach this API server"),
    FaultKind("watch-gone", "watches end after a second with 410 Gone"),
    FaultKind("rbac-denied", "the user may not touch this resource", "resource", "secrets"),
    FaultKind("expired-token", "the user's credentials are no longer accepted"),
    FaultKind("reader-token-expired", "istiod's credentials for this cluster are no longer accepted"),
    FaultKind("wrong-root", "this cluster's cacerts come from another root"),
    FaultKind("stuck-finalizer", "the operator never lets go of what is deleted"),
    FaultKind("foreign-owner", "another field manager owns a field of the gateway Service and of the Istio resource"),
    FaultKind("clock-skew", "the API server's clock is off by this much", "seconds", "600"),
    FaultKind("slow-stop", "pods take this long to stop", "seconds", "10"),
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in force; an empty `cluster` means every cluster."""

    name: str
    value: str = ""
    cluster: str = ""

    def __str__(self) -> str:
        where = f"@{self.cluster}" if self.cluster else ""
        return f"{self.name}{where}" + (f"={self.value}" if self.value else "")


def parse_faults(texts: Iterable[str], clusters: Iterable[str]) -> tuple[Fault, ...]:
    """Read `NAME[@CLUSTER][=VALUE]`; raise SpecError naming every one that cannot be."""
    kinds = {kind.name: kind for kind in FAULT_KINDS}
    known = tuple(clusters)
    faults, problems = [], []
    for text in texts:
        head, _, value = text.partition("=")
        name, _, cluster = head.partition("@")
        problem = _problem(kinds.get(name), name, value, cluster, known)
        if problem:
            problems.append(f"--fault {text}: {problem}")
        else:
            faults.append(Fault(name, value or kinds[name].default, cluster))
    if problems:
        raise SpecError(problems, hint="meshctl lab fault --list shows every fault")
    return tuple(faults)


def _problem(kind: FaultKind | None, name: str, value: str, cluster: str, known: tuple[str, ...]) -> str:
    if kind is None:
        return f"there is no fault {name!r}"
    if cluster and cluster not in known:
        return f"there is no cluster {cluster!r} in this lab (it has {', '.join(known)})"
    if value and not kind.value:
        return "takes no value"
    if value and kind.value in ("seconds", "share"):
        try:
            number = float(value)
        except ValueError:
            return f"{value!r} is not a number"
        if number < 0 or (kind.value == "share" and number > 1):
            return f"{value!r} is out of range"
    return ""


class Faults:
    """The faults in force right now; asked by controllers and by the API servers."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults: tuple[Fault, ...] = tuple(faults)
        self._listeners: list[Callable[[], None]] = []

    def set(self, faults: Iterable[Fault]) -> None:
        """Replace what is in force, and tell those who listen."""
        self._faults = tuple(faults)
        for listener in tuple(self._listeners):
            listener()

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after every change from now on; return how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def all(self) -> tuple[Fault, ...]:
        """Return what is in force."""
        return self._faults

    def value(self, name: str, cluster: str) -> str | None:
        """Return the value of a fault on a cluster (maybe empty), or None when it is not in force there."""
        return next((f.value for f in self._faults if f.name == name and f.cluster in ("", cluster)), None)

    def on(self, name: str, cluster: str) -> bool:
        """Say whether a fault is in force on a cluster."""
        return self.value(name, cluster) is not None

    def number(self, name: str, cluster: str) -> float:
        """Return a fault's value as a number, 0 when it is not in force."""
        return float(self.value(name, cluster) or 0)
