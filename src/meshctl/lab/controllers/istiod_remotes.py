"""The remote clusters of an istiod: what its remote secrets say, and how far it gets with each."""

import asyncio
import base64
import binascii
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import yaml

from meshctl import documents
from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.istiod_leading import MANAGER, Leading
from meshctl.lab.controllers.kubernetes_tokens import ACCOUNT_NAME, claimed_secret, token_of, valid_for
from meshctl.lab.controllers.reconciling import follow
from meshctl.lab.controllers.shapes import annotations_of, labels_of, name_of, namespace_of
from meshctl.lab.istiods import Istiod, Remote, Sync
from meshctl.lab.sites import Site, World
from meshctl.names import CONTROL_PLANE_CLUSTERS, NAMESPACE, SECRET, SERVICE_ACCOUNT
from meshctl.objects import Manifest, Ref, dig
from meshctl.spec.addresses import host_of, port_of

REMOTE_LABEL = "istio/multiCluster"
SYNC_TIMEOUT = 30.0
RETRY_FIRST = 0.1
RETRY_LAST = 1.0
REFUSED_USER_KEYS = ("exec", "tokenFile", "client-certificate", "client-key")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """One data key of a remote secret: the cluster it is for, and the kubeconfig's bytes."""

    cluster_id: str
    secret: str
    kubeconfig: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig gives: where the API server is, and by which token."""

    server: str
    token: str = field(repr=False)


class MalformedError(ValueError):
    """A kubeconfig that istiod does not accept; the message never quotes it."""


def registrations(
    secrets: Iterable[Manifest], own_id: str, before: Mapping[str, Registration]
) -> dict[str, Registration]:
    """Return the remote clusters of an istiod by their IDs.

    A data key is a cluster. The first secret to name a cluster keeps it; its own cluster cannot be a remote.
    """
    offered: dict[str, dict[str, Registration]] = {}
    for secret in sorted(secrets, key=lambda s: (str(s["metadata"].get("creationTimestamp", "")), name_of(s))):
        if labels_of(secret).get(REMOTE_LABEL) != "true":
            continue
        full_name = f"{namespace_of(secret)}/{name_of(secret)}"
        for cluster_id, kubeconfig in (dig(secret, "data") or {}).items():
            if cluster_id != own_id:
                entry = Registration(cluster_id, full_name, str(kubeconfig))
                offered.setdefault(cluster_id, {})[full_name] = entry
    chosen = {}
    for cluster_id, by_secret in offered.items():
        holder = before[cluster_id].secret if cluster_id in before else ""
        chosen[cluster_id] = by_secret.get(holder) or next(iter(by_secret.values()))
    return chosen


def access(kubeconfig: str) -> Access:
    """Read a base64-encoded kubeconfig; raise MalformedError."""
    try:
        document = documents.read(base64.b64decode(kubeconfig))
    except (binascii.Error, yaml.YAMLError, ValueError):
        raise MalformedError("not a kubeconfig") from None
    context = _entry(document, "contexts", dig(document, "current-context"), "context")
    server = dig(_entry(document, "clusters", dig(context, "cluster"), "cluster"), "server")
    user = _entry(document, "users", dig(context, "user"), "user")
    if not isinstance(server, str) or not server:
        raise MalformedError("no server")
    if isinstance(user, Mapping) and any(key in user for key in REFUSED_USER_KEYS):
        raise MalformedError("credentials from files or programs are not allowed")
    return Access(server, str(dig(user, "token") or ""))


def _entry(document: object, section: str, name: object, body: str) -> Manifest | None:
    entries = document.get(section) if isinstance(document, Mapping) else None
    for entry in entries or ():
        if isinstance(entry, Mapping) and entry.get("name") == name:
            found = entry.get(body)
            return dict(found) if isinstance(found, Mapping) else None
    return None


def destination(world: World, server: str) -> Site | None:
    """Return the site whose API server answers at a URL, as seen from a pod: by its node's address only."""
    host, port = host_of(server), port_of(server)
    for site in world.sites:
        reachable = not any(world.faults.on(fault, site.context) for fault in ("api-hidden", "api-down"))
        if server.startswith("https:") and host == site.node_address and port == 6443 and reachable:
            return site
    return None


async def authenticates(world: World, site: Site, token: str) -> bool:
    """Say whether a site's API server accepts a service account's token."""
    if not token or world.faults.on("reader-token-expired", site.context):
        return False
    api = site.api(MANAGER)
    claimed = claimed_secret(token)
    secrets = [await api.get(claimed)] if claimed else await api.list(SECRET)
    for secret in secrets:
        if secret is not None and token_of(secret) == token:
            name = annotations_of(secret).get(ACCOUNT_NAME, "")
            account = await api.get(Ref(SERVICE_ACCOUNT, name, namespace_of(secret)))
            return valid_for(secret, account)
    return False


def leads(namespace: Manifest | None, istiod: Istiod) -> bool:
    """Say whether an istiod leads in a cluster, by the annotation of its namespace there (no spaces are trimmed)."""
    allowed = annotations_of(namespace).get(CONTROL_PLANE_CLUSTERS, "").split(",")
    return istiod.external and ("*" in allowed or istiod.cluster_id in allowed)


@dataclass(slots=True)
class Remotes:
    """Keeps one istiod connected to its remote clusters."""

    world: World
    istiod: Istiod
    api: Api
    known: dict[str, Registration] = field(default_factory=dict)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Follow the remote secrets in istiod's own namespace."""
        secrets: dict[str, Manifest] = {}
        async with asyncio.TaskGroup() as group:
            async for change in follow(self.api, SECRET, self.istiod.namespace):
                secrets.pop(name_of(change.obj), None)
                if change.type != "DELETED":
                    secrets[name_of(change.obj)] = change.obj
                self._update(registrations(secrets.values(), self.istiod.cluster_id, self.known), group)

    def _update(self, wanted: dict[str, Registration], group: asyncio.TaskGroup) -> None:
        for cluster_id in [known for known in self.known if wanted.get(known) != self.known[known]]:
            task = self.tasks.pop(cluster_id, None)
            if task is not None:
                task.cancel()
            self.istiod.remotes.pop(cluster_id, None)
        for cluster_id, entry in wanted.items():
            if self.known.get(cluster_id) != entry:
                self.tasks[cluster_id] = group.create_task(self._cluster(entry))
        self.known = wanted

    async def _cluster(self, entry: Registration) -> None:
        """Take up one cluster: connect, decide once whether to lead there, and lead."""
        try:
            wanted = access(entry.kubeconfig)
        except MalformedError as error:
            # an error of the secret is not tried again until the secret changes
            log.warning("remote cluster %s: %s", entry.cluster_id, error)
            return
        remote = Remote(entry.cluster_id, entry.secret)
        self.istiod.remotes[entry.cluster_id] = remote
        await asyncio.sleep(self.world.delays.of(self.world.delays.sync))
        site = await self._connected(remote, wanted)
        namespace = await self._namespace(site)
        remote.site, remote.leads, remote.status = site.context, leads(namespace, self.istiod), Sync.SYNCED
        log.info("should join leader-election for cluster %s: %s", remote.id, remote.leads)

        async def allowed() -> bool:
            return remote.usable

        async with asyncio.TaskGroup() as group:
            group.create_task(self._mind(remote, wanted))
            if remote.leads:
                group.create_task(Leading(self.istiod, site.api(MANAGER), allowed).remote())

    async def _mind(self, remote: Remote, wanted: Access) -> None:
        """Notice when the credentials stop working; istiod itself goes on saying `synced`."""
        while True:
            await asyncio.sleep(RETRY_LAST)
            remote.usable = await self._usable(wanted)

    async def _connected(self, remote: Remote, wanted: Access) -> Site:
        loop, delays = asyncio.get_running_loop(), self.world.delays
        patience = delays.of(SYNC_TIMEOUT) or RETRY_LAST
        since, pause = loop.time(), RETRY_FIRST
        while True:
            remote.usable = await self._usable(wanted)
            site = destination(self.world, wanted.server)
            if remote.usable and site is not None:
                return site
            if loop.time() - since >= patience:
                remote.status = Sync.TIMEOUT
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_LAST)

    async def _usable(self, wanted: Access) -> bool:
        site = destination(self.world, wanted.server)
        if site is None:
            return False
        try:
            return await authenticates(self.world, site, wanted.token)
        except ApiError as error:
            log.debug("credentials for %s: %s", site.context, error)
            return False

    async def _namespace(self, site: Site) -> Manifest | None:
        api = site.api(MANAGER)
        while True:
            try:
                return await api.get(Ref(NAMESPACE, self.istiod.namespace))
            except ApiError as error:
                log.debug("namespace of %s: %s", site.context, error)
                await asyncio.sleep(RETRY_LAST)
