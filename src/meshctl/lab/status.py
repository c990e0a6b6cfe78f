"""What `lab status` tells: the running lab in numbers."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from meshctl.lab.world import Lab


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


def cluster_statuses(lab: Lab) -> list[dict[str, Any]]:
    """Return the state of every cluster as JSON-like data."""
    return [
        asdict(
            ClusterStatus(
                entry.context,
                entry.server,
                lab.logbook.served[entry.context],
                _count(lab, entry.context),
            )
        )
        for entry in lab.entries
    ]


def _count(lab: Lab, context: str) -> dict[str, int]:
    counted = Counter(snapshot.obj["kind"] for _, snapshot in lab.clusters[context].store.contents())
    return dict(sorted(counted.items()))


def lab_status(lab: Lab) -> dict[str, Any]:
    """Return what only the running process knows."""
    return {
        "remotes": lab.options.remotes,
        "speed": lab.options.speed,
        "operator": lab.options.operator,
        "uptime": round(time.monotonic() - lab.started, 3),
        "faults": [str(fault) for fault in lab.faults],
        "clusters": cluster_statuses(lab),
    }


def status_from(data: Mapping[str, Any]) -> LabStatus:
    """Return the status that JSON-like data describes."""
    clusters = tuple(ClusterStatus(**cluster) for cluster in data["clusters"])
    return LabStatus(**{**data, "faults": tuple(data["faults"]), "clusters": clusters})
