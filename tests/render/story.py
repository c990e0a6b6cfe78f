"""One short run, told in events: the primary is well, the remote fails, and what needs the remote is skipped."""

from meshctl.errors import Exit
from meshctl.events import (
    Ended,
    Event,
    Failure,
    Finished,
    Outcome,
    Planned,
    Progressed,
    Started,
    StepInfo,
    Warned,
)

NOON = 1_795_521_600.0  # 2026-11-24 12:00:00 UTC

CAUSE = "webhooks[].clientConfig.caBundle hasn't been set; check if the remote istiod can access this cluster"
FAILURE = Failure(
    message="Istio is not Ready after 600 s",
    last_seen=CAUSE,
    hint="look at the remote secret: kubectl --context east -n istio-system get secret istio-remote-secret-cluster2",
    exit_code=Exit.TIMEOUT,
)


def info(cluster: str, title: str, *needs: StepInfo) -> StepInfo:
    return StepInfo(f"{cluster}: {title}", cluster, title, tuple(need.key for need in needs))


NAMESPACES = info("cluster1", "Create the namespaces")
ISTIO = info("cluster1", "Install Istio", NAMESPACES)
REMOTE = info("cluster2", "Install Istio", ISTIO)
GATEWAY = info("cluster2", "Install the east-west gateway", REMOTE)

PLANNED = Planned(NOON, "Install mesh1", ("cluster1", "cluster2"), (NAMESPACES, ISTIO, REMOTE, GATEWAY))

EVENTS: tuple[Event, ...] = (
    PLANNED,
    Started(NOON + 0.1, NAMESPACES),
    Finished(NOON + 0.5, NAMESPACES, Outcome.SUCCEEDED, 0.4),
    Started(NOON + 0.5, ISTIO),
    Progressed(NOON + 2, ISTIO, "not all istiod pods are ready", "everything to be healthy"),
    Finished(NOON + 12, ISTIO, Outcome.SUCCEEDED, 11.5, "istio/default is Healthy"),
    Started(NOON + 12, REMOTE),
    Warned(NOON + 13, REMOTE, "the load balancer hands out a hostname"),
    Progressed(NOON + 14, REMOTE, CAUSE, "the chain from annotation to probe"),
    Finished(NOON + 612, REMOTE, Outcome.FAILED, 600, failure=FAILURE),
    Finished(NOON + 612, GATEWAY, Outcome.SKIPPED, 0, f"needs {REMOTE.key}"),
    Ended(NOON + 612, 612, Exit.TIMEOUT, 2, 1, 1),
)
