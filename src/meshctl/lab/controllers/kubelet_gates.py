"""What keeps a pod from starting, from being ready, or from going away: asked again until nothing does."""

import asyncio
import hashlib
from dataclasses import dataclass, field

from meshctl.certs.material import from_parts
from meshctl.lab.api import Api
from meshctl.lab.controllers.nodes import kernel_of
from meshctl.lab.controllers.shapes import (
    annotations_of,
    container_of,
    env_of,
    labels_of,
    name_of,
    namespace_of,
    pod_ready,
    uid_of,
)
from meshctl.lab.istiods import Istiod, Istiods
from meshctl.lab.network import End, dial, injected
from meshctl.lab.sites import Flavour, Site, World
from meshctl.names import CONFIG_MAP, NETWORK_ATTACHMENT, NODE, POD, SECRET
from meshctl.objects import Manifest, Ref, dig

UNPRIVILEGED_PORTS = "net.ipv4.ip_unprivileged_port_start"
FIRST_KERNEL_WITH_UNPRIVILEGED_PORTS = (4, 11)
CNI_LABEL = {"k8s-app": "istio-cni-node"}
QUICK_STOP = 5.0
"""Pods that stop within so many seconds (of a real cluster) are gone before istio-cni's plugin is, when all is deleted
at once; slower ones hang."""
PLUGIN_LINGERS, PLUGIN_LINGERS_FOR_QUICK = 1.0, 10.0
"""How long, in the lab's own time, the plugin of a deleted istio-cni still serves.

A real namespace controller waits five seconds before it touches a namespace's pods, and the order of deletions must not
depend on how busy the machine is.
"""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a pod cannot go on: the reason and message of the event that says so."""

    reason: str
    message: str


def is_istiod(pod: Manifest) -> bool:
    """Say whether a pod is istiod's."""
    return labels_of(pod).get("app") == "istiod" and container_of(pod, "discovery") is not None


def is_cni(pod: Manifest) -> bool:
    """Say whether a pod installs istio-cni on its node."""
    return labels_of(pod).get("k8s-app") == CNI_LABEL["k8s-app"]


def has_sidecar(pod: Manifest) -> bool:
    """Say whether a pod's proxy is a native sidecar (a gateway's proxy is not)."""
    return injected(pod) and any(c.get("name") == "istio-proxy" for c in dig(pod, "spec", "initContainers") or ())


def uses_cni(pod: Manifest) -> bool:
    """Say whether istio-cni has a part in setting up and taking down a pod's network."""
    return has_sidecar(pod) and container_of(pod, "istio-validation") is not None


def needs(pod: Manifest) -> list[tuple[str, Ref]]:
    """Return the volumes that must exist before a pod starts, with what they are made of."""
    found = []
    for volume in dig(pod, "spec", "volumes") or ():
        for kind, source_field, key in ((CONFIG_MAP, "configMap", "name"), (SECRET, "secret", "secretName")):
            source = volume.get(source_field)
            if source and not source.get("optional"):
                found.append((str(volume["name"]), Ref(kind, str(source[key]), namespace_of(pod))))
    return found


def crash_reason(cacerts: Manifest | None) -> str:
    """Return why istiod ends as soon as it starts: a signing CA that is there but incomplete."""
    keys = dig(cacerts, "data") or {}
    parts = from_parts({name: b"x" if text else b"" for name, text in keys.items()}).parts
    if cacerts is None or not any(parts.values()) or all(parts.values()):
        return ""
    return "failed to create an istiod CA: incomplete signing CA bundle detected"


@dataclass(frozen=True, slots=True)
class Gates:
    """Asks the clusters what stands in a pod's way."""

    world: World
    site: Site
    istiods: Istiods
    api: Api
    plugin_taken: dict[str, float] = field(default_factory=dict)

    async def starting(self, pod: Manifest) -> Obstacle | None:
        """Return what keeps a pod's containers from being created."""
        for volume, ref in needs(pod):
            if await self.api.get(ref) is None:
                what = f'{ref.kind.name.lower()} "{ref.name}" not found'
                return Obstacle("FailedMount", f'MountVolume.SetUp failed for volume "{volume}" : {what}')
        return await self._old_kernel(pod) or await self._network(pod)

    async def ending(self, pod: Manifest, seconds: float) -> Obstacle | None:
        """Return what keeps the network of a pod from being taken down, which took so many seconds to stop."""
        node = str(dig(pod, "spec", "nodeName"))
        if not uses_cni(pod) or await self._plugin_on(node):
            return None
        lingers = PLUGIN_LINGERS_FOR_QUICK if seconds <= QUICK_STOP else PLUGIN_LINGERS
        taken = self.plugin_taken.get(node)
        if taken is not None and asyncio.get_running_loop().time() - taken < lingers:
            return None
        return Obstacle("FailedKillPod", 'failed to find plugin "istio-cni" in path [/opt/cni/bin]')

    def left(self, pod: Manifest) -> None:
        """Note that a pod has gone; with istio-cni's goes the plugin of its node."""
        if is_cni(pod):
            self.plugin_taken[str(dig(pod, "spec", "nodeName"))] = asyncio.get_running_loop().time()

    async def crashing(self, pod: Manifest) -> str:
        """Return why a pod's process ends at once."""
        if not is_istiod(pod):
            return ""
        return crash_reason(await self.api.get(Ref(SECRET, "cacerts", namespace_of(pod))))

    async def answering(self, pod: Manifest) -> Obstacle | None:
        """Return what keeps a running pod from being ready."""
        faults, context = self.world.faults, self.site.context
        if is_istiod(pod) and faults.on("istiod-not-ready", context):
            return Obstacle("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
        if is_cni(pod) and faults.on("cni-broken", context):
            return Obstacle("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
        if injected(pod) and await self.istiod_of(pod) is None:
            return Obstacle("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
        return None

    async def istiod_of(self, pod: Manifest) -> Istiod | None:
        """Return the istiod that gives a pod's proxy its certificate and configuration."""
        env = env_of(container_of(pod, "istio-proxy"))
        host, _, port = env.get("CA_ADDR", "istiod.istio-system.svc:15012").partition(":")
        name, namespace, *_ = [*host.split("."), ""]
        dialed = await dial(self.world, self.site, namespace, name, int(port or 15012))
        if dialed.end is not End.REACHED or dialed.site is None:
            return None
        cluster_id = env.get("ISTIO_META_CLUSTER_ID", "Kubernetes")
        running = self.istiods.at(dialed.site.context)
        return next((istiod for istiod in running if istiod.admits(self.site.context, cluster_id)), None)

    async def _old_kernel(self, pod: Manifest) -> Obstacle | None:
        sysctls = dig(pod, "spec", "securityContext", "sysctls") or ()
        if not any(entry.get("name") == UNPRIVILEGED_PORTS for entry in sysctls):
            return None
        node = await self.api.get(Ref(NODE, str(dig(pod, "spec", "nodeName"))))
        if node is None or kernel_of(node) >= FIRST_KERNEL_WITH_UNPRIVILEGED_PORTS:
            return None
        path = "/proc/sys/" + UNPRIVILEGED_PORTS.replace(".", "/")
        why = f"failed to create containerd task: failed to write sysctl: open {path}: no such file or directory"
        return Obstacle(
            "FailedCreatePodSandBox", f"Failed to create pod sandbox: rpc error: code = Unknown desc = {why}"
        )

    async def _network(self, pod: Manifest) -> Obstacle | None:
        if not uses_cni(pod):
            return None
        missing = ""
        multus = "istio-cni" in annotations_of(pod).get("k8s.v1.cni.cncf.io/networks", "")
        if multus and await self.api.get(Ref(NETWORK_ATTACHMENT, "istio-cni", "default")) is None:
            missing = "cannot find a network-attachment-definition (istio-cni) in namespace (default)"
        elif not await self._plugin_on(str(dig(pod, "spec", "nodeName"))):
            missing = 'failed to find plugin "istio-cni" in path [/opt/cni/bin]'
        if not missing:
            return None
        sandbox = hashlib.sha256(uid_of(pod).encode()).hexdigest()
        plugin = "multus-cni-network" if self.world.flavour is Flavour.VENDOR and multus else "istio-cni"
        return Obstacle(
            "FailedCreatePodSandBox",
            "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "
            f'"{sandbox}": plugin type="{plugin.removesuffix("-cni-network")}" name="{plugin}" failed (add): '
            f"[{namespace_of(pod)}/{name_of(pod)}:istio-cni]: {missing}",
        )

    async def _plugin_on(self, node: str) -> bool:
        """Say whether istio-cni's plugin is installed on a node; its pods take it away when they go."""
        installers = await self.api.list(POD, labels=CNI_LABEL)
        return any(dig(pod, "spec", "nodeName") == node and pod_ready(pod) for pod in installers)
