"""What `lab status` tells: the running lab in numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """One cluster: where it listens, how many requests it has answered, and its objects by kind."""

    context: str
    server: str
    requests: int
    objects: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LabStatus:
    """A running lab."""

    pid: int
    kubeconfig: str
    log: str
    remotes: int
    speed: float
    operator: str
    uptime: float
    faults: Sequence[str]
    clusters: Sequence[ClusterStatus]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        return asdict(self)


def status_from(data: Mapping[str, Any]) -> LabStatus:
    """Return the status that JSON-like data describes."""
    clusters = tuple(ClusterStatus(**cluster) for cluster in data["clusters"])
    return LabStatus(**{**data, "faults": tuple(data["faults"]), "clusters": clusters})
