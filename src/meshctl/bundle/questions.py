"""What a bundle asks of one cluster: objects and their conditions, events, logs, what istiod and proxies say."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from meshctl.bundle.known import values_of
from meshctl.bundle.proxies import endpoints_of, listeners_of
from meshctl.bundle.question import Found, Question
from meshctl.bundle.texts import conditions_of, events_of
from meshctl.bundle.yamls import as_yaml
from meshctl.checks.survey import OPERATOR_LABEL
from meshctl.cluster import Client
from meshctl.errors import ClusterError, UnknownKindError
from meshctl.names import (
    CNI_NAMESPACE,
    CONFIG_MAP,
    CRD,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    GATEWAY,
    HPA,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION,
    ISTIO_REVISION_TAG,
    ISTIO_SYSTEM,
    KINDS,
    LEASE,
    LOCK_NAMESPACE,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NETWORK_ATTACHMENT,
    NODE,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK,
    VIRTUAL_SERVICE,
)
from meshctl.objects import Kind, Manifest, dig
from meshctl.render.hiding import hide_all
from meshctl.spec import MeshSpec

LINES = 1000  # of each container's log
PODS = 3  # pods of one kind whose logs are read: those that are not ready come first
EXEC_SECONDS = 10.0
PART_OF_ISTIO = "app.kubernetes.io/part-of=istio"

RESOURCES = (ISTIO, ISTIO_CNI, ISTIO_REVISION, ISTIO_REVISION_TAG)
"""The operator's own resources."""

OBJECTS: tuple[tuple[Kind, str, str], ...] = (
    (NODE, "", ""),
    (MUTATING_WEBHOOK, "", PART_OF_ISTIO),
    (VALIDATING_WEBHOOK, "", PART_OF_ISTIO),
    (NETWORK_ATTACHMENT, "default", ""),
    (LEASE, LOCK_NAMESPACE, ""),
    *((kind, ISTIO_SYSTEM, "") for kind in (SERVICE, ENDPOINT_SLICE, DEPLOYMENT, REPLICA_SET, HPA, LEASE)),
    *((kind, ISTIO_SYSTEM, "") for kind in (GATEWAY, VIRTUAL_SERVICE, SERVICE_ACCOUNT, CONFIG_MAP)),
    (DAEMON_SET, CNI_NAMESPACE, ""),
)
"""Kind, namespace, label selector."""

ISTIOD_ASKED = ("clusterz", "syncz", "networkz")


def questions_of(mesh: MeshSpec) -> tuple[Question, ...]:
    """Return what every cluster of a mesh is asked, once it has answered at all."""
    namespaces = {ISTIO_SYSTEM, CNI_NAMESPACE, mesh.sample_namespace}
    return (
        *(Question(f"conditions/{kind.plural}.txt", _resources(kind)) for kind in RESOURCES),
        Question("objects/namespaces.yaml", lambda client: Found(_listed(client, NAMESPACE, namespaces))),
        Question("objects/customresourcedefinitions.txt", _definitions),
        *(Question(_path(kind, namespace), _objects(kind, namespace, labels)) for kind, namespace, labels in OBJECTS),
        Question(_path(SECRET, ISTIO_SYSTEM), _secrets),
        *(_events(namespace) for namespace in sorted(namespaces)),
        _pods(ISTIO_SYSTEM),
        _pods(CNI_NAMESPACE),
        Question("operator.yaml", _operator),
    )


def _path(kind: Kind, namespace: str) -> str:
    return "/".join(filter(None, ("objects", namespace, f"{kind.resource}.yaml")))


def _objects(kind: Kind, namespace: str, labels: str = "") -> Callable[[Client], Found]:
    def ask(client: Client) -> Found:
        try:
            return Found({_path(kind, namespace): as_yaml(client.list(kind, namespace, labels))})
        except UnknownKindError:
            return Found({})  # a cluster without Multus has no NetworkAttachmentDefinitions: nothing is missing

    return ask


def _listed(client: Client, kind: Kind, names: Iterable[str]) -> dict[str, str]:
    wanted = set(names)
    found = [one for one in client.list(kind) if dig(one, "metadata", "name") in wanted]
    return {f"objects/{kind.resource}.yaml": as_yaml(found)}


def _resources(kind: Kind) -> Callable[[Client], Found]:
    """Ask for the operator's resources of a kind, twice told: whole, and their conditions at a glance."""

    def ask(client: Client) -> Found:
        found = client.list(kind)
        return Found({_path(kind, ""): as_yaml(found), f"conditions/{kind.plural}.txt": conditions_of(found)})

    return ask


def _definitions(client: Client) -> Found:
    """Name the definitions that meshctl needs; each is too long to be shown whole."""
    ours = {kind.resource for kind in KINDS if "." in kind.group}
    found = [one for one in client.list(CRD) if dig(one, "metadata", "name") in ours]
    lines = [f"{dig(one, 'metadata', 'name')}: {', '.join(_versions(one))}" for one in found]
    return Found({"objects/customresourcedefinitions.txt": "\n".join(sorted(lines)) + "\n"})


def _versions(crd: Manifest) -> list[str]:
    found = []
    for one in dig(crd, "spec", "versions") or ():
        accepted = dig(one, "schema", "openAPIV3Schema", "properties", "spec", "properties", "version", "enum") or ()
        served = "" if one.get("served") else " (not served)"
        found.append(f"{one.get('name')}{served}" + (f" accepts {' '.join(map(str, accepted))}" if accepted else ""))
    return found


def _secrets(client: Client) -> Found:
    found = client.list(SECRET, ISTIO_SYSTEM)
    return Found({_path(SECRET, ISTIO_SYSTEM): as_yaml(found)}, secrets=values_of(found))


def _events(namespace: str) -> Question:
    path = f"events/{namespace}.txt"
    return Question(path, lambda client: Found({path: events_of(client.list(EVENT, namespace))}))


def _operator(client: Client) -> Found:
    """Find the operator wherever it is, and ask for its pods."""
    found = client.list(DEPLOYMENT, labels=OPERATOR_LABEL)
    then: list[Question] = []
    for namespace in sorted({str(dig(one, "metadata", "namespace")) for one in found}):
        selectors = [selector_of(one) for one in found if dig(one, "metadata", "namespace") == namespace]
        then += [_pods(namespace, selectors), _events(namespace)]
    return Found({"operator.yaml": as_yaml(found)}, tuple(then))


def selector_of(workload: Manifest) -> str:
    """Return the label selector of a workload's pods."""
    labels: Mapping[str, str] = dig(workload, "spec", "selector", "matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _pods(namespace: str, selectors: Iterable[str] = ("",)) -> Question:
    wanted = tuple(selectors)
    path = _path(POD, namespace)

    def ask(client: Client) -> Found:
        pods = [pod for selector in wanted for pod in client.list(POD, namespace, selector)]
        return Found({path: as_yaml(pods)}, tuple(one for pod in chosen(pods) for one in _of_pod(pod)))

    return Question(path, ask)


def chosen(pods: Iterable[Manifest]) -> list[Manifest]:
    """Return the pods to look into: a few of each owner, those that are not ready first."""
    by_owner: dict[str, list[Manifest]] = {}
    for pod in sorted(pods, key=_ready):
        by_owner.setdefault(str(dig(pod, "metadata", "ownerReferences", 0, "uid") or ""), []).append(pod)
    return [pod for found in by_owner.values() for pod in found[:PODS]]


def _ready(pod: Manifest) -> bool:
    conditions = dig(pod, "status", "conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)


@dataclass(frozen=True, slots=True)
class Inside:
    """A container of a pod."""

    namespace: str
    pod: str
    container: str

    def logs(self, client: Client) -> Found:
        """Return its last lines."""
        text = client.logs(self.pod, self.namespace, self.container, LINES)
        return Found({self.path: hide_all(text)})

    @property
    def path(self) -> str:
        """Where its log goes."""
        return f"logs/{self.namespace}/{self.pod}/{self.container}.log"

    def said(self, path: str, argv: tuple[str, ...], told: Callable[[str], str]) -> Question:
        """Return the question that runs a command in it, and tells what it printed."""

        def ask(client: Client) -> Found:
            result = client.exec(self.pod, self.namespace, self.container, argv, EXEC_SECONDS)
            if result.code:
                text = hide_all(" ".join(result.stderr.split()))
                raise ClusterError(f"{client.cluster}: {' '.join(argv)} ended with {result.code}: {text}")
            return Found({path: hide_all(told(result.stdout))})

        return Question(path, ask)


def _of_pod(pod: Manifest) -> list[Question]:
    name, namespace = str(dig(pod, "metadata", "name")), str(dig(pod, "metadata", "namespace"))
    names = [str(one.get("name")) for part in ("initContainers", "containers") for one in dig(pod, "spec", part) or ()]
    asked = []
    for container in names:
        inside = Inside(namespace, name, container)
        asked.append(Question(inside.path, inside.logs))
        if container == "discovery":
            asked += [
                inside.said(f"istiod/{name}/{what}.json", ("pilot-discovery", "request", "GET", f"/debug/{what}"), str)
                for what in ISTIOD_ASKED
            ]
        if container == "istio-proxy":
            asked += [
                inside.said(
                    f"proxies/{name}/endpoints.txt", ("pilot-agent", "request", "GET", "clusters"), endpoints_of
                ),
                inside.said(
                    f"proxies/{name}/listeners.txt", ("pilot-agent", "request", "GET", "listeners"), listeners_of
                ),
            ]
    return asked
