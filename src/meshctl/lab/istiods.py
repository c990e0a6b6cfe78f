"""What the istiod processes of a lab hold in memory, and the proxies: all that no object of a cluster tells."""

import asyncio
import base64
import binascii
import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)


def roots_in(pem: str | bytes) -> frozenset[str]:
    """Return the certificates of a PEM bundle, each in one canonical spelling."""
    text = pem.decode(errors="replace") if isinstance(pem, bytes) else pem
    return frozenset("".join(found.split()) for found in _PEM.findall(text))


def roots_in_bundle(encoded: str) -> frozenset[str]:
    """Return the certificates of a base64-encoded caBundle."""
    try:
        return roots_in(base64.b64decode(encoded or "", validate=False))
    except binascii.Error:
        return frozenset()


class Sync(StrEnum):
    """How far istiod is with a remote cluster, in the words of its own debug endpoint."""

    SYNCED = "synced"
    SYNCING = "syncing"
    TIMEOUT = "timeout"


@dataclass(slots=True)
class Remote:
    """A remote cluster as one istiod knows it.

    `site` is the context of the cluster that its kubeconfig leads to, empty while that is unknown; `usable` says
    whether the credentials worked when last used; `leads`, whether istiod patches webhooks and writes roots there.
    """

    id: str
    secret: str
    status: Sync = Sync.SYNCING
    site: str = ""
    usable: bool = False
    leads: bool = False


@dataclass(slots=True)
class Istiod:
    """One istiod process: where it runs, what it was started with, and the clusters it has learned of."""

    site: str
    namespace: str
    pod: str
    uid: str
    cluster_id: str
    revision: str
    root: str = ""
    external: bool = False
    alive: bool = True
    remotes: dict[str, Remote] = field(default_factory=dict)

    def clusters(self) -> dict[str, str]:
        """Return the clusters whose endpoints it knows: cluster ID to site."""
        known = {r.id: r.site for r in self.remotes.values() if r.status is Sync.SYNCED and r.site}
        return {self.cluster_id: self.site, **known}

    def admits(self, site: str, cluster_id: str) -> bool:
        """Say whether it can check the identity of a proxy that runs on `site` and claims to be in `cluster_id`."""
        if cluster_id == self.cluster_id:
            return site == self.site
        remote = self.remotes.get(cluster_id)
        return remote is not None and remote.site == site and remote.usable and remote.status is Sync.SYNCED


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: the site of the istiod that it is connected to, and the roots that it trusts."""

    istiod: str
    roots: frozenset[str] = frozenset()


class Bell:
    """Wakes whoever waits for something to change."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, timeout: float) -> None:
        """Return at the next ring, or after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return


class Istiods:
    """Every istiod of a lab, by the site it runs on; one registry is shared by all controllers and by the traffic.

    `proxies` holds every running proxy by the uid of its pod; `requests` counts what each client's proxy has sent, by
    pod uid, cluster name and endpoint.
    """

    def __init__(self) -> None:
        self._all: dict[str, dict[str, Istiod]] = {}
        self.proxies: dict[str, Proxy] = {}
        self.requests: Counter[tuple[str, str, str]] = Counter()

    def started(self, istiod: Istiod) -> None:
        """Note a process that has just started; what dead ones of its site knew is forgotten."""
        processes = self._all.setdefault(istiod.site, {})
        for uid in [uid for uid, known in processes.items() if not known.alive]:
            del processes[uid]
        processes[istiod.uid] = istiod

    def ended(self, uid: str) -> None:
        """Note the end of a process. Proxies go on with the last thing they heard, so it stays known."""
        for processes in self._all.values():
            if uid in processes:
                processes[uid].alive = False

    def at(self, site: str) -> list[Istiod]:
        """Return the running processes of a site."""
        return [istiod for istiod in self._all.get(site, {}).values() if istiod.alive]

    def in_pod(self, site: str, pod: str) -> Istiod | None:
        """Return the process that runs in a pod."""
        return next((istiod for istiod in self.at(site) if istiod.pod == pod), None)

    def governing(self, site: str, pod: str = "") -> Istiod | None:
        """Return the istiod that configures a proxy: the one it is connected to, else one that knows its site.

        `pod` is the uid of the proxy's pod; a proxy stays connected also when istiod no longer knows its cluster.
        """
        home = self.proxies[pod].istiod if pod in self.proxies else ""
        everyone = [istiod for processes in self._all.values() for istiod in processes.values()]
        everyone.sort(key=lambda istiod: (istiod.site != home, istiod.site != site, not istiod.alive))
        for istiod in everyone:
            if istiod.site in (home, site) or any(remote.site == site for remote in istiod.remotes.values()):
                return istiod
        return None
