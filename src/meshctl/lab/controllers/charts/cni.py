"""The CNI chart: the node agent, its settings and rights, and for Multus a NetworkAttachmentDefinition."""

from meshctl.lab.controllers.charts.metadata import Chart, image
from meshctl.lab.controllers.charts.rbac import cluster_binding, cluster_role
from meshctl.names import CONFIG_MAP, DAEMON_SET, NETWORK_ATTACHMENT, SERVICE_ACCOUNT
from meshctl.objects import Manifest, dig


def render_cni(chart: Chart, values: Manifest, *, upgrade: bool) -> list[Manifest]:
    """Return the objects of the CNI chart, in the order in which Helm creates them; an upgrade renders the same."""
    del upgrade
    cni = values["cni"]
    app = _labels(chart, app="istio-cni")
    namespace = chart.namespace
    objects = [
        chart.made(SERVICE_ACCOUNT, "istio-cni", namespace, app, **_pull_secrets(values)),
        chart.made(CONFIG_MAP, "istio-cni-config", namespace, app, data=_settings(chart, cni)),
        cluster_role(chart, "istio-cni", ("cni",), app),
        cluster_role(chart, "istio-cni-repair-role", ("cni-repair",), app),
        cluster_binding(chart, "istio-cni", "istio-cni", ("istio-cni", namespace), _labels(chart)),
        cluster_binding(
            chart,
            "istio-cni-repair-rolebinding",
            "istio-cni-repair-role",
            ("istio-cni", namespace),
            _labels(chart, **{"k8s-app": "istio-cni-repair"}),
        ),
        _daemon_set(chart, values),
    ]
    if cni.get("provider") == "multus":
        labels = {"operator.istio.io/component": "Cni"}
        # Empty on purpose: Multus then reads the file of this name from its own directory.
        objects.append(chart.made(NETWORK_ATTACHMENT, "istio-cni", "default", labels))
    return objects


def _labels(chart: Chart, **more: str) -> dict[str, str]:
    return {"istio.io/rev": "default", "operator.istio.io/component": "Cni", "release": chart.release, **more}


def _pull_secrets(values: Manifest) -> Manifest:
    names = dig(values, "global", "imagePullSecrets") or []
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _settings(chart: Chart, cni: Manifest) -> dict[str, str]:
    settings = {
        "CURRENT_AGENT_VERSION": chart.version,
        "AMBIENT_ENABLED": "false",
        "CHAINED_CNI_PLUGIN": str(bool(cni.get("chained"))).lower(),
        "EXCLUDE_NAMESPACES": ",".join(cni.get("excludeNamespaces") or []),
        "REPAIR_ENABLED": "true",
        "REPAIR_LABEL_PODS": "false",
        "REPAIR_DELETE_PODS": "false",
        "REPAIR_REPAIR_PODS": "true",
        "REPAIR_INIT_CONTAINER_NAME": "istio-validation",
        "REPAIR_BROKEN_POD_LABEL_KEY": "cni.istio.io/uninitialized",
        "REPAIR_BROKEN_POD_LABEL_VALUE": "true",
    }
    if cni.get("cniConfFileName"):
        settings["CNI_CONF_NAME"] = cni["cniConfFileName"]
    return settings


def _field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def _limit(name: str, resource: str) -> Manifest:
    return {"name": name, "valueFrom": {"resourceFieldRef": {"divisor": "1", "resource": resource}}}


def _container(chart: Chart, values: Manifest) -> Manifest:
    cni, shared = values["cni"], values.get("global") or {}
    limits = dig(cni, "resources", "limits") or {}
    budget = [("GOMEMLIMIT", "limits.memory")] if "memory" in limits else []
    budget += [("GOMAXPROCS", "limits.cpu")] if "cpu" in limits else []
    return {
        "name": "install-cni",
        "image": image(
            chart,
            cni.get("image") or "install-cni",
            hub=cni.get("hub") or shared.get("hub"),
            tag=cni.get("tag") or shared.get("tag"),
        ),
        "imagePullPolicy": "IfNotPresent",
        "command": ["install-cni"],
        "args": ["--log_output_level=info"],
        "envFrom": [{"configMapRef": {"name": "istio-cni-config"}}],
        "env": [
            _field("REPAIR_NODE_NAME", "spec.nodeName"),
            {"name": "REPAIR_RUN_AS_DAEMON", "value": "true"},
            {"name": "REPAIR_SIDECAR_ANNOTATION", "value": "sidecar.istio.io/status"},
            {"name": "ALLOW_SWITCH_TO_HOST_NS", "value": "true"},
            _field("NODE_NAME", "spec.nodeName"),
            *(_limit(*one) for one in budget),
            _field("POD_NAME", "metadata.name"),
            _field("POD_NAMESPACE", "metadata.namespace"),
        ],
        "ports": [{"containerPort": 15014, "name": "metrics", "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8000}},
        "resources": cni.get("resources") or {},
        "securityContext": {
            "privileged": False,
            "runAsGroup": 0,
            "runAsUser": 0,
            "runAsNonRoot": False,
            "capabilities": {
                "drop": ["ALL"],
                "add": ["NET_ADMIN", "NET_RAW", "SYS_PTRACE", "SYS_ADMIN", "DAC_OVERRIDE"],
            },
        },
        "volumeMounts": [
            {"mountPath": "/host/opt/cni/bin", "name": "cni-bin-dir"},
            {"mountPath": "/host/proc", "name": "cni-host-procfs", "readOnly": True},
            {"mountPath": "/host/etc/cni/net.d", "name": "cni-net-dir"},
            {"mountPath": "/var/run/istio-cni", "name": "cni-socket-dir"},
        ],
    }


def _host_path(name: str, path: str, kind: str = "") -> Manifest:
    return {"name": name, "hostPath": {"path": path, "type": kind}}


def _daemon_set(chart: Chart, values: Manifest) -> Manifest:
    cni = values["cni"]
    app = {"k8s-app": "istio-cni-node"}
    quiet = {"sidecar.istio.io/inject": "false"}
    pod = {
        "containers": [_container(chart, values)],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "priorityClassName": "system-node-critical",
        "securityContext": {},
        "serviceAccountName": "istio-cni",
        "terminationGracePeriodSeconds": 5,
        "tolerations": [
            {"effect": "NoSchedule", "operator": "Exists"},
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"effect": "NoExecute", "operator": "Exists"},
        ],
        "volumes": [
            _host_path("cni-bin-dir", cni["cniBinDir"]),
            _host_path("cni-host-procfs", "/proc", "Directory"),
            _host_path("cni-net-dir", cni["cniConfDir"]),
            _host_path("cni-socket-dir", "/var/run/istio-cni"),
            _host_path("cni-netns-dir", "/var/run/netns", "DirectoryOrCreate"),
        ],
    }
    spec = {
        "selector": {"matchLabels": app},
        "template": {
            "metadata": {
                "labels": {**chart.labels(), **app, **quiet, "istio.io/dataplane-mode": "none"},
                "annotations": {
                    **quiet,
                    "container.apparmor.security.beta.kubernetes.io/install-cni": "unconfined",
                    "prometheus.io/path": "/metrics",
                    "prometheus.io/port": "15014",
                    "prometheus.io/scrape": "true",
                },
            },
            "spec": pod,
        },
        "updateStrategy": {"rollingUpdate": {"maxUnavailable": 1}, "type": "RollingUpdate"},
    }
    return chart.made(DAEMON_SET, "istio-cni-node", chart.namespace, _labels(chart, **app), spec=spec)
