"""Whether Kubernetes, its nodes and its namespaces fit what is to be installed."""

from collections.abc import Iterator
from datetime import datetime

from meshctl.checks.catalog.preflight import platform as catalog
from meshctl.checks.finding import Finding, found
from meshctl.checks.kernel import has_old_kernel
from meshctl.checks.preflight.operator import kubectl
from meshctl.checks.preflight.survey import MULTUS_CRD, OPERATORS, Survey
from meshctl.checks.preflight.versions import WINDOWS, minor
from meshctl.conditions import condition_of, ingress_of
from meshctl.names import (
    CNI_NAMESPACE,
    GATEWAY_SERVICE,
    IP_ADDRESS_POOL,
    ISTIO_SYSTEM,
    NAMESPACE,
    NODE,
    POD,
    SERVICE,
    THE_CNI,
)
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster, Kernel, MeshSpec

ARCHITECTURES = ("amd64", "arm64")
INFRA = "node-role.kubernetes.io/infra"
ENFORCE = "pod-security.kubernetes.io/enforce"
INJECTION, REVISION = "istio-injection", "istio.io/rev"
LOCAL_PROVIDERS = ("kind://", "k3s://", "minikube://")
"""What calls itself a provider of nodes without providing load balancers."""


def platform(one: Survey, cluster: Cluster, mesh: MeshSpec) -> Iterator[Finding]:
    """Judge what one cluster is made of."""
    yield from _kubernetes(one, mesh.istio_version)
    yield from _nodes(one, cluster, mesh)
    yield from _multus(one, cluster)
    yield from _directory(one, mesh.conf_dir(cluster))
    yield from _namespaces(one, cluster)
    yield from _balancer(one, cluster)


def _kubernetes(one: Survey, istio: str) -> Iterator[Finding]:
    wanted, there = minor(istio), minor(one.version)
    window = WINDOWS.get(wanted) if wanted else None
    if window is None or there is None:
        return
    (oldest, newest), shown = window, ".".join(istio.split(".")[:2])
    made_for = f"Istio {shown} is made for 1.{oldest[1]} to 1.{newest[1]}"
    if there < oldest:
        hint = "upgrade Kubernetes, or choose an older Istio: --set istioVersion=…"
        yield found(catalog.KUBERNETES_OLD, one.cluster, f"Kubernetes is {one.version}; {made_for}", hint)
    elif there > newest:
        hint = "it mostly works; a newer Istio is made for it"
        yield found(catalog.KUBERNETES_NEW, one.cluster, f"Kubernetes is {one.version}; {made_for}", hint)


def _nodes(one: Survey, cluster: Cluster, mesh: MeshSpec) -> Iterator[Finding]:
    nodes = one.all(NODE.name)
    if nodes and not any(condition_of(node, "Ready").get("status") == "True" for node in nodes):
        seen = tuple(
            f"{_name(node)}: {condition_of(node, 'Ready').get('message') or 'not ready'}" for node in nodes[:3]
        )
        hint = "is the cluster's network plugin installed?"
        yield found(
            catalog.NO_NODE,
            one.cluster,
            f"none of {len(nodes)} nodes is ready",
            hint,
            f"{kubectl(cluster)} describe nodes",
            seen,
        )
    kinds = {_architecture(node) for node in nodes if not dig(node, "spec", "unschedulable")}
    if kinds and "" not in kinds and not kinds.intersection(ARCHITECTURES) and not mesh.images.hub:
        text = f"all nodes are {', '.join(sorted(kinds))}; Istio's images are for {' and '.join(ARCHITECTURES)}"
        yield found(catalog.ARCHITECTURE, one.cluster, text, "add nodes, or give other images: --set images.hub=…")
    if mesh.kernel is Kernel.NEW and has_old_kernel(nodes):
        text = "there are nodes with a kernel before 4.11, and `kernel: new` forbids to adapt the gateway to them"
        yield found(catalog.KERNEL_OLD, one.cluster, text, "--set kernel=auto")
    if nodes and mesh.gateway.infra_nodes and not any(INFRA in (dig(n, "metadata", "labels") or {}) for n in nodes):
        text = f"no node has the label {INFRA}, and the gateway is to run on such a node"
        yield found(catalog.NO_INFRA_NODE, one.cluster, text, "label nodes, or say --set gateway.infraNodes=false")


def _multus(one: Survey, cluster: Cluster) -> Iterator[Finding]:
    operators, crd = one.all(OPERATORS), one.get(MULTUS_CRD)
    if not one.vendor or MULTUS_CRD.kind.name in one.hidden:
        return
    namespace, name = (dig(operators[0], "metadata", key) for key in ("namespace", "name"))
    restart = f"{kubectl(cluster)} -n {namespace} rollout restart deployment/{name}"
    if crd is None:
        text = "Multus is not installed (no NetworkAttachmentDefinition), and the vendor's istio-cni needs it"
        yield found(catalog.MULTUS_MISSING, one.cluster, text, "install Multus, then restart the operator:", restart)
    elif condition_of(one.get(THE_CNI), "Reconciled").get("status") != "True":
        made = _time(dig(crd, "metadata", "creationTimestamp"))
        starts = [start for pod in one.all(POD.name) if (start := _time(dig(pod, "status", "startTime")))]
        if made and starts and max(starts) < made:
            text = "Multus was installed after the operator had started, which may not know of it"
            yield found(catalog.MULTUS_LATE, one.cluster, text, "restart the operator:", restart)


def _directory(one: Survey, wanted: str) -> Iterator[Finding]:
    there = dig(one.get(THE_CNI), "spec", "values", "cni", "cniConfDir")
    if there and wanted and there != wanted:
        text = f"istio-cni is installed with the directory {there}, and would get {wanted}"
        yield found(catalog.CNI_DIRECTORY, one.cluster, text, f"if it works as it is: --set cni.confDir={there}")


def _namespaces(one: Survey, cluster: Cluster) -> Iterator[Finding]:
    level = _label(one.namespace(CNI_NAMESPACE), ENFORCE)
    if level in ("baseline", "restricted"):
        text = f"namespace {CNI_NAMESPACE} enforces Pod Security {level}, and istio-cni needs privileged pods"
        label = f"{kubectl(cluster)} label namespace {CNI_NAMESPACE} {ENFORCE}=privileged --overwrite"
        yield found(catalog.POD_SECURITY, one.cluster, text, command=label)
    for label, allowed in ((INJECTION, "enabled"), (REVISION, "default")):
        value = _label(one.namespace(ISTIO_SYSTEM), label)
        if value is not None and value != allowed:
            text = f"namespace {ISTIO_SYSTEM} is labelled {label}={value}, so its gateway would not be injected"
            command = f"{kubectl(cluster)} label namespace {ISTIO_SYSTEM} {label}-"
            yield found(catalog.INJECTION_OFF, one.cluster, text, command=command)


def _balancer(one: Survey, cluster: Cluster) -> Iterator[Finding]:
    pools = [pool for pool in one.all(IP_ADDRESS_POOL.name) if _has_room(pool)]
    clouds = [node for node in one.all(NODE.name) if _of_cloud(node)]
    shown = any(ingress_of(service) for service in (one.get(GATEWAY_SERVICE), *one.all(SERVICE.name)))
    hidden = {SERVICE.name, NODE.name, NAMESPACE.name} & one.hidden
    if not (cluster.gateway_address or pools or clouds or shown or hidden):
        full = (
            "its address pools are used up" if one.all(IP_ADDRESS_POOL.name) else "no pool, no Service with an address"
        )
        text = f"nothing shows that there is a load balancer ({full})"
        hint = f"install one, or give the gateway's address: --gateway-address {cluster.name}=IP"
        yield found(catalog.NO_BALANCER, one.cluster, text, hint)


def _has_room(pool: Manifest) -> bool:
    """Say whether MetalLB has an address left in a pool; versions that do not count are believed."""
    counts = [dig(pool, "status", key) for key in ("availableIPv4", "availableIPv6")]
    return all(count is None for count in counts) or any(count or 0 for count in counts)


def _of_cloud(node: Manifest) -> bool:
    provider = str(dig(node, "spec", "providerID") or "")
    return bool(provider) and not provider.startswith(LOCAL_PROVIDERS)


def _architecture(node: Manifest) -> str:
    return str(dig(node, "status", "nodeInfo", "architecture") or "")


def _label(namespace: Manifest | None, name: str) -> str | None:
    value = (dig(namespace, "metadata", "labels") or {}).get(name)
    return None if value is None else str(value)


def _name(obj: Manifest) -> str:
    return str(dig(obj, "metadata", "name"))


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
