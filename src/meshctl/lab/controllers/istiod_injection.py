"""istiod's injection webhook: completes gateway pods and adds the proxy to workloads."""

import base64
import copy
import json
from dataclasses import dataclass
from typing import Any

from meshctl import documents
from meshctl.lab.controllers.istiod_templates import gateway_proxy, sidecar_containers, sidecar_proxy, volumes
from meshctl.lab.controllers.shapes import annotations_of, container_of, env_of, labels_of
from meshctl.names import NETWORK_LABEL, SIDECAR_STATUS
from meshctl.objects import Manifest, dig

NEVER = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
UNPRIVILEGED_PORTS = "net.ipv4.ip_unprivileged_port_start"
INJECT = "sidecar.istio.io/inject"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an istiod puts into every pod."""

    image: str
    cluster_id: str
    network: str = ""
    mesh_id: str = ""
    revision: str = "default"
    cni: bool = True
    multus: bool = False
    sysctls: bool = True


def settings_name(istiod: Manifest) -> str:
    """Return the name of the ConfigMap with an istiod's injection templates."""
    revision = env_of(container_of(istiod, "discovery")).get("REVISION", "default")
    return "istio-sidecar-injector" + ("" if revision == "default" else f"-{revision}")


def settings(istiod: Manifest, config: Manifest | None) -> Settings:
    """Read what an istiod pod injects from its environment and its ConfigMap."""
    discovery = container_of(istiod, "discovery")
    env = env_of(discovery)
    values = json.loads(dig(config, "data", "values") or "{}")
    templates = dig(documents.read(dig(config, "data", "config") or "") or {}, "templates") or {}
    return Settings(
        image=_proxy_image(str(dig(discovery, "image") or ""), values),
        cluster_id=env.get("CLUSTER_ID", "Kubernetes"),
        network=str(dig(values, "global", "network") or ""),
        mesh_id=str(dig(values, "global", "meshID") or ""),
        revision=env.get("REVISION", "default"),
        cni=bool(dig(values, "pilot", "cni", "enabled")),
        multus=dig(values, "pilot", "cni", "provider") == "multus",
        sysctls=UNPRIVILEGED_PORTS in str(templates.get("gateway", UNPRIVILEGED_PORTS)),
    )


def _proxy_image(istiod_image: str, values: Manifest) -> str:
    """Return the proxy's image: what the values name, else the one that was released with this istiod."""
    named = str(dig(values, "global", "proxy", "image") or "proxyv2")
    if "/" in named:
        return named
    head, _, tail = istiod_image.rpartition("/")
    tag = tail.partition(":")[2] or "latest"
    hub = str(dig(values, "global", "hub") or head)
    return f"{hub}/{named}:{dig(values, 'global', 'tag') or tag}" if hub else f"{named}:{tag}"


def path_variables(path: str) -> dict[str, str]:
    """Return the environment that a webhook's path asks for: pairs of names and values after /inject."""
    parts = [part.replace("--slash--", "/") for part in path.removeprefix("/inject").strip("/").split("/") if part]
    known = {"cluster": "ISTIO_META_CLUSTER_ID", "net": "ISTIO_META_NETWORK"}
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return {known.get(name, name.upper()): value for name, value in pairs}


def wanted(pod: Manifest, namespace: str) -> bool:
    """Say whether a pod that reached the webhook gets a proxy."""
    if dig(pod, "spec", "hostNetwork") or namespace in NEVER:
        return False
    asked = labels_of(pod).get(INJECT) or annotations_of(pod).get(INJECT)
    return asked != "false" and SIDECAR_STATUS not in annotations_of(pod)


def inject(pod: Manifest, chosen: Settings, variables: dict[str, str]) -> Manifest:
    """Return a pod with its proxy."""
    gateway = annotations_of(pod).get("inject.istio.io/templates") == "gateway"
    network = labels_of(pod).get(NETWORK_LABEL) or variables.get("ISTIO_META_NETWORK") or chosen.network
    extra = {
        **variables,
        "ISTIO_META_CLUSTER_ID": variables.get("ISTIO_META_CLUSTER_ID", chosen.cluster_id),
        "ISTIO_META_NETWORK": network,
    }
    result = copy.deepcopy(pod)
    _complete_gateway(result, chosen, extra) if gateway else _add_sidecar(result, chosen, extra)
    result["spec"]["volumes"] = _added(result["spec"].get("volumes") or [], volumes())
    meta = result["metadata"]
    meta["labels"] = {**_labels(pod, network, gateway=gateway), **(meta.get("labels") or {})}
    meta["annotations"] = {**(meta.get("annotations") or {}), **_annotations(pod, chosen, gateway=gateway)}
    return result


def _complete_gateway(pod: Manifest, chosen: Settings, extra: dict[str, str]) -> None:
    containers = pod["spec"]["containers"]
    own = next((c for c in containers if c["name"] == "istio-proxy"), None)
    proxy = gateway_proxy(own or {}, workload_of(pod), chosen.image, chosen.mesh_id, extra)
    pod["spec"]["containers"] = [proxy if c is own else c for c in containers] if own else [*containers, proxy]
    if chosen.sysctls:
        context = pod["spec"].get("securityContext") or {}
        pod["spec"]["securityContext"] = {"sysctls": [{"name": UNPRIVILEGED_PORTS, "value": "0"}], **context}


def _add_sidecar(pod: Manifest, chosen: Settings, extra: dict[str, str]) -> None:
    proxy = sidecar_proxy(pod, workload_of(pod), chosen.image, chosen.mesh_id, extra)
    first = sidecar_containers(chosen.image, cni=chosen.cni)
    pod["spec"]["initContainers"] = [*first, proxy, *(pod["spec"].get("initContainers") or [])]


def workload_of(pod: Manifest) -> str:
    """Return the name of the Deployment (or the like) that a pod belongs to."""
    owner = dig(pod, "metadata", "ownerReferences", 0) or {}
    name = str(owner.get("name") or dig(pod, "metadata", "name") or dig(pod, "metadata", "generateName") or "")
    suffix = labels_of(pod).get("pod-template-hash", "")
    return name.removesuffix(f"-{suffix}") if suffix else name.rstrip("-")


def _labels(pod: Manifest, network: str, *, gateway: bool) -> dict[str, str]:
    labels = labels_of(pod)
    name = labels.get("app.kubernetes.io/name") or labels.get("app") or workload_of(pod)
    revision = labels.get("app.kubernetes.io/version") or labels.get("version") or "latest"
    added = {"service.istio.io/canonical-name": name, "service.istio.io/canonical-revision": revision}
    if not gateway:
        added["security.istio.io/tlsMode"] = "istio"
    return {**added, **({NETWORK_LABEL: network} if network else {})}


def _annotations(pod: Manifest, chosen: Settings, *, gateway: bool) -> dict[str, str]:
    first = [c["name"] for c in sidecar_containers(chosen.image, cni=chosen.cni)]
    status = {
        "initContainers": None if gateway else [*first, "istio-proxy"],
        "containers": ["istio-proxy"] if gateway else None,
        "volumes": [volume["name"] for volume in volumes()],
        "imagePullSecrets": None,
        "revision": chosen.revision,
    }
    added = {"istio.io/rev": chosen.revision, SIDECAR_STATUS: json.dumps(status, separators=(",", ":"))}
    if not gateway:
        main = str(dig(pod, "spec", "containers", 0, "name") or "")
        added |= {"kubectl.kubernetes.io/default-container": main, "kubectl.kubernetes.io/default-logs-container": main}
        if chosen.multus and chosen.cni:
            networks = annotations_of(pod).get("k8s.v1.cni.cncf.io/networks", "")
            added["k8s.v1.cni.cncf.io/networks"] = ", ".join(filter(None, (networks, "default/istio-cni")))
    return added


def _added(present: list[Any], new: list[Manifest]) -> list[Any]:
    names = {volume["name"] for volume in present}
    return [*(volume for volume in new if volume["name"] not in names), *present]


def answer(chosen: Settings, path: str, review: Manifest) -> Manifest:
    """Return the AdmissionReview that answers one about a new pod."""
    request = review["request"]
    pod, namespace = request.get("object") or {}, str(request.get("namespace") or "")
    response: Manifest = {"uid": request["uid"], "allowed": True}
    if wanted(pod, namespace):
        new = inject(pod, chosen, path_variables(path))
        patch = [
            {"op": "add", "path": "/metadata/labels", "value": new["metadata"]["labels"]},
            {"op": "add", "path": "/metadata/annotations", "value": new["metadata"]["annotations"]},
            {"op": "replace", "path": "/spec", "value": new["spec"]},
        ]
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
    return {"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
