"""The istiod chart, with a control plane of its own or pointing to a remote one, and the base chart."""

import ipaddress
import re

from meshctl.lab.controllers.charts.deployment import deployment
from meshctl.lab.controllers.charts.injector import injection, mesh_config, shown_values
from meshctl.lab.controllers.charts.metadata import Chart
from meshctl.lab.controllers.charts.rbac import account, cluster_binding, cluster_role, role_ref, rules
from meshctl.lab.controllers.charts.values import remote
from meshctl.lab.controllers.charts.webhooks import default_validator, injector, suffixed, validator
from meshctl.names import (
    ENDPOINT_SLICE,
    HPA,
    POD_DISRUPTION_BUDGET,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
)
from meshctl.objects import Manifest, dig

_READER = "istio-reader-service-account"


def render_istiod(chart: Chart, values: Manifest, *, upgrade: bool, ipv6: bool = False) -> list[Manifest]:
    """Return the objects of the istiod chart, in the order in which Helm creates them.

    `ipv6`: whether this version of the chart knows an IPv6 address when it sees one.
    """
    if remote(values):
        return _remote(chart, values, ipv6=ipv6)
    return _primary(chart, values, upgrade=upgrade)


def render_base(chart: Chart, values: Manifest, *, upgrade: bool) -> list[Manifest]:
    """Return the objects of the base chart: the reader account and, unless switched off, the default validator."""
    namespace = values["global"]["istioNamespace"]
    labels = {"app": "istio-reader", "release": chart.release}
    objects = [chart.made(SERVICE_ACCOUNT, _READER, namespace, labels, **_pull_secrets(values))]
    if values.get("defaultRevision") != "":
        objects.append(default_validator(chart, values, upgrade=upgrade))
    return objects


def _pull_secrets(values: Manifest) -> Manifest:
    names = dig(values, "global", "imagePullSecrets") or []
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _reader(chart: Chart, values: Manifest, *tables: str) -> list[Manifest]:
    namespace = values["global"]["istioNamespace"]
    name = suffixed("istio-reader-clusterrole", values["revision"]) + f"-{namespace}"
    labels = {"app": "istio-reader", "app.kubernetes.io/name": "istio-reader", "release": chart.release}
    return [
        cluster_role(chart, name, tables, labels),
        cluster_binding(chart, name, name, (_READER, namespace), labels),
    ]


# --- a control plane of its own ------------------------------------------------------------------------------------


def _primary(chart: Chart, values: Manifest, *, upgrade: bool) -> list[Manifest]:
    namespace, revision = values["global"]["istioNamespace"], values["revision"]
    name = suffixed("istiod", revision)
    app = {"app": "istiod", "release": chart.release}
    pilot = {**app, "istio.io/rev": revision or "default", "operator.istio.io/component": "Pilot"}
    server = {**pilot, "istio": "pilot" if not revision else "istiod"}
    reader_role, reader_binding = _reader(chart, values, "reader")
    objects = [
        chart.made(SERVICE_ACCOUNT, name, namespace, app, **_pull_secrets(values)),
        mesh_config(chart, values),
        shown_values(chart, values),
        injection(chart, values),
        cluster_role(chart, _cluster_name("istiod-clusterrole", values), ("istiod",), app),
        reader_role,
        cluster_role(chart, _cluster_name("istiod-gateway-controller", values), ("gateway-controller",), app),
        reader_binding,
        _bound(chart, values, "istiod-clusterrole", app),
        _bound(chart, values, "istiod-gateway-controller", app),
        chart.made(ROLE, name, namespace, app, rules=rules("istiod-namespace")),
        chart.made(
            ROLE_BINDING, name, namespace, app, roleRef=role_ref("Role", name), subjects=[account(name, namespace)]
        ),
        chart.made(SERVICE, name, namespace, server, spec=_service_spec(values)),
        deployment(chart, values, server),
    ]
    if _autoscaled(values):
        objects.append(chart.made(HPA, name, namespace, pilot, spec=_autoscaler(values)))
    if _least_replicas(values) > 1:
        budget = {"minAvailable": 1, "selector": {"matchLabels": _pods(values)}}
        objects.append(chart.made(POD_DISRUPTION_BUDGET, name, namespace, {**pilot, **_pods(values)}, spec=budget))
    webhooks = [injector(chart, values)]
    if dig(values, "global", "configValidation"):
        webhooks.append(validator(chart, values, upgrade=upgrade))
    return [*objects, *webhooks]


def _cluster_name(name: str, values: Manifest) -> str:
    return f"{suffixed(name, values['revision'])}-{values['global']['istioNamespace']}"


def _bound(chart: Chart, values: Manifest, role: str, labels: dict[str, str]) -> Manifest:
    name = _cluster_name(role, values)
    subject = (suffixed("istiod", values["revision"]), values["global"]["istioNamespace"])
    return cluster_binding(chart, name, name, subject, labels)


def _pods(values: Manifest) -> dict[str, str]:
    return (
        {"app": "istiod", "istio.io/rev": values["revision"]}
        if values["revision"]
        else {"app": "istiod", "istio": "pilot"}
    )


def _service_spec(values: Manifest) -> Manifest:
    ports = (
        ("grpc-xds", 15010, 15010),
        ("https-dns", 15012, 15012),
        ("https-webhook", 443, 15017),
        ("http-monitoring", 15014, 15014),
    )
    return {"type": "ClusterIP", "ports": [_port(*one) for one in ports], "selector": _pods(values)}


def _port(name: str, port: int, target: int) -> Manifest:
    return {"name": name, "port": port, "targetPort": target, "protocol": "TCP"}


def _autoscaled(values: Manifest) -> bool:
    return bool((values.get("pilot") or {}).get("autoscaleEnabled", True))


def _least_replicas(values: Manifest) -> int:
    pilot = values.get("pilot") or {}
    return int((pilot.get("autoscaleMin") if _autoscaled(values) else pilot.get("replicaCount")) or 1)


def _autoscaler(values: Manifest) -> Manifest:
    pilot = values.get("pilot") or {}
    target = {"averageUtilization": dig(pilot, "cpu", "targetAverageUtilization") or 80, "type": "Utilization"}
    return {
        "minReplicas": pilot.get("autoscaleMin") or 1,
        "maxReplicas": pilot.get("autoscaleMax") or 5,
        "metrics": [{"resource": {"name": "cpu", "target": target}, "type": "Resource"}],
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": suffixed("istiod", values["revision"]),
        },
    }


# --- a remote control plane ----------------------------------------------------------------------------------------


def address_type(address: str, *, ipv6: bool) -> str:
    """Return the EndpointSlice's type of a control plane's address; nothing when the chart takes it for a name."""
    if re.fullmatch(r"([0-9]*\.){3}[0-9]*", address):
        return "IPv4"
    if ipv6 and ":" in address:
        try:
            return "IPv6" if ipaddress.ip_address(address).version == 6 else ""
        except ValueError:
            return ""
    return ""


def _remote(chart: Chart, values: Manifest, *, ipv6: bool) -> list[Manifest]:
    # Nobody but the config cluster is asked to validate, so there is no validating webhook here.
    return [
        shown_values(chart, values),
        *_reader(chart, values, "reader", "reader-remote"),
        *_way_to_istiod(chart, values, ipv6=ipv6),
        injector(chart, values),
    ]


def _way_to_istiod(chart: Chart, values: Manifest, *, ipv6: bool) -> list[Manifest]:
    address = str(dig(values, "global", "remotePilotAddress") or "")
    if not address:
        return []
    namespace, revision = values["global"]["istioNamespace"], values["revision"]
    name = suffixed("istiod", revision)
    labels = {"istio.io/rev": revision or "default"}
    ports = [_port("tcp-istiod", 15012, 15012), _port("tcp-webhook", 443, 15017)]
    family = address_type(address, ipv6=ipv6)
    if not family:
        spec: Manifest = {"type": "ExternalName", "externalName": address, "ports": ports}
        return [chart.made(SERVICE, name, namespace, labels, spec=spec)]
    slice_labels = {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "Helm"}
    endpoints = {
        "addressType": family,
        "endpoints": [{"addresses": [address], "conditions": {}}],
        "ports": [
            {"name": "tcp-istiod", "port": 15012, "protocol": "TCP"},
            {"name": "tcp-webhook", "port": 15017, "protocol": "TCP"},
        ],
    }
    return [
        chart.made(SERVICE, name, namespace, labels, spec={"type": "ClusterIP", "ports": ports}),
        chart.made(ENDPOINT_SLICE, name, namespace, slice_labels, **endpoints),
    ]
