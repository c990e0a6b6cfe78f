"""What `status` knows of a mesh: frozen, without one secret value, so that any renderer may show all of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from meshctl.certs.material import Severity
from meshctl.checks.finding import Finding
from meshctl.objects import Ref, Verdict


class Role(StrEnum):
    """What a cluster is in the mesh."""

    PRIMARY = "primary"
    REMOTE = "remote"


class Health(StrEnum):
    """How a part is. Unknown is what could not be asked; it is never taken for well."""

    WELL = "well"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ConditionSeen:
    """One status condition as the operator wrote it."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A Sail resource. `observed` is None before its first status; `managers` are the owners of its version."""

    kind: str
    name: str
    version: str
    state: str
    conditions: tuple[ConditionSeen, ...]
    generation: int
    observed: int | None
    managers: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment: how many pods are ready, how many it wants, which version it runs."""

    name: str
    ready: int
    wanted: int
    version: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class GatewaySeen:
    """An east-west gateway: its Service's addresses and network label, and the pods behind it.

    `proxies` are the versions of its injected proxies, `bare` the running pods that are not injected.
    """

    addresses: tuple[str, ...]
    network: str
    workload: Workload | None
    proxies: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """Where a remote looks for istiod, against where the primary's gateway is now."""

    used: tuple[str, ...]
    live: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class View:
    """What one istiod pod says of one remote: its `syncStatus`, `unknown`, or why there was no answer."""

    pod: str
    status: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """How istiod gets into a remote: the remote secret on the primary, the reader's token, and every istiod's view.

    `verdict.detail` is what is wrong; dates are None where there is nothing, or nothing may be seen.
    """

    secret: str
    secret_made: datetime | None
    token_made: datetime | None
    views: tuple[View, ...]
    verdict: Verdict
    health: Health


@dataclass(frozen=True, slots=True)
class CertificateSeen:
    """One certificate: who it is, its SHA-256 fingerprint in hexadecimal, and until when it is valid."""

    subject: str
    fingerprint: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class Trusted:
    """The roots that one object on a cluster holds, by its name; none when it is empty or cannot be read."""

    place: str
    roots: tuple[CertificateSeen, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """The Sail operator: its version where it says one, and its pods."""

    name: str
    version: str
    ready: int
    wanted: int


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster. `silence` is why it did not answer; everything about it is then empty but `advice`, what to do.

    `unseen` are objects and collections that may not be read, with a sentence for each in `hidden`. `signing` is the
    certificate in `cacerts` that a cluster's istiod signs with. `probe` is what the operator's own probe of a remote
    says.
    """

    name: str
    context: str
    network: str
    role: Role
    server: str = ""
    silence: str = ""
    kubernetes: str = ""
    operator: Operator | None = None
    resources: tuple[Resource, ...] = ()
    istiod: Workload | None = None
    gateway: GatewaySeen | None = None
    access: Access | None = None
    discovery: Discovery | None = None
    probe: Verdict | None = None
    trust: tuple[Trusted, ...] = ()
    signing: CertificateSeen | None = None
    hidden: tuple[str, ...] = ()
    advice: str = ""
    unseen: frozenset[Ref | str] = frozenset()

    def resource(self, kind: str) -> Resource | None:
        """Return the Istio or the IstioCNI, None when there is none."""
        return next((one for one in self.resources if one.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as the command line and the mesh file ask for it."""

    cluster: str
    what: str
    asked: str
    found: str


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A link of a cluster's chain that nothing can be said of, because this user may not read what it is judged by."""

    cluster: str
    link: str
    why: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole mesh at one moment; the primary comes first.

    `problems` hold errors before warnings, causes before effects. `open_links` are the first broken link of the chain,
    or that of each remote, as far as objects show it; `broken` the same after a closer look, where one was taken.
    `unjudged` are the links that nothing can be said of. `options` name this mesh on a command line.
    """

    at: datetime
    mesh_id: str
    version: str
    installed: bool
    managers: tuple[str, ...]
    clusters: tuple[ClusterStatus, ...]
    problems: tuple[Finding, ...]
    drift: tuple[Drift, ...]
    options: str
    open_links: tuple[Finding, ...] = ()
    broken: tuple[Finding, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()

    @property
    def primary(self) -> ClusterStatus:
        """The cluster with istiod."""
        return self.clusters[0]

    @property
    def remotes(self) -> tuple[ClusterStatus, ...]:
        """All others."""
        return self.clusters[1:]

    @property
    def healthy(self) -> bool:
        """Whether there is a mesh, every cluster answered, nothing is broken, and all of it could be judged."""
        return self.installed and self.sound and not self.unjudged

    @property
    def sound(self) -> bool:
        """Whether nothing is broken as far as can be seen."""
        return not self.open_links and not any(one.severity is Severity.ERROR for one in self.problems)

    @property
    def overall(self) -> Health:
        """How the whole mesh is, for a mark before the verdict."""
        if self.healthy:
            return Health.WELL
        return Health.UNKNOWN if self.installed and self.sound else Health.BROKEN

    def health(self, cluster: ClusterStatus) -> Health:
        """Return how one cluster is, by the problems that are about it."""
        severities = {one.severity for one in (*self.problems, *self.open_links) if one.cluster == cluster.name}
        if cluster.silence:
            return Health.UNKNOWN
        if Severity.ERROR in severities:
            return Health.BROKEN
        if any(one.cluster == cluster.name for one in self.unjudged):
            return Health.UNKNOWN
        return Health.WARNING if severities else Health.WELL
