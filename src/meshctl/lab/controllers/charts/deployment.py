"""The Deployment of istiod."""

from meshctl.lab.controllers.charts.metadata import Chart, image
from meshctl.lab.controllers.charts.webhooks import suffixed
from meshctl.names import DEPLOYMENT
from meshctl.objects import Manifest, dig


def _field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _limit(name: str, resource: str) -> Manifest:
    return {"name": name, "valueFrom": {"resourceFieldRef": {"divisor": "1", "resource": resource}}}


def environment(values: Manifest) -> list[Manifest]:
    """Return istiod's environment; what the user set in `pilot.env` comes once, even when a value implies it."""
    shared, pilot = values["global"], values.get("pilot") or {}
    own = {str(key): str(value) for key, value in (pilot.get("env") or {}).items()}
    external = [{"name": "EXTERNAL_ISTIOD", "value": "true"}] if shared.get("externalIstiod") else []
    limits = dig(pilot, "resources", "limits") or {}
    budget = [_limit("GOMEMLIMIT", "limits.memory")] if "memory" in limits else []
    budget += [_limit("GOMAXPROCS", "limits.cpu")] if "cpu" in limits else []
    return [
        {"name": "REVISION", "value": values["revision"] or "default"},
        {"name": "PILOT_CERT_PROVIDER", "value": "istiod"},
        _field("POD_NAME", "metadata.name"),
        _field("POD_NAMESPACE", "metadata.namespace"),
        _field("SERVICE_ACCOUNT", "spec.serviceAccountName"),
        {"name": "KUBECONFIG", "value": "/var/run/secrets/remote/config"},
        {"name": "CA_TRUSTED_NODE_ACCOUNTS", "value": f"{shared['istioNamespace']}/ztunnel"},
        *({"name": key, "value": value} for key, value in own.items()),
        {"name": "PILOT_TRACE_SAMPLING", "value": str(pilot.get("traceSampling", 1))},
        *(one for one in external if "EXTERNAL_ISTIOD" not in own),
        {"name": "PILOT_ENABLE_ANALYSIS", "value": "false"},
        {"name": "CLUSTER_ID", "value": dig(shared, "multiCluster", "clusterName") or "Kubernetes"},
        *budget,
        {"name": "PLATFORM"},
    ]


def _container(chart: Chart, values: Manifest) -> Manifest:
    shared, pilot = values["global"], values.get("pilot") or {}
    requests = {"requests": {"cpu": "500m", "memory": "2Gi"}}
    return {
        "name": "discovery",
        "image": image(
            chart,
            pilot.get("image") or "pilot",
            hub=pilot.get("hub") or shared.get("hub"),
            tag=pilot.get("tag") or shared.get("tag"),
        ),
        "imagePullPolicy": shared.get("imagePullPolicy") or "IfNotPresent",
        "args": [
            "discovery",
            "--monitoringAddr=:15014",
            "--log_output_level=default:info",
            "--domain",
            "cluster.local",
            "--keepaliveMaxServerConnectionAge",
            "30m",
        ],
        "env": environment(values),
        "ports": [
            {"containerPort": port, "name": name, "protocol": "TCP"}
            for name, port in (
                ("http-debug", 8080),
                ("grpc-xds", 15010),
                ("tls-xds", 15012),
                ("https-webhooks", 15017),
                ("http-monitoring", 15014),
            )
        ],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": 8080},
            "initialDelaySeconds": 1,
            "periodSeconds": 3,
            "timeoutSeconds": 5,
        },
        "resources": {**requests, **(pilot.get("resources") or {})},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
        },
        "volumeMounts": [
            {"mountPath": "/var/run/secrets/tokens", "name": "istio-token", "readOnly": True},
            {"mountPath": "/var/run/secrets/istio-dns", "name": "local-certs"},
            {"mountPath": "/etc/cacerts", "name": "cacerts", "readOnly": True},
            {"mountPath": "/var/run/secrets/remote", "name": "istio-kubeconfig", "readOnly": True},
            {"mountPath": "/var/run/secrets/istiod/tls", "name": "istio-csr-dns-cert", "readOnly": True},
            {"mountPath": "/var/run/secrets/istiod/ca", "name": "istio-csr-ca-configmap", "readOnly": True},
        ],
    }


def _optional_secret(volume: str, name: str) -> Manifest:
    return {"name": volume, "secret": {"secretName": name, "optional": True}}


def _volumes() -> list[Manifest]:
    token = {"audience": "istio-ca", "expirationSeconds": 43200, "path": "istio-token"}
    return [
        {"name": "local-certs", "emptyDir": {"medium": "Memory"}},
        {"name": "istio-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
        _optional_secret("cacerts", "cacerts"),
        _optional_secret("istio-kubeconfig", "istio-kubeconfig"),
        _optional_secret("istio-csr-dns-cert", "istiod-tls"),
        {"name": "istio-csr-ca-configmap", "configMap": {"name": "istio-ca-root-cert", "optional": True}},
    ]


def deployment(chart: Chart, values: Manifest, labels: dict[str, str]) -> Manifest:
    """Return istiod's Deployment; `labels` are those that it shares with its Service."""
    revision, pilot = values["revision"], values.get("pilot") or {}
    pods = {"istio": "pilot"} if not revision else {"app": "istiod", "istio.io/rev": revision}
    shared = {key: value for key, value in labels.items() if key != "release"}
    pod: Manifest = {
        "containers": [_container(chart, values)],
        "securityContext": {},
        "serviceAccountName": suffixed("istiod", revision),
        "tolerations": [{"key": "cni.istio.io/not-ready", "operator": "Exists"}, *(pilot.get("tolerations") or [])],
        "volumes": _volumes(),
    }
    if pilot.get("nodeSelector"):
        pod["nodeSelector"] = pilot["nodeSelector"]
    spec: Manifest = {
        "selector": {"matchLabels": pods},
        "strategy": {"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
        "template": {
            "metadata": {
                "labels": {
                    **chart.labels(),
                    **shared,
                    "istio.io/dataplane-mode": "none",
                    "sidecar.istio.io/inject": "false",
                },
                "annotations": {
                    "prometheus.io/port": "15014",
                    "prometheus.io/scrape": "true",
                    "sidecar.istio.io/inject": "false",
                },
            },
            "spec": pod,
        },
    }
    # No autoscaler runs in the lab, so the wished number is set here even where a real HPA would bring it about.
    if replicas := pilot.get("replicaCount") or pilot.get("autoscaleMin"):
        spec["replicas"] = replicas
    return chart.made(DEPLOYMENT, suffixed("istiod", revision), values["global"]["istioNamespace"], labels, spec=spec)
