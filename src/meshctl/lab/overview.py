"""What only the running lab knows about itself."""

import time
from collections import Counter
from dataclasses import asdict
from typing import Any

from meshctl.lab.status import ClusterStatus
from meshctl.lab.world import Lab


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


def lab_overview(lab: Lab) -> dict[str, Any]:
    """Return what only the running process knows."""
    return {
        "remotes": lab.options.remotes,
        "speed": lab.options.speed,
        "operator": lab.options.operator,
        "uptime": round(time.monotonic() - lab.started, 3),
        "faults": [str(fault) for fault in lab.faults],
        "clusters": cluster_statuses(lab),
    }
