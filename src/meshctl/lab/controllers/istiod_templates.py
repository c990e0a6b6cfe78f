"""The containers and volumes that istiod's templates put into pods (istio/istio, manifests/charts/istio-control)."""

import json
from typing import Any

from meshctl.objects import Manifest, dig

ROOT_CONFIG_MAP = "istio-ca-root-cert"
_MOUNTS = (
    ("workload-socket", "/var/run/secrets/workload-spiffe-uds"),
    ("credential-socket", "/var/run/secrets/credential-uds"),
    ("workload-certs", "/var/run/secrets/workload-spiffe-credentials"),
    ("istiod-ca-cert", "/var/run/secrets/istio"),
    ("istio-data", "/var/lib/istio/data"),
    ("istio-envoy", "/etc/istio/proxy"),
    ("istio-token", "/var/run/secrets/tokens"),
    ("istio-podinfo", "/etc/istio/pod"),
)
_DOWNWARD = ("labels", "annotations")


def volumes() -> list[Manifest]:
    """Return the volumes of every proxy."""
    podinfo = [{"path": name, "fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.{name}"}} for name in _DOWNWARD]
    token = {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
    return [
        {"name": "workload-socket", "emptyDir": {}},
        {"name": "credential-socket", "emptyDir": {}},
        {"name": "workload-certs", "emptyDir": {}},
        {"name": "istio-envoy", "emptyDir": {"medium": "Memory"}},
        {"name": "istio-data", "emptyDir": {}},
        {"name": "istio-podinfo", "downwardAPI": {"items": podinfo}},
        {"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        {"name": "istiod-ca-cert", "configMap": {"name": ROOT_CONFIG_MAP}},
    ]


def _mounts() -> list[Manifest]:
    return [{"name": name, "mountPath": path} for name, path in _MOUNTS]


def _field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _value(name: str, value: str) -> Manifest:
    return {"name": name, "value": value}


def _environment(
    ports: list[Any], containers: str, workload: str, mesh_id: str, extra: dict[str, str], own: list[Manifest]
) -> list[Manifest]:
    proxy_config = json.dumps({"meshId": mesh_id} if mesh_id else {}, separators=(",", ":"))
    base = [
        _value("PILOT_CERT_PROVIDER", "istiod"),
        _value("CA_ADDR", "istiod.istio-system.svc:15012"),
        _field("POD_NAME", "metadata.name"),
        _field("POD_NAMESPACE", "metadata.namespace"),
        _field("INSTANCE_IP", "status.podIP"),
        _field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        _field("HOST_IP", "status.hostIP"),
        _value("PROXY_CONFIG", f"{proxy_config}\n"),
        _value("ISTIO_META_POD_PORTS", json.dumps(ports)),
        _value("ISTIO_META_APP_CONTAINERS", containers),
        _field("ISTIO_META_NODE_NAME", "spec.nodeName"),
        _value("ISTIO_META_INTERCEPTION_MODE", "REDIRECT"),
        _value("ISTIO_META_WORKLOAD_NAME", workload),
        *([_value("ISTIO_META_MESH_ID", mesh_id)] if mesh_id else []),
        _value("TRUST_DOMAIN", "cluster.local"),
    ]
    last = [_value(name, value) for name, value in extra.items() if value]
    replaced = {entry["name"] for entry in [*own, *last]}
    taken = {entry["name"] for entry in last}
    kept = [entry for entry in own if entry["name"] not in taken]
    return [*(entry for entry in base if entry["name"] not in replaced), *kept, *last]


def gateway_proxy(own: Manifest, workload: str, image: str, mesh_id: str, extra: dict[str, str]) -> Manifest:
    """Return a gateway's container: the user's, with the template's image, arguments, probe and volumes."""
    arguments = ["proxy", "router", "--domain", "$(POD_NAMESPACE).svc.cluster.local"]
    user = {"runAsUser": 1337, "runAsGroup": 1337}
    return {
        "name": "istio-proxy",
        **own,
        "image": image if own.get("image", "auto") == "auto" else own["image"],
        "args": [*arguments, "--proxyLogLevel=warning", "--log_output_level=default:info"],
        "env": _environment(own.get("ports") or [], "", workload, mesh_id, extra, own.get("env") or []),
        "readinessProbe": own.get("readinessProbe") or _probe(15021, failures=4, period=15),
        "securityContext": {**user, **(own.get("securityContext") or {})},
        "volumeMounts": [*_mounts(), *(own.get("volumeMounts") or [])],
    }


def sidecar_proxy(pod: Manifest, workload: str, image: str, mesh_id: str, extra: dict[str, str]) -> Manifest:
    """Return a workload's proxy, an init container that keeps running."""
    containers = dig(pod, "spec", "containers") or []
    ports = [port for container in containers for port in container.get("ports") or ()]
    names = ",".join(container["name"] for container in containers)
    return {
        "name": "istio-proxy",
        "image": image,
        "restartPolicy": "Always",
        "args": ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"],
        "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
        "env": _environment(ports, names, workload, mesh_id, extra, []),
        "readinessProbe": _probe(15021, failures=4, period=15),
        "startupProbe": _probe(15021, failures=600, period=1),
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "runAsGroup": 1337,
            "runAsNonRoot": True,
            "runAsUser": 1337,
        },
        "volumeMounts": _mounts(),
    }


def sidecar_containers(image: str, *, cni: bool) -> list[Manifest]:
    """Return what runs before a workload's proxy: a check of what istio-cni has set up, or the setting up itself."""
    ports = ["-p", "15001", "-z", "15006", "-u", "1337", "-m", "REDIRECT", "-i", "*", "-x", "", "-b", "*"]
    quiet = ["-d", "15090,15021,15020", "--log_output_level=default:info"]
    if cni:
        checks = ["--run-validation", "--skip-rule-apply"]
        return [{"name": "istio-validation", "image": image, "args": ["istio-iptables", *ports, *quiet, *checks]}]
    rights = {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}, "runAsUser": 0}
    return [
        {"name": "istio-init", "image": image, "args": ["istio-iptables", *ports, *quiet], "securityContext": rights}
    ]


def _probe(port: int, *, failures: int, period: int) -> Manifest:
    return {
        "httpGet": {"path": "/healthz/ready", "port": port, "scheme": "HTTP"},
        "failureThreshold": failures,
        "periodSeconds": period,
        "successThreshold": 1,
        "timeoutSeconds": 3,
    }
