"""Which change of which object makes which resource of the operator due."""

from collections.abc import Callable
from dataclasses import dataclass

from meshctl.lab.api import Change
from meshctl.lab.controllers.sail_operator import Operator
from meshctl.lab.controllers.sail_probe import trigger
from meshctl.lab.controllers.sail_queue import Queue, changes
from meshctl.lab.controllers.sail_revision import referenced_by_namespace, referenced_by_pod
from meshctl.names import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HPA,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION,
    MUTATING_WEBHOOK,
    NAMESPACE,
    POD,
    POD_DISRUPTION_BUDGET,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Kind, Manifest, dig

_OWNED = (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HPA,
    MUTATING_WEBHOOK,
    POD_DISRUPTION_BUDGET,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    VALIDATING_WEBHOOK,
)
_STATUS_IGNORED = (HPA, POD_DISRUPTION_BUDGET, SERVICE)
_UPDATES_IGNORED = (SERVICE_ACCOUNT,)  # others add pull secrets and tokens to accounts

Seen = Callable[[Change, Manifest | None], None]


@dataclass(frozen=True, slots=True)
class Queues:
    """The work queues of the operator's controllers."""

    istio: Queue
    revision: Queue
    cni: Queue
    probe: Queue


def _essence(obj: Manifest) -> Manifest:
    volatile = ("resourceVersion", "managedFields", "generation")
    metadata = {key: value for key, value in obj["metadata"].items() if key not in volatile}
    return {**obj, "metadata": metadata, "status": None}


def matters(kind: Kind, change: Change, before: Manifest | None) -> bool:
    """Say whether a change of an owned object is worth a reconcile."""
    if before is None or change.type == "DELETED":
        return True
    if kind in _UPDATES_IGNORED:
        return False
    return kind not in _STATUS_IGNORED or _essence(change.obj) != _essence(before)


def owner(obj: Manifest) -> tuple[str, str]:
    """Return kind and name of the operator's resource that controls an object."""
    for one in obj["metadata"].get("ownerReferences") or []:
        if one.get("controller") and str(one["apiVersion"]).startswith("sailoperator.io/"):
            return str(one["kind"]), str(one["name"])
    return "", ""


class Watches:
    """Feeds the queues of one operator process."""

    def __init__(self, operator: Operator, queues: Queues) -> None:
        self._api = operator.api
        self._queues = queues
        self._places: dict[tuple[str, str], str] = {}  # which namespace a resource installs to

    def feeds(self) -> list[tuple[Kind, Seen]]:
        """Return what is to be watched, and who looks at it."""
        return [
            (ISTIO, self._istio),
            (ISTIO_REVISION, self._revision),
            (ISTIO_CNI, self._cni),
            (NAMESPACE, self._namespace),
            (POD, self._pod),
            *((kind, self._owned(kind)) for kind in _OWNED),
        ]

    async def follow(self, kind: Kind, seen: Seen) -> None:
        """Watch one kind for ever."""
        async for change, before in changes(self._api, kind):
            seen(change, before)

    def _istio(self, change: Change, _before: Manifest | None) -> None:
        self._queues.istio.add(_name(change.obj))

    def _revision(self, change: Change, _before: Manifest | None) -> None:
        self._place(ISTIO_REVISION, change)
        self._queues.revision.add(_name(change.obj))
        kind, name = owner(change.obj)
        if kind == ISTIO.name:
            self._queues.istio.add(name)

    def _cni(self, change: Change, _before: Manifest | None) -> None:
        self._place(ISTIO_CNI, change)
        self._queues.cni.add(_name(change.obj))
        for kind, name in self._places:
            if kind == ISTIO_REVISION.name:
                self._queues.revision.add(name)

    def _place(self, kind: Kind, change: Change) -> None:
        key = (kind.name, _name(change.obj))
        if change.type == "DELETED":
            self._places.pop(key, None)
        else:
            self._places[key] = str(dig(change.obj, "spec", "namespace"))

    def _namespace(self, change: Change, before: Manifest | None) -> None:
        if before is not None and change.type != "DELETED" and _essence(change.obj) == _essence(before):
            return
        for (kind, name), namespace in self._places.items():
            if namespace == _name(change.obj):
                self._add(kind, name)
        self._referenced({referenced_by_namespace(one) for one in (change.obj, before) if one})

    def _pod(self, change: Change, before: Manifest | None) -> None:
        references = {referenced_by_pod(one) for one in (change.obj, before) if one}
        if before is None or change.type == "DELETED" or len(references) > 1:
            self._referenced(references)

    def _referenced(self, revisions: set[str]) -> None:
        for name in revisions:
            if (ISTIO_REVISION.name, name) in self._places:
                self._queues.revision.add(name)

    def _owned(self, kind: Kind) -> Seen:
        def seen(change: Change, before: Manifest | None) -> None:
            by, name = owner(change.obj)
            if name and matters(kind, change, before):
                self._add(by, name)
            changed = before is None or trigger(change.obj) != trigger(before)
            if changed and kind == MUTATING_WEBHOOK and by == ISTIO_REVISION.name and change.type != "DELETED":
                self._queues.probe.add(_name(change.obj))

        return seen

    def _add(self, kind: str, name: str) -> None:
        if kind == ISTIO_REVISION.name:
            self._queues.revision.add(name)
        elif kind == ISTIO_CNI.name:
            self._queues.cni.add(name)


def _name(obj: Manifest) -> str:
    return str(obj["metadata"]["name"])
