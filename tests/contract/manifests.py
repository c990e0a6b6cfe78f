"""Objects and paths that many tests use."""

from typing import Any

from meshctl.objects import Manifest

NAMESPACES = "/api/v1/namespaces"
GROUP = "contract.example.com"
WIDGETS = f"/apis/{GROUP}/v1/widgets"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def maps(namespace: str, name: str = "") -> str:
    """Return the path of ConfigMaps, or of one."""
    return core(namespace, "configmaps", name)


def core(namespace: str, plural: str, name: str = "") -> str:
    """Return a path of the core group."""
    return f"{NAMESPACES}/{namespace}/{plural}" + (f"/{name}" if name else "")


def apps(namespace: str, plural: str, name: str = "") -> str:
    """Return a path of the group apps."""
    return f"/apis/apps/v1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def leases(namespace: str, name: str = "") -> str:
    """Return the path of Leases, or of one."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
    return path + (f"/{name}" if name else "")


def config_map(name: str = "x", data: dict[str, str] | None = None, **metadata: Any) -> Manifest:
    """Return a ConfigMap; without data it has no field besides its name."""
    obj: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    return obj if data is None else {**obj, "data": data}


def service(name: str = "x", **spec: Any) -> Manifest:
    """Return a Service."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def container(name: str = "app", image: str = "example.invalid/app:1", **more: Any) -> Manifest:
    """Return a container."""
    return {"name": name, "image": image, **more}


def pod(name: str = "x", *containers: Manifest, **spec: Any) -> Manifest:
    """Return a Pod."""
    listed = list(containers) or [container()]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": listed, **spec}}


def deployment(name: str = "x", *containers: Manifest, **spec: Any) -> Manifest:
    """Return a Deployment."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": list(containers) or [container()]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def widget(name: str = "x", spec: Manifest | None = None, **metadata: Any) -> Manifest:
    """Return a Widget, the tests' own kind."""
    obj: Manifest = {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": name, **metadata}}
    return obj if spec is None else {**obj, "spec": spec}


def widget_definition() -> Manifest:
    """Return the definition of Widget: cluster-scoped like Istio; with status, enum, defaults, keyed lists, rules."""
    text = {"type": "string"}
    part = {"type": "object", "required": ["name"], "properties": {"name": text, "size": {"type": "integer"}}}
    condition = {
        "type": "object",
        "required": ["type", "status"],
        "properties": dict.fromkeys(("type", "status", "reason", "message"), text),
    }
    keyed = {"type": "array", "x-kubernetes-list-type": "map"}
    spec = {
        "type": "object",
        "properties": {
            "version": {"type": "string", "enum": ["v2", "v1"]},
            "replicas": {"type": "integer", "minimum": 0, "maximum": 9},
            "colour": {"type": "string", "default": "red"},
            "pattern": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "values": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
            "plain": {"type": "array", "items": text},
            "parts": {**keyed, "x-kubernetes-list-map-keys": ["name"], "items": part},
        },
        "x-kubernetes-validations": [
            {"rule": "!has(self.replicas) || self.replicas != 3", "message": "three is not a number of replicas"}
        ],
    }
    status = {
        "type": "object",
        "properties": {
            "state": text,
            "conditions": {**keyed, "x-kubernetes-list-map-keys": ["type"], "items": condition},
        },
    }
    schema = {
        "type": "object",
        "properties": {"spec": spec, "status": status},
        "x-kubernetes-validations": [{"rule": "self.metadata.name != 'forbidden'", "message": "not that name"}],
    }
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "Version", "type": "string", "jsonPath": ".spec.version"},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    names = {
        "kind": "Widget",
        "listKind": "WidgetList",
        "plural": "widgets",
        "singular": "widget",
        "shortNames": ["wd"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Cluster", "versions": [version]},
    }
