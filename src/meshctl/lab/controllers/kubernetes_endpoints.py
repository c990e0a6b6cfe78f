"""EndpointSlices: which pods stand behind a Service that has a selector."""

import asyncio
import secrets
from collections.abc import Iterable

from meshctl.lab.api import Api
from meshctl.lab.controllers.reconciling import Feed, Key, Queue, follow, owner_key, reconcile
from meshctl.lab.controllers.shapes import (
    SUFFIX_LETTERS,
    condition_status,
    containers_of,
    controlled_by,
    deleting,
    has,
    labels_of,
    name_of,
    namespace_of,
    owner_reference,
    ref_to,
    uid_of,
)
from meshctl.lab.sites import Site, World
from meshctl.names import ENDPOINT_SLICE, POD, SERVICE
from meshctl.objects import Manifest, Ref, dig

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
SERVICE_NAME = "kubernetes.io/service-name"


def target_port(port: Manifest, pod: Manifest | None) -> int:
    """Return the number of the pod's port behind a Service port; 0 when the pod has no port of that name."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    named = (p for c in containers_of(pod or {}) for p in c.get("ports") or () if p.get("name") == target)
    return int(next((p["containerPort"] for p in named), 0))


def endpoint(pod: Manifest) -> Manifest:
    """Return a pod as an endpoint."""
    serving, terminating = condition_status(pod, "Ready") == "True", deleting(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": serving and not terminating, "serving": serving, "terminating": terminating},
        "nodeName": dig(pod, "spec", "nodeName"),
        "targetRef": {"kind": "Pod", "name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)},
    }


def content(service: Manifest, pods: Iterable[Manifest]) -> Manifest:
    """Return what the slice of a Service says: labels, endpoints and ports."""
    selector = dig(service, "spec", "selector")
    chosen = [p for p in pods if has(selector, labels_of(p)) and dig(p, "status", "podIP")]
    chosen.sort(key=name_of)
    first = chosen[0] if chosen else None
    ports = [
        {"name": p.get("name", ""), "port": target_port(p, first), "protocol": p.get("protocol", "TCP")}
        for p in dig(service, "spec", "ports") or ()
        if first is not None and target_port(p, first)
    ]
    return {
        "labels": {**labels_of(service), SERVICE_NAME: name_of(service), MANAGED_BY: MANAGER},
        "endpoints": [endpoint(pod) for pod in chosen],
        "ports": ports,
    }


def new_slice(service: Manifest, wanted: Manifest) -> Manifest:
    """Return the EndpointSlice of a Service that has none yet."""
    suffix = "".join(secrets.choice(SUFFIX_LETTERS) for _ in range(5))
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.name,
        "metadata": {
            "generateName": f"{name_of(service)}-",
            "name": f"{name_of(service)}-{suffix}",
            "namespace": namespace_of(service),
            "labels": wanted["labels"],
            "ownerReferences": [owner_reference(SERVICE, service)],
        },
        "addressType": "IPv4",
        "endpoints": wanted["endpoints"],
        "ports": wanted["ports"],
    }


async def _look(api: Api, key: Key) -> None:
    service = await api.get(Ref(SERVICE, key[1], key[0]))
    if service is None or deleting(service) or dig(service, "spec", "type") == "ExternalName":
        return
    slices = [s for s in await api.list(ENDPOINT_SLICE, key[0], {MANAGED_BY: MANAGER}) if controlled_by(s, service)]
    if not dig(service, "spec", "selector"):
        for stale in slices:
            await api.delete(ref_to(ENDPOINT_SLICE, stale))
        return
    wanted = content(service, await api.list(POD, key[0]))
    if not slices:
        await api.create(new_slice(service, wanted))
        return
    known = {"labels": labels_of(slices[0]), "endpoints": slices[0].get("endpoints"), "ports": slices[0].get("ports")}
    if known != wanted:
        body = {"endpoints": wanted["endpoints"], "ports": wanted["ports"]}
        meta = {**slices[0]["metadata"], "labels": wanted["labels"]}
        await api.update({**slices[0], **body, "metadata": meta})


async def run(world: World, site: Site) -> None:
    """Keep the EndpointSlices of a cluster."""
    del world
    api = site.api("kube-controller-manager")

    async def look(key: Key) -> None:
        await _look(api, key)

    queue = Queue(look)

    async def pods() -> None:
        async for change in follow(api, POD):
            if not dig(change.obj, "status", "podIP"):
                continue
            for service in await api.list(SERVICE, namespace_of(change.obj)):
                if has(dig(service, "spec", "selector"), labels_of(change.obj)):
                    queue.add((namespace_of(service), name_of(service)))

    async with asyncio.TaskGroup() as group:
        group.create_task(pods())
        group.create_task(reconcile(api, [Feed(SERVICE), Feed(ENDPOINT_SLICE, owner_key(SERVICE))], look, queue))
