"""What `kubectl get` prints of one object: the cells of its kind's columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from meshctl.lab.apiserver import jsonpath
from meshctl.lab.apiserver.resources import Resource
from meshctl.objects import Manifest, dig

Cell = Callable[[Manifest], Any]
_NONE, _UNKNOWN = "<none>", "<unknown>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; with `wide` it is only shown by `-o wide`."""

    name: str
    cell: Cell
    kind: str = "string"
    wide: bool = False
    format: str = ""


def age(text: Any) -> str:
    """Return how long ago a timestamp was, as kubectl says it."""
    if not isinstance(text, str) or not text:
        return _UNKNOWN
    then = datetime.fromisoformat(text)
    return short((datetime.now(UTC) - then).total_seconds())


def short(seconds: float) -> str:
    """Return a duration as kubectl says it."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    for limit, text in (
        (120, f"{whole}s"),
        (600, f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"),
        (10800, f"{minutes}m"),
        (28800, f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"),
        (172800, f"{hours}h"),
    ):
        if whole < limit:
            return text
    return f"{days}d"


def _at(*path: str | int, absent: Any = "") -> Cell:
    def cell(obj: Manifest) -> Any:
        value = dig(obj, *path)
        return absent if value is None else value

    return cell


def _age_of(*path: str) -> Cell:
    return lambda obj: age(dig(obj, *path))


def _count(name: str) -> Cell:
    return lambda obj: len(obj.get(name) or ())


_NAME = Column("Name", _at("metadata", "name"), format="name")
_AGE = Column("Age", _age_of("metadata", "creationTimestamp"))


def _statuses(pod: Manifest) -> list[Manifest]:
    return list(dig(pod, "status", "containerStatuses") or ())


def _sidecars(pod: Manifest) -> list[Manifest]:
    names = {part["name"] for part in dig(pod, "spec", "initContainers") or () if part.get("restartPolicy") == "Always"}
    return [status for status in dig(pod, "status", "initContainerStatuses") or () if status["name"] in names]


def _ready(pod: Manifest) -> str:
    spec = pod["spec"]
    sidecars = [part for part in spec.get("initContainers") or () if part.get("restartPolicy") == "Always"]
    ready = sum(bool(status.get("ready")) for status in [*_statuses(pod), *_sidecars(pod)])
    return f"{ready}/{len(spec.get('containers') or ()) + len(sidecars)}"


def pod_status(pod: Manifest) -> str:
    """Return the one word for a pod's state."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for status in _statuses(pod):
        state = status.get("state") or {}
        reason = dig(state, "waiting", "reason") or dig(state, "terminated", "reason")
        if reason:
            return str(reason)
    return str(dig(pod, "status", "reason") or dig(pod, "status", "phase") or _UNKNOWN)


def _restarts(pod: Manifest) -> str:
    return str(sum(status.get("restartCount", 0) for status in [*_statuses(pod), *_sidecars(pod)]))


def _containers(*path: str) -> tuple[Column, ...]:
    return (
        Column("Containers", lambda o: ",".join(part["name"] for part in dig(o, *path, "containers") or ()), wide=True),
        Column(
            "Images", lambda o: ",".join(part.get("image", "") for part in dig(o, *path, "containers") or ()), wide=True
        ),
        Column("Selector", lambda o: _labels(dig(o, "spec", "selector", "matchLabels")), wide=True),
    )


def _labels(labels: Manifest | None) -> str:
    return ",".join(f"{key}={value}" for key, value in (labels or {}).items()) or _NONE


def _external(service: Manifest) -> str:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") != "LoadBalancer":
        return ",".join(spec.get("externalIPs") or ()) or _NONE
    ingress = dig(service, "status", "loadBalancer", "ingress") or ()
    return ",".join(item.get("ip") or item.get("hostname", "") for item in ingress) or "<pending>"


def _ports(service: Manifest) -> str:
    texts = []
    for port in dig(service, "spec", "ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or _NONE


def _node_status(node: Manifest) -> str:
    conditions = {item["type"]: item["status"] for item in dig(node, "status", "conditions") or ()}
    text = "Ready" if conditions.get("Ready") == "True" else "NotReady"
    return f"{text},SchedulingDisabled" if dig(node, "spec", "unschedulable") else text


def _node_roles(node: Manifest) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or _NONE


def _node_ip(node: Manifest) -> str:
    addresses = dig(node, "status", "addresses") or ()
    return next((item["address"] for item in addresses if item["type"] == "InternalIP"), _NONE)


def _role(binding: Manifest) -> str:
    return f"{binding['roleRef']['kind']}/{binding['roleRef']['name']}"


def _subjects(binding: Manifest, kind: str) -> str:
    names = [
        f"{one['namespace']}/{one['name']}" if one.get("namespace") else one["name"]
        for one in binding.get("subjects") or ()
        if one["kind"] == kind
    ]
    return ", ".join(names)


def _targets(hpa: Manifest) -> str:
    wanted = [dig(one, "resource", "target", "averageUtilization") for one in dig(hpa, "spec", "metrics") or ()]
    return ", ".join(f"cpu: <unknown>/{one}%" for one in wanted if one is not None) or _NONE


def _source(event: Manifest) -> str:
    parts = (dig(event, "source", "component"), dig(event, "source", "host"))
    return ", ".join(str(part) for part in parts if part)


def _slice_ends(obj: Manifest) -> str:
    found = [address for item in obj.get("endpoints") or () for address in item.get("addresses") or ()]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return (",".join(found[:3]) + more) or "<unset>"


def _slice_ports(obj: Manifest) -> str:
    return ",".join(str(port.get("port", "*")) for port in obj.get("ports") or ()) or "<unset>"


def _integer(name: str, *path: str) -> Column:
    return Column(name, _at(*path, absent=0), "integer")


def _rollout(deployment: Manifest) -> str:
    return f"{dig(deployment, 'status', 'readyReplicas') or 0}/{dig(deployment, 'spec', 'replicas') or 0}"


_TEMPLATE = ("spec", "template", "spec")
_CREATED = Column("Created At", _at("metadata", "creationTimestamp"))
_WEBHOOKS = (_NAME, Column("Webhooks", _count("webhooks"), "integer"), _AGE)
_BINDING = (
    _NAME,
    Column("Role", _role),
    _AGE,
    Column("Users", lambda o: _subjects(o, "User"), wide=True),
    Column("Groups", lambda o: _subjects(o, "Group"), wide=True),
    Column("ServiceAccounts", lambda o: _subjects(o, "ServiceAccount"), wide=True),
)

_COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "Pod": (
        _NAME,
        Column("Ready", _ready),
        Column("Status", pod_status),
        Column("Restarts", _restarts),
        _AGE,
        Column("IP", _at("status", "podIP", absent=_NONE), wide=True),
        Column("Node", _at("spec", "nodeName", absent=_NONE), wide=True),
        Column("Nominated Node", _at("status", "nominatedNodeName", absent=_NONE), wide=True),
        Column("Readiness Gates", lambda _: _NONE, wide=True),
    ),
    "Deployment": (
        _NAME,
        Column("Ready", _rollout),
        _integer("Up-to-date", "status", "updatedReplicas"),
        _integer("Available", "status", "availableReplicas"),
        _AGE,
        *_containers(*_TEMPLATE),
    ),
    "ReplicaSet": (
        _NAME,
        _integer("Desired", "spec", "replicas"),
        _integer("Current", "status", "replicas"),
        _integer("Ready", "status", "readyReplicas"),
        _AGE,
        *_containers(*_TEMPLATE),
    ),
    "DaemonSet": (
        _NAME,
        _integer("Desired", "status", "desiredNumberScheduled"),
        _integer("Current", "status", "currentNumberScheduled"),
        _integer("Ready", "status", "numberReady"),
        _integer("Up-to-date", "status", "updatedNumberScheduled"),
        _integer("Available", "status", "numberAvailable"),
        Column("Node Selector", lambda o: _labels(dig(o, *_TEMPLATE, "nodeSelector"))),
        _AGE,
        *_containers(*_TEMPLATE),
    ),
    "Service": (
        _NAME,
        Column("Type", _at("spec", "type")),
        Column("Cluster-IP", _at("spec", "clusterIP", absent=_NONE)),
        Column("External-IP", _external),
        Column("Port(s)", _ports),
        _AGE,
        Column("Selector", lambda o: _labels(dig(o, "spec", "selector")), wide=True),
    ),
    "Namespace": (_NAME, Column("Status", _at("status", "phase")), _AGE),
    "Node": (
        _NAME,
        Column("Status", _node_status),
        Column("Roles", _node_roles),
        _AGE,
        Column("Version", _at("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _node_ip, wide=True),
        Column("External-IP", lambda _: _NONE, wide=True),
        Column("OS-Image", _at("status", "nodeInfo", "osImage", absent=_UNKNOWN), wide=True),
        Column("Kernel-Version", _at("status", "nodeInfo", "kernelVersion", absent=_UNKNOWN), wide=True),
        Column("Container-Runtime", _at("status", "nodeInfo", "containerRuntimeVersion", absent=_UNKNOWN), wide=True),
    ),
    "Secret": (_NAME, Column("Type", _at("type")), Column("Data", _count("data"), "integer"), _AGE),
    "ServiceAccount": (_NAME, Column("Secrets", _count("secrets"), "integer"), _AGE),
    "ConfigMap": (_NAME, Column("Data", _count("data"), "integer"), _AGE),
    "Event": (
        Column("Last Seen", _age_of("lastTimestamp")),
        Column("Type", _at("type")),
        Column("Reason", _at("reason")),
        Column(
            "Object", lambda o: f"{(dig(o, 'involvedObject', 'kind') or '').lower()}/{dig(o, 'involvedObject', 'name')}"
        ),
        Column("Subobject", _at("involvedObject", "fieldPath"), wide=True),
        Column("Source", _source, wide=True),
        Column("Message", _at("message")),
        Column("First Seen", _age_of("firstTimestamp"), wide=True),
        Column("Count", _at("count", absent=1), wide=True),
        Column("Name", _at("metadata", "name"), wide=True, format="name"),
    ),
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "ValidatingWebhookConfiguration": _WEBHOOKS,
    "CustomResourceDefinition": (_NAME, _CREATED),
    "Role": (_NAME, _CREATED),
    "ClusterRole": (_NAME, _CREATED),
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Lease": (_NAME, Column("Holder", _at("spec", "holderIdentity")), _AGE),
    "EndpointSlice": (
        _NAME,
        Column("AddressType", _at("addressType")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_ends),
        _AGE,
    ),
    "HorizontalPodAutoscaler": (
        _NAME,
        Column("Reference", lambda o: "/".join(str(dig(o, "spec", "scaleTargetRef", k)) for k in ("kind", "name"))),
        Column("Targets", _targets),
        _integer("MinPods", "spec", "minReplicas"),
        _integer("MaxPods", "spec", "maxReplicas"),
        _integer("Replicas", "status", "currentReplicas"),
        _AGE,
    ),
    "PodDisruptionBudget": (
        _NAME,
        Column("Min Available", _at("spec", "minAvailable", absent="N/A")),
        Column("Max Unavailable", _at("spec", "maxUnavailable", absent="N/A")),
        _integer("Allowed Disruptions", "status", "disruptionsAllowed"),
        _AGE,
    ),
}


def columns(resource: Resource) -> tuple[Column, ...]:
    """Return the columns of a resource."""
    if not resource.custom:
        return _COLUMNS.get(resource.kind.name, (_NAME, _AGE))
    own = tuple(_custom(column) for column in resource.columns)
    return (_NAME, *own) if own else (_NAME, _AGE)


def _custom(column: Manifest) -> Column:
    path, kind = column["jsonPath"], column.get("type", "string")

    def cell(obj: Manifest) -> Any:
        found = jsonpath.find(obj, path)
        if not found:
            return None
        return age(found[0]) if kind == "date" else found[0]

    return Column(column["name"], cell, kind, wide=bool(column.get("priority")), format=column.get("format", ""))
