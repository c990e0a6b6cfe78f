"""What the charts render, compared with what a real operator had installed."""

import json
from typing import Any

import pytest
import yaml

from meshctl.lab.controllers.charts import Chart, render_base, render_cni, render_istiod
from meshctl.lab.controllers.charts.istiod import address_type
from meshctl.lab.controllers.charts.values import cni_values, layered, revision_values
from meshctl.lab.sites import Flavour
from meshctl.objects import Manifest, dig

OWNER = {"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default", "uid": "u"}
VERSION = "1.28.3-asm-r0"
ISTIOD = Chart("istiod", VERSION, "default-istiod", "istio-system", OWNER, "hub")
BASE = Chart("base", VERSION, "default-base", "sail-operator", OWNER, "hub")
CNI = Chart("cni", VERSION, "istio-cni", "istio-cni", OWNER, "hub")

PRIMARY_SPEC: Manifest = {
    "namespace": "istio-system",
    "version": "v1.28.3",
    "values": {
        "global": {
            "externalIstiod": True,
            "meshID": "mesh1",
            "multiCluster": {"clusterName": "cluster1"},
            "network": "network1",
        }
    },
}
REMOTE_SPEC: Manifest = {
    "namespace": "istio-system",
    "version": "v1.28.3",
    "profile": "remote",
    "values": {
        "global": {"remotePilotAddress": "172.31.77.97"},
        "istiodRemote": {"injectionPath": "/inject/cluster/cluster2/net/network2"},
    },
}
VENDOR_PILOT = {"cni": {"enabled": True, "provider": "multus"}, "resources": {"limits": {"cpu": "2", "memory": "4Gi"}}}


def primary(extra: Manifest | None = None, flavour: Flavour = Flavour.VENDOR) -> Manifest:
    spec = {**PRIMARY_SPEC, "values": layered(PRIMARY_SPEC["values"], extra or {})}
    return revision_values(flavour, spec, "default")


def remote(extra: Manifest | None = None) -> Manifest:
    spec = {**REMOTE_SPEC, "values": layered(REMOTE_SPEC["values"], extra or {})}
    return revision_values(Flavour.VENDOR, spec, "default")


def names(objects: list[Manifest]) -> list[str]:
    return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in objects]


def one(objects: list[Manifest], name: str) -> Manifest:
    return next(obj for obj in objects if f"{obj['kind']}/{obj['metadata']['name']}" == name)


def test_values_of_revisions() -> None:
    assert primary() == {
        "defaultRevision": "",
        "global": {
            "configValidation": True,
            "externalIstiod": True,
            "istioNamespace": "istio-system",
            "meshID": "mesh1",
            "multiCluster": {"clusterName": "cluster1"},
            "network": "network1",
        },
        "pilot": VENDOR_PILOT,
        "revision": "",
    }
    assert remote() == {
        "defaultRevision": "",
        "global": {"configValidation": True, "istioNamespace": "istio-system", "remotePilotAddress": "172.31.77.97"},
        "istiodRemote": {"injectionPath": "/inject/cluster/cluster2/net/network2"},
        "pilot": VENDOR_PILOT,
        "profile": "remote",
        "revision": "",
    }
    upstream = primary(flavour=Flavour.UPSTREAM)
    assert "defaultRevision" not in upstream
    assert "pilot" not in upstream


RENDERED = {
    "primary": (
        render_istiod(ISTIOD, primary(), upgrade=False),
        [
            "ServiceAccount/istiod",
            "ConfigMap/istio",
            "ConfigMap/values",
            "ConfigMap/istio-sidecar-injector",
            "ClusterRole/istiod-clusterrole-istio-system",
            "ClusterRole/istio-reader-clusterrole-istio-system",
            "ClusterRole/istiod-gateway-controller-istio-system",
            "ClusterRoleBinding/istio-reader-clusterrole-istio-system",
            "ClusterRoleBinding/istiod-clusterrole-istio-system",
            "ClusterRoleBinding/istiod-gateway-controller-istio-system",
            "Role/istiod",
            "RoleBinding/istiod",
            "Service/istiod",
            "Deployment/istiod",
            "HorizontalPodAutoscaler/istiod",
            "MutatingWebhookConfiguration/istio-sidecar-injector",
            "ValidatingWebhookConfiguration/istio-validator-istio-system",
        ],
    ),
    "remote": (
        render_istiod(ISTIOD, remote(), upgrade=False),
        [
            "ConfigMap/values",
            "ClusterRole/istio-reader-clusterrole-istio-system",
            "ClusterRoleBinding/istio-reader-clusterrole-istio-system",
            "Service/istiod",
            "EndpointSlice/istiod",
            "MutatingWebhookConfiguration/istio-sidecar-injector",
        ],
    ),
    "remote without an address": (
        render_istiod(ISTIOD, remote({"global": {"remotePilotAddress": ""}}), upgrade=False),
        [
            "ConfigMap/values",
            "ClusterRole/istio-reader-clusterrole-istio-system",
            "ClusterRoleBinding/istio-reader-clusterrole-istio-system",
            "MutatingWebhookConfiguration/istio-sidecar-injector",
        ],
    ),
    "base of the vendor": (
        render_base(BASE, primary(), upgrade=False),
        ["ServiceAccount/istio-reader-service-account"],
    ),
    "base of upstream": (
        render_base(BASE, primary(flavour=Flavour.UPSTREAM), upgrade=False),
        ["ServiceAccount/istio-reader-service-account", "ValidatingWebhookConfiguration/istiod-default-validator"],
    ),
    "cni of the vendor": (
        render_cni(CNI, cni_values(Flavour.VENDOR, {}), upgrade=False),
        [
            "ServiceAccount/istio-cni",
            "ConfigMap/istio-cni-config",
            "ClusterRole/istio-cni",
            "ClusterRole/istio-cni-repair-role",
            "ClusterRoleBinding/istio-cni",
            "ClusterRoleBinding/istio-cni-repair-rolebinding",
            "DaemonSet/istio-cni-node",
            "NetworkAttachmentDefinition/istio-cni",
        ],
    ),
}


@pytest.mark.parametrize("what", RENDERED)
def test_objects_in_helms_order(what: str) -> None:
    objects, wanted = RENDERED[what]
    assert names(objects) == wanted


def test_upstreams_cni_needs_no_multus() -> None:
    assert "NetworkAttachmentDefinition/istio-cni" not in names(
        render_cni(CNI, cni_values(Flavour.UPSTREAM, {}), upgrade=False)
    )


LABELS = {
    "Service/istiod": ("app", "istio", "istio.io/rev", "operator.istio.io/component", "release"),
    "Deployment/istiod": ("app", "istio", "istio.io/rev", "operator.istio.io/component", "release"),
    "HorizontalPodAutoscaler/istiod": ("app", "istio.io/rev", "operator.istio.io/component", "release"),
    "ServiceAccount/istiod": ("app", "release"),
    "ClusterRole/istiod-clusterrole-istio-system": ("app", "release"),
    "MutatingWebhookConfiguration/istio-sidecar-injector": (
        "app",
        "istio.io/rev",
        "operator.istio.io/component",
        "release",
    ),
    "ValidatingWebhookConfiguration/istio-validator-istio-system": ("app", "istio", "istio.io/rev", "release"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_beyond_helms(name: str) -> None:
    obj = one(RENDERED["primary"][0], name)
    metadata = obj["metadata"]
    convention = {
        "app.kubernetes.io/instance": "default-istiod",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/name": "istiod",
        "app.kubernetes.io/part-of": "istio",
        "app.kubernetes.io/version": VERSION,
        "helm.sh/chart": f"istiod-{VERSION}",
        "managed-by": "sail-operator",
    }
    assert convention.items() <= metadata["labels"].items()
    assert metadata["labels"].keys() - convention.keys() == set(LABELS[name])
    assert metadata["annotations"] == {
        "meta.helm.sh/release-name": "default-istiod",
        "meta.helm.sh/release-namespace": "istio-system",
    }
    assert metadata["ownerReferences"] == [OWNER]


def env(values: Manifest) -> dict[str, Any]:
    container = one(render_istiod(ISTIOD, values, upgrade=False), "Deployment/istiod")
    entries = dig(container, "spec", "template", "spec", "containers", 0, "env")
    assert len({entry["name"] for entry in entries}) == len(entries)
    return {entry["name"]: entry.get("value") for entry in entries}


def test_environment_of_istiod() -> None:
    assert list(env(primary())) == [
        "REVISION",
        "PILOT_CERT_PROVIDER",
        "POD_NAME",
        "POD_NAMESPACE",
        "SERVICE_ACCOUNT",
        "KUBECONFIG",
        "CA_TRUSTED_NODE_ACCOUNTS",
        "PILOT_TRACE_SAMPLING",
        "EXTERNAL_ISTIOD",
        "PILOT_ENABLE_ANALYSIS",
        "CLUSTER_ID",
        "GOMEMLIMIT",
        "GOMAXPROCS",
        "PLATFORM",
    ]
    assert env(primary())["CLUSTER_ID"] == "cluster1"
    assert env(primary())["EXTERNAL_ISTIOD"] == "true"
    both = env(primary({"pilot": {"env": {"EXTERNAL_ISTIOD": "true", "PILOT_ENABLE_STATUS": "true"}}}))
    assert both["EXTERNAL_ISTIOD"] == both["PILOT_ENABLE_STATUS"] == "true"
    assert "EXTERNAL_ISTIOD" not in env(primary({"global": {"externalIstiod": False}}))
    assert env(primary({"global": {"multiCluster": {"clusterName": ""}}}))["CLUSTER_ID"] == "Kubernetes"


@pytest.mark.parametrize(
    ("extra", "image"),
    [
        ({}, f"hub/pilot:{VERSION}"),
        ({"global": {"hub": "mirror.invalid/istio", "tag": "1.2.3"}}, "mirror.invalid/istio/pilot:1.2.3"),
        ({"pilot": {"image": "mirror.invalid/pilot:9"}}, "mirror.invalid/pilot:9"),
    ],
)
def test_image_of_istiod(extra: Manifest, image: str) -> None:
    deployment = one(render_istiod(ISTIOD, primary(extra), upgrade=False), "Deployment/istiod")
    assert dig(deployment, "spec", "template", "spec", "containers", 0, "image") == image


def test_pull_secrets_and_replicas() -> None:
    values = primary(
        {"global": {"imagePullSecrets": ["pull"]}, "pilot": {"autoscaleEnabled": False, "replicaCount": 2}}
    )
    objects = render_istiod(ISTIOD, values, upgrade=False)
    assert one(objects, "ServiceAccount/istiod")["imagePullSecrets"] == [{"name": "pull"}]
    assert one(objects, "Deployment/istiod")["spec"]["replicas"] == 2
    assert "HorizontalPodAutoscaler/istiod" not in names(objects)
    assert "PodDisruptionBudget/istiod" in names(objects)
    account = render_base(BASE, values, upgrade=False)[0]
    assert account["imagePullSecrets"] == [{"name": "pull"}]


def test_services() -> None:
    here = one(RENDERED["primary"][0], "Service/istiod")["spec"]
    assert [(p["name"], p["port"], p["targetPort"]) for p in here["ports"]] == [
        ("grpc-xds", 15010, 15010),
        ("https-dns", 15012, 15012),
        ("https-webhook", 443, 15017),
        ("http-monitoring", 15014, 15014),
    ]
    assert here["selector"] == {"app": "istiod", "istio": "pilot"}
    there = RENDERED["remote"][0]
    spec = one(there, "Service/istiod")["spec"]
    assert "selector" not in spec
    assert [(p["name"], p["port"], p["targetPort"]) for p in spec["ports"]] == [
        ("tcp-istiod", 15012, 15012),
        ("tcp-webhook", 443, 15017),
    ]
    endpoints = one(there, "EndpointSlice/istiod")
    assert endpoints["addressType"] == "IPv4"
    assert endpoints["endpoints"] == [{"addresses": ["172.31.77.97"], "conditions": {}}]
    assert [port["port"] for port in endpoints["ports"]] == [15012, 15017]
    assert endpoints["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "Helm"
    assert endpoints["metadata"]["labels"]["kubernetes.io/service-name"] == "istiod"


WEBHOOKS = {
    "rev.namespace": (
        [("istio.io/rev", "In", ["default"]), ("istio-injection", "DoesNotExist", None)],
        [("sidecar.istio.io/inject", "NotIn", ["false"])],
    ),
    "rev.object": (
        [("istio.io/rev", "DoesNotExist", None), ("istio-injection", "DoesNotExist", None)],
        [("sidecar.istio.io/inject", "NotIn", ["false"]), ("istio.io/rev", "In", ["default"])],
    ),
    "namespace": ([("istio-injection", "In", ["enabled"])], [("sidecar.istio.io/inject", "NotIn", ["false"])]),
    "object": (
        [("istio-injection", "DoesNotExist", None), ("istio.io/rev", "DoesNotExist", None)],
        [("sidecar.istio.io/inject", "In", ["true"]), ("istio.io/rev", "DoesNotExist", None)],
    ),
}


def test_injection_webhooks() -> None:
    def expressions(selector: Manifest) -> list[tuple[str, str, list[str] | None]]:
        return [(e["key"], e["operator"], e.get("values")) for e in selector["matchExpressions"]]

    config = one(RENDERED["remote"][0], "MutatingWebhookConfiguration/istio-sidecar-injector")
    assert [w["name"] for w in config["webhooks"]] == [f"{name}.sidecar-injector.istio.io" for name in WEBHOOKS]
    for webhook, (namespaces, pods) in zip(config["webhooks"], WEBHOOKS.values(), strict=True):
        assert expressions(webhook["namespaceSelector"]) == namespaces
        assert expressions(webhook["objectSelector"]) == pods
        assert webhook["failurePolicy"] == "Fail"
        assert webhook["timeoutSeconds"] == 10
        assert webhook["clientConfig"] == {
            "service": {
                "name": "istiod",
                "namespace": "istio-system",
                "path": "/inject/cluster/cluster2/net/network2",
                "port": 443,
            }
        }


@pytest.mark.parametrize(("upgrade", "policy"), [(False, "Ignore"), (True, None)])
def test_validation_gives_its_policy_only_at_first(upgrade: bool, policy: str | None) -> None:
    config = render_istiod(ISTIOD, primary(), upgrade=upgrade)[-1]
    default = render_base(BASE, primary(flavour=Flavour.UPSTREAM), upgrade=upgrade)[-1]
    for one_config in (config, default):
        assert one_config["webhooks"][0].get("failurePolicy") == policy
    assert config["webhooks"][0]["objectSelector"] == {
        "matchExpressions": [{"key": "istio.io/rev", "operator": "In", "values": ["default"]}]
    }


def test_the_remote_reader_may_write_what_istiod_writes_there() -> None:
    def rules(what: str) -> list[Manifest]:
        role = one(RENDERED[what][0], "ClusterRole/istio-reader-clusterrole-istio-system")
        return list(role["rules"])

    assert rules("remote")[: len(rules("primary"))] == rules("primary")
    extra = rules("remote")[len(rules("primary")) :]
    assert [(rule["resources"], "update" in rule["verbs"]) for rule in extra] == [
        (["configmaps"], True),
        (["mutatingwebhookconfigurations"], True),
        (["validatingwebhookconfigurations"], True),
    ]


def test_cni_settings_reach_the_node_agent() -> None:
    values = {"cni": {"cniConfDir": "/etc/cni/multus/net.d", "excludeNamespaces": ["istio-cni", "kube-system"]}}
    objects = render_cni(CNI, cni_values(Flavour.VENDOR, {"values": values}), upgrade=False)
    settings = one(objects, "ConfigMap/istio-cni-config")["data"]
    assert settings["EXCLUDE_NAMESPACES"] == "istio-cni,kube-system"
    assert settings["CHAINED_CNI_PLUGIN"] == "false"
    assert settings["CNI_CONF_NAME"] == "istio-cni.conf"
    pod = one(objects, "DaemonSet/istio-cni-node")["spec"]["template"]["spec"]
    paths = {volume["name"]: volume["hostPath"]["path"] for volume in pod["volumes"]}
    assert paths["cni-net-dir"] == "/etc/cni/multus/net.d"
    assert pod["priorityClassName"] == "system-node-critical"
    assert pod["containers"][0]["image"] == f"hub/install-cni:{VERSION}"
    assert one(objects, "NetworkAttachmentDefinition/istio-cni")["metadata"]["namespace"] == "default"


def injector(values: Manifest) -> Any:
    config = one(render_istiod(ISTIOD, values, upgrade=False), "ConfigMap/istio-sidecar-injector")["data"]
    json.loads(config["values"])
    return yaml.safe_load(config["config"])


def test_the_gateway_template_has_one_sysctl_in_its_else_branch() -> None:
    text = injector(primary())["templates"]["gateway"]
    _, _, rest = text.partition("{{- else }}")
    branch, _, _ = rest.partition("{{- end }}")
    wanted = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    assert yaml.safe_load(branch) == {"sysctls": wanted}
    assert text.count("sysctls:") == 1


def test_a_template_in_the_values_replaces_the_built_in_one_only() -> None:
    built_in = injector(primary())["templates"]
    mine = "spec:\n  securityContext:\n    sysctls: []\n"
    templates = injector(primary({"sidecarInjectorWebhook": {"templates": {"gateway": mine}}}))["templates"]
    assert templates == {"sidecar": built_in["sidecar"], "gateway": mine}
    again = injector(primary({"sidecarInjectorWebhook": {"templates": {"gateway": built_in["gateway"]}}}))["templates"]
    assert again == built_in


@pytest.mark.parametrize(
    ("address", "ipv6", "wanted"),
    [
        ("172.18.100.1", False, "IPv4"),
        ("gateway.lab.invalid", False, ""),
        ("172.18.100.1:15012", False, ""),
        ("fd00::1", False, ""),
        ("fd00::1", True, "IPv6"),
        ("fd00::zz", True, ""),
    ],
)
def test_address_type(address: str, ipv6: bool, wanted: str) -> None:
    assert address_type(address, ipv6=ipv6) == wanted


def test_another_revision_leaves_its_name_everywhere() -> None:
    spec = {**PRIMARY_SPEC, "namespace": "mesh"}
    objects = render_istiod(ISTIOD, revision_values(Flavour.VENDOR, spec, "default-v1-28-3"), upgrade=False)
    assert "Deployment/istiod-default-v1-28-3" in names(objects)
    assert "MutatingWebhookConfiguration/istio-sidecar-injector-default-v1-28-3-mesh" in names(objects)
    assert (
        len(one(objects, "MutatingWebhookConfiguration/istio-sidecar-injector-default-v1-28-3-mesh")["webhooks"]) == 2
    )
