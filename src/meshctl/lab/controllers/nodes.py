"""Two nodes for every cluster, and which of them a pod goes to."""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.kubernetes_daemonsets import node_wanted_by
from meshctl.lab.controllers.shapes import labels_of, micro_stamp, name_of, stamp
from meshctl.lab.sites import Site
from meshctl.names import LEASE, NODE
from meshctl.objects import Manifest, Ref, dig

KERNEL = "5.15.0-143-generic"
KUBELET = "v1.34.2"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
INFRA = "node-role.kubernetes.io/infra"
LEASE_NAMESPACE = "kube-node-lease"
_WORKER_OFFSET = 1 << 16
"""The second node's address is in the network after the first's, where no other site has one."""


def nodes(context: str, address: str) -> list[Manifest]:
    """Return a site's nodes: the control plane's, which is the API server's address, and one more."""
    worker = str(IPv4Address(address) + _WORKER_OFFSET)
    return [
        _node(f"{context}-control-plane", address, {CONTROL_PLANE: ""}),
        _node(f"{context}-worker", worker, {INFRA: ""}),
    ]


def _node(name: str, address: str, roles: Mapping[str, str]) -> Manifest:
    plain = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    room = {"cpu": "8", "memory": "16Gi", "pods": "110"}
    ready = "kubelet is posting ready status"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {**plain, **roles}},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "capacity": room,
            "allocatable": room,
            "conditions": [
                _condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory"),
                _condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                _condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                _condition("Ready", "True", "KubeletReady", ready),
            ],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": KERNEL,
                "kubeProxyVersion": "",
                "kubeletVersion": KUBELET,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Lab",
                "systemUUID": "",
            },
        },
    }


def _condition(kind: str, status: str, reason: str, message: str) -> Manifest:
    return {"type": kind, "status": status, "reason": reason, "message": message}


async def register(api: Api, site: Site) -> None:
    """Make sure that the site's nodes are there, whatever other nodes there are."""
    for node in nodes(site.context, site.node_address):
        ref, now = Ref(NODE, name_of(node)), stamp()
        dated = [{**c, "lastHeartbeatTime": now, "lastTransitionTime": now} for c in node["status"]["conditions"]]
        if await api.get(ref) is None:
            await api.create(node)
        await api.merge(ref, {"status": {**node["status"], "conditions": dated}}, status=True)


async def heartbeat(api: Api, names: Iterable[str]) -> None:
    """Tell the control plane that the nodes are alive."""
    for name in names:
        spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": micro_stamp()}
        lease = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {"name": name, "namespace": LEASE_NAMESPACE},
            "spec": spec,
        }
        try:
            await api.merge(Ref(LEASE, name, LEASE_NAMESPACE), {"spec": spec})
        except ApiError as error:
            if error.code != 404:
                raise
            await api.create(lease)


def tolerated(taint: Manifest, tolerations: Iterable[Manifest]) -> bool:
    """Say whether a pod puts up with a taint."""
    for toleration in tolerations:
        if toleration.get("effect", taint["effect"]) != taint["effect"]:
            continue
        key = toleration.get("key")
        if toleration.get("operator") == "Exists" and key in (None, taint["key"]):
            return True
        if key == taint["key"] and toleration.get("value", "") == taint.get("value", ""):
            return True
    return False


def fits(pod: Manifest, node: Manifest) -> bool:
    """Say whether a pod may run on a node."""
    pinned = node_wanted_by(pod)
    if pinned and pinned != name_of(node):
        return False
    selector = dig(pod, "spec", "nodeSelector") or {}
    if not selector.items() <= labels_of(node).items():
        return False
    hard = [t for t in dig(node, "spec", "taints") or () if t.get("effect") in ("NoSchedule", "NoExecute")]
    return all(tolerated(taint, dig(pod, "spec", "tolerations") or ()) for taint in hard)


def choose(pod: Manifest, known: Iterable[Manifest], load: Mapping[str, int]) -> Manifest | None:
    """Return the least busy node that a pod fits on."""
    fitting = [node for node in known if fits(pod, node)]
    return min(fitting, key=lambda node: (load.get(name_of(node), 0), name_of(node)), default=None)


def address_of(node: Manifest) -> str:
    """Return a node's InternalIP."""
    addresses = dig(node, "status", "addresses") or ()
    return next((str(a["address"]) for a in addresses if a.get("type") == "InternalIP"), "")


def kernel_of(node: Manifest) -> tuple[int, int]:
    """Return a node's kernel version."""
    major, minor, *_ = [*str(dig(node, "status", "nodeInfo", "kernelVersion") or "0.0").split("."), "0"]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)
