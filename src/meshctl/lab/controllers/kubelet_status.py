"""What a kubelet reports about a pod: pure functions from a pod's spec to its status."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshctl.lab.controllers.shapes import with_conditions
from meshctl.objects import Manifest, dig

PROXY = "istio-proxy"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a pod runs."""

    pod: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """How far a pod is: which conditions hold, and the state of its containers.

    `waiting` is the reason of every container that neither runs nor is done.
    """

    phase: str = "Pending"
    waiting: str = "ContainerCreating"
    message: str = ""
    sandbox: bool = False
    initialized: bool = False
    ready: bool = False
    running: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()
    restarts: int = 0
    last: Manifest = field(default_factory=dict)


def names(pod: Manifest, which: str) -> list[str]:
    """Return the names of a pod's `containers` or `initContainers`."""
    return [str(c["name"]) for c in dig(pod, "spec", which) or ()]


def keeps_running(pod: Manifest) -> frozenset[str]:
    """Return the init containers that run as long as the pod: native sidecars."""
    inits = dig(pod, "spec", "initContainers") or ()
    return frozenset(str(c["name"]) for c in inits if c.get("restartPolicy") == "Always")


def creating() -> Stage:
    """Return the stage of a pod whose sandbox or volumes are not there yet."""
    return Stage()


def unpullable(pod: Manifest) -> Stage:
    """Return the stage of a pod with an image that no registry has."""
    image = next((str(c["image"]) for c in dig(pod, "spec", "containers") or () if c.get("image") == "auto"), "auto")
    text = f'failed to pull and unpack image "{image}": pull access denied, repository does not exist'
    fine = frozenset(names(pod, "containers")) - {
        str(c["name"]) for c in dig(pod, "spec", "containers") or () if c.get("image") == "auto"
    }
    return Stage(waiting="ErrImagePull", message=text, sandbox=True, initialized=True, running=fine)


def initializing(pod: Manifest) -> Stage:
    """Return the stage of a pod whose native sidecar has started but does not answer yet."""
    keep = keeps_running(pod)
    return Stage(
        waiting="PodInitializing",
        sandbox=True,
        running=keep,
        done=frozenset(names(pod, "initContainers")) - keep,
    )


def running(pod: Manifest, *, ready: bool, restarts: int = 0) -> Stage:
    """Return the stage of a pod whose containers all run."""
    keep = keeps_running(pod)
    return Stage(
        phase="Running",
        sandbox=True,
        initialized=True,
        ready=ready,
        running=frozenset(names(pod, "containers")) | keep,
        done=frozenset(names(pod, "initContainers")) - keep,
        restarts=restarts,
    )


def expired(pod: Manifest, now: str) -> Manifest:
    """Return what is to be merged into the status of a pod that has lived longer than it may."""
    before = dig(pod, "status", "conditions") or []
    over = [
        {**one, **({"status": "False", "reason": "PodFailed"} if one["type"] in ("Ready", "ContainersReady") else {})}
        for one in before
    ]
    return {
        "phase": "Failed",
        "reason": "DeadlineExceeded",
        "message": "Pod was active on the node longer than the specified deadline",
        "conditions": with_conditions(before, over, now),
    }


def crashed(pod: Manifest, *, restarts: int, message: str, now: str) -> Stage:
    """Return the stage of a pod whose process ends as soon as it starts."""
    last = {"exitCode": 255, "reason": "Error", "message": message, "startedAt": now, "finishedAt": now}
    return Stage(
        phase="Running",
        waiting="CrashLoopBackOff",
        message=f"back-off restarting failed container {names(pod, 'containers')[0]}",
        sandbox=True,
        initialized=True,
        restarts=restarts,
        last={"terminated": last},
    )


def status(pod: Manifest, stage: Stage, where: Address, now: str) -> Manifest:
    """Return the pod's whole status at a stage."""
    before = dig(pod, "status", "conditions") or ()
    result: Manifest = {
        "phase": stage.phase,
        "conditions": with_conditions(before, _conditions(pod, stage), now),
        "hostIP": where.host,
        "hostIPs": [{"ip": where.host}],
        "startTime": dig(pod, "status", "startTime") or now,
        "qosClass": "Burstable",
        "containerStatuses": [_container(c, stage, now) for c in dig(pod, "spec", "containers") or ()],
    }
    if inits := dig(pod, "spec", "initContainers"):
        result["initContainerStatuses"] = [_container(c, stage, now) for c in inits]
    if where.pod and stage.sandbox:
        result |= {"podIP": where.pod, "podIPs": [{"ip": where.pod}]}
    return result


def unschedulable(pod: Manifest, message: str, now: str) -> Manifest:
    """Return the status of a pod that fits on no node."""
    refused = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {
        "phase": "Pending",
        "conditions": with_conditions(dig(pod, "status", "conditions") or (), [refused], now),
    }


def _conditions(pod: Manifest, stage: Stage) -> list[Manifest]:
    idle = sorted(set(names(pod, "containers")) - (stage.running if stage.ready else frozenset()))
    unready = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(idle)}]"}
    late = sorted(set(names(pod, "initContainers")) - stage.done)
    uninitialized = {
        "reason": "ContainersNotInitialized",
        "message": f"containers with incomplete status: [{' '.join(late)}]",
    }
    answers: list[tuple[str, bool, Mapping[str, str]]] = [
        ("PodReadyToStartContainers", stage.sandbox, {}),
        ("Initialized", stage.initialized or not late, uninitialized),
        ("Ready", stage.ready, unready),
        ("ContainersReady", stage.ready, unready),
        ("PodScheduled", True, {}),
    ]
    return [{"type": kind, "status": str(holds), **({} if holds else why)} for kind, holds, why in answers]


def _container(container: Manifest, stage: Stage, now: str) -> Manifest:
    name = str(container["name"])
    alive, done = name in stage.running, name in stage.done
    if done:
        state: Manifest = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    elif alive:
        state = {"running": {"startedAt": now}}
    else:
        state = {"waiting": {"reason": stage.waiting, **({"message": stage.message} if stage.message else {})}}
    return {
        "name": name,
        "image": container.get("image", ""),
        "imageID": "",
        "ready": done or (alive and stage.ready),
        "started": alive and (stage.initialized or stage.ready),
        "restartCount": stage.restarts,
        "state": state,
        "lastState": stage.last,
    }
