"""What an istiod does in every cluster that it leads: its root into webhooks and into every namespace."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from meshctl.lab.api import Api, ApiError, Change
from meshctl.lab.controllers.istiod_templates import ROOT_CONFIG_MAP
from meshctl.lab.controllers.reconciling import Feed, Key, reconcile
from meshctl.lab.controllers.shapes import deleting, labels_of, micro_stamp
from meshctl.lab.istiods import Istiod
from meshctl.names import CONFIG_MAP, LEASE, MUTATING_WEBHOOK, NAMESPACE, VALIDATING_WEBHOOK
from meshctl.objects import Kind, Manifest, Ref

MANAGER = "pilot-discovery"
CRL_CONFIG_MAP = "istio-ca-crl"
LEFT_ALONE = ("kube-public", "kube-node-lease", "local-path-storage")
CONFIG_LABEL = {"istio.io/config": "true"}
ELECTION = "istio-namespace-controller-election"
LOCKS = ("istio-ip-autoallocate", "istio-leader")
LEASES = ("istio-gateway-status-leader", "istio-gateway-deployment")
INJECTOR_SUFFIX = "sidecar-injector.istio.io"
UNUSABLE_PAUSE = 1.0

Allowed = Callable[[], Awaitable[bool]]
"""Asks whether the credentials for a cluster (still) work."""


def patched(config: Manifest, root: str, revision: str, *, policy: bool) -> Manifest | None:
    """Return a webhook configuration with istiod's root in it, None when there is nothing to change.

    Only configurations of its own revision are istiod's. With `policy`, an object that does not pass is refused.
    """
    if labels_of(config).get("istio.io/rev") != revision:
        return None
    bundle = base64.b64encode(root.encode()).decode()
    webhooks = []
    for webhook in config.get("webhooks") or ():
        if policy:
            new = {**webhook, "failurePolicy": "Fail"}
        elif webhook["name"].endswith(INJECTOR_SUFFIX):
            new = webhook
        else:
            webhooks.append(webhook)
            continue
        webhooks.append({**new, "clientConfig": {**webhook["clientConfig"], "caBundle": bundle}})
    return {**config, "webhooks": webhooks} if webhooks != config.get("webhooks") else None


def config_maps(root: str) -> dict[str, dict[str, str]]:
    """Return what istiod keeps in every namespace: the name of each ConfigMap and its data."""
    return {ROOT_CONFIG_MAP: {"root-cert.pem": root}, CRL_CONFIG_MAP: {"ca-crl.pem": ""}}


def furnished(namespace: Manifest | None) -> bool:
    """Say whether istiod keeps its ConfigMaps in a namespace."""
    return namespace is not None and not deleting(namespace) and namespace["metadata"]["name"] not in LEFT_ALONE


@dataclass(frozen=True, slots=True)
class Leading:
    """One istiod at work in one cluster, its own or a remote."""

    istiod: Istiod
    api: Api
    allowed: Allowed

    async def webhooks(self, kind: Kind) -> None:
        """Keep the root in the cluster's webhooks."""

        async def look(key: Key) -> float | None:
            if not await self.allowed():
                return UNUSABLE_PAUSE
            config = await self.api.get(Ref(kind, key[1]))
            policy = kind == VALIDATING_WEBHOOK
            new = patched(config, self.istiod.root, self.istiod.revision, policy=policy) if config else None
            if new is not None:
                await self.api.update(new)
            return None

        await reconcile(self.api, [Feed(kind)], look)

    async def namespaces(self) -> None:
        """Keep the root and the revocation list in every namespace."""

        async def look(key: Key) -> float | None:
            if not await self.allowed():
                return UNUSABLE_PAUSE
            if furnished(await self.api.get(Ref(NAMESPACE, key[1]))):
                for name, data in config_maps(self.istiod.root).items():
                    await ensure(self.api, name, key[1], data)
            return None

        def home(change: Change) -> list[Key]:
            meta = change.obj["metadata"]
            ours = meta["name"] in (ROOT_CONFIG_MAP, CRL_CONFIG_MAP)
            return [("", meta["namespace"])] if ours and change.type != "ADDED" else []

        await self.hold(ELECTION)
        await reconcile(self.api, [Feed(NAMESPACE), Feed(CONFIG_MAP, home)], look)

    async def hold(self, name: str) -> None:
        """Take a leader's lock of the ConfigMap kind."""
        while not await self.allowed():
            await asyncio.sleep(UNUSABLE_PAUSE)
        try:
            await ensure(self.api, name, self.istiod.namespace, {}, labels={})
        except ApiError as error:
            if error.code not in (403, 404, 409):
                raise

    async def remote(self) -> None:
        """Lead in a remote cluster."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.webhooks(MUTATING_WEBHOOK))
            group.create_task(self.namespaces())

    async def local(self) -> None:
        """Lead in the cluster it runs in."""
        for name in LEASES:
            await self._lease(f"{name}-{self.istiod.revision}")
        for name in LOCKS:
            await self.hold(name)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.webhooks(MUTATING_WEBHOOK))
            group.create_task(self.webhooks(VALIDATING_WEBHOOK))
            group.create_task(self.namespaces())

    async def _lease(self, name: str) -> None:
        ref, now = Ref(LEASE, name, self.istiod.namespace), micro_stamp()
        spec = {"holderIdentity": self.istiod.pod, "leaseDurationSeconds": 30, "acquireTime": now, "renewTime": now}
        if await self.api.get(ref) is not None:
            await self.api.merge(ref, {"spec": spec})
            return
        meta = {"name": name, "namespace": self.istiod.namespace}
        spec["leaseTransitions"] = 0
        await self.api.create({"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": meta, "spec": spec})


async def ensure(
    api: Api, name: str, namespace: str, data: dict[str, str], *, labels: dict[str, str] | None = None
) -> None:
    """Make sure that a ConfigMap of istiod's says this."""
    ref = Ref(CONFIG_MAP, name, namespace)
    found = await api.get(ref)
    if found is None:
        meta = {"name": name, "namespace": namespace, "labels": CONFIG_LABEL if labels is None else labels}
        await api.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data})
    elif data and found.get("data") != data:
        await api.merge(ref, {"data": data})
