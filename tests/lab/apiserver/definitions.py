"""A custom resource definition like those of the Sail operator, small."""

from meshctl.objects import Manifest

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CNIS = "/apis/sailoperator.io/v1/istiocnis"
_TEXT: Manifest = {"type": "string"}
_OPEN: Manifest = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_NAMED: Manifest = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "required": ["name"], "properties": {"name": _TEXT, "v": _TEXT}},
}
_SPEC: Manifest = {
    "type": "object",
    "required": ["namespace", "version"],
    "properties": {
        "namespace": {"type": "string", "default": "istio-cni"},
        "version": {"type": "string", "enum": ["v1.28.3", "v1.28.1"]},
        "count": {"type": "integer", "maximum": 3},
        "list": {"type": "array", "items": {"type": "object", "properties": {"a": _TEXT}}},
        "named": _NAMED,
        "values": {"type": "object", "properties": {"cni": _OPEN}},
    },
}
_SCHEMA: Manifest = {
    "type": "object",
    "properties": {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": {"type": "object"},
        "spec": _SPEC,
        "status": _OPEN,
    },
    "x-kubernetes-validations": [
        {"rule": "self.metadata.name == 'default'", "message": "metadata.name must be 'default'"}
    ],
}
_COLUMNS: list[Manifest] = [
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
    {"name": "Version", "type": "string", "jsonPath": ".spec.version"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
]
ISTIO_CNI: Manifest = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "istiocnis.sailoperator.io"},
    "spec": {
        "group": "sailoperator.io",
        "scope": "Cluster",
        "names": {"kind": "IstioCNI", "plural": "istiocnis"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": _COLUMNS,
                "schema": {"openAPIV3Schema": _SCHEMA},
            }
        ],
    },
}


def cni(name: str = "default", /, **spec: object) -> Manifest:
    return {"apiVersion": "sailoperator.io/v1", "kind": "IstioCNI", "metadata": {"name": name}, "spec": spec}
