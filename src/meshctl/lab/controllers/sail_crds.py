"""The CustomResourceDefinitions that are on a cluster once the Sail operator (and Multus) are installed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from meshctl.lab.controllers.sail_versions import Build, named
from meshctl.names import IP_ADDRESS_POOL, NETWORK_ATTACHMENT
from meshctl.objects import Kind, Manifest

_OPEN: Manifest = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_TEXT: Manifest = {"type": "string"}
_COUNT: Manifest = {"type": "integer", "format": "int32"}
_ISTIO_VALUES = (
    "base",
    "defaultRevision",
    "experimental",
    "gatewayClasses",
    "global",
    "istiodRemote",
    "meshConfig",
    "pilot",
    "profile",
    "revision",
    "revisionTags",
    "sidecarInjectorWebhook",
    "telemetry",
    "ztunnel",
)
_CNI_VALUES = ("cni", "global")
_NAMESPACE_RULE = {
    "rule": "!has(self.values) || !has(self.values.global) || !has(self.values.global.istioNamespace)"
    " || self.values.global.istioNamespace == self.__namespace__",
    "message": "spec.values.global.istioNamespace must match spec.namespace",
}


@dataclass(frozen=True, slots=True)
class _Served:
    """How one version of a kind is served."""

    name: str
    schema: Manifest
    columns: tuple[tuple[str, str, str], ...] = ()
    status: bool = True


def _crd(
    kind: Kind, served: Sequence[_Served], *, short: Sequence[str] = (), group_names: Sequence[str] = ()
) -> Manifest:
    names: Manifest = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
    }
    if short:
        names["shortNames"] = list(short)
    if group_names:
        names["categories"] = list(group_names)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [_version(one, stored=place == 0) for place, one in enumerate(served)],
        },
    }


def _version(served: _Served, *, stored: bool) -> Manifest:
    version: Manifest = {
        "name": served.name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": served.schema},
    }
    if served.columns:
        version["additionalPrinterColumns"] = [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in served.columns
        ]
    if served.status:
        version["subresources"] = {"status": {}}
    return version


def _object(properties: Manifest, **more: Any) -> Manifest:
    return {"type": "object", "properties": properties, **more}


def _conditions() -> Manifest:
    entry = _object(
        {
            "type": _TEXT,
            "status": _TEXT,
            "reason": _TEXT,
            "message": _TEXT,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
        }
    )
    return {"type": "array", "items": entry}


def _status(**more: Manifest) -> Manifest:
    return _object(
        {
            "observedGeneration": {"type": "integer", "format": "int64"},
            "conditions": _conditions(),
            "state": _TEXT,
            **more,
        }
    )


def _versions(installed: Build, *, aliases: bool = True) -> Manifest:
    def kept(versions: Sequence[str]) -> list[str]:
        return [v for v in versions if aliases or not v.endswith("-latest")]

    return {
        "type": "string",
        "description": f"The Istio version to install. Must be one of: {', '.join(kept(named(installed)))}.",
        "enum": kept(installed.offered),
    }


def _values(keys: Sequence[str]) -> Manifest:
    properties: Manifest = dict.fromkeys(keys, _OPEN)
    for text in ("profile", "revision", "defaultRevision"):
        if text in properties:
            properties[text] = _TEXT
    if "revisionTags" in properties:
        properties["revisionTags"] = {"type": "array", "items": _TEXT}
    if "istiodRemote" in properties:
        properties["global"] = {**_OPEN, "properties": {"istioNamespace": _TEXT}}
    return _object(properties)


def _fixed_namespace(default: str = "") -> Manifest:
    namespace: Manifest = {
        **_TEXT,
        "description": "Where the operator installs to; it cannot be changed later.",
        "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "Value is immutable"}],
    }
    return {**namespace, "default": default} if default else namespace


def _root(spec: Manifest, status: Manifest, *rules: Manifest) -> Manifest:
    schema = _object(
        {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}, "spec": spec, "status": status}
    )
    if rules:
        schema["x-kubernetes-validations"] = list(rules)
    return schema


_READY = '.status.conditions[?(@.type=="Ready")].status'
_IN_USE = '.status.conditions[?(@.type=="InUse")].status'
_STATUS_COLUMNS = (("Status", "string", ".status.state"), ("Version", "string", ".spec.version"))
_AGE = ("Age", "date", ".metadata.creationTimestamp")


def _istio(installed: Build) -> Manifest:
    spec = _object(
        {
            "version": {**_versions(installed), "default": installed.installable[0][0]},
            "namespace": _fixed_namespace("istio-system"),
            "profile": _TEXT,
            "updateStrategy": _object(
                {
                    "type": {"type": "string", "enum": ["InPlace", "RevisionBased"], "default": "InPlace"},
                    "inactiveRevisionDeletionGracePeriodSeconds": {"type": "integer", "format": "int64", "minimum": 0},
                    "updateWorkloads": {"type": "boolean"},
                },
                default={"type": "InPlace"},
            ),
            "values": _values(_ISTIO_VALUES),
        },
        required=["namespace", "version"],
        **{"x-kubernetes-validations": [_NAMESPACE_RULE]},
    )
    status = _status(activeRevisionName=_TEXT, revisions=_object({"total": _COUNT, "ready": _COUNT, "inUse": _COUNT}))
    columns = (
        ("Namespace", "string", ".spec.namespace"),
        ("Profile", "string", ".spec.profile"),
        ("Revisions", "string", ".status.revisions.total"),
        ("Ready", "string", ".status.revisions.ready"),
        ("In use", "string", ".status.revisions.inUse"),
        ("Active Revision", "string", ".status.activeRevisionName"),
        *_STATUS_COLUMNS,
        _AGE,
    )
    kind = Kind("Istio", "istios", group="sailoperator.io", namespaced=False)
    return _crd(kind, [_Served("v1", _root(spec, status), columns)], group_names=["istio-io"])


def _revision(installed: Build) -> Manifest:
    spec = _object(
        {
            "version": _versions(installed, aliases=False),
            "namespace": _fixed_namespace(),
            "values": _values(_ISTIO_VALUES),
        },
        required=["namespace", "version"],
        **{"x-kubernetes-validations": [_NAMESPACE_RULE]},
    )
    columns = (
        ("Namespace", "string", ".spec.namespace"),
        ("Profile", "string", ".spec.values.profile"),
        ("Ready", "string", _READY),
        _STATUS_COLUMNS[0],
        ("In use", "string", _IN_USE),
        _STATUS_COLUMNS[1],
        _AGE,
    )
    kind = Kind("IstioRevision", "istiorevisions", group="sailoperator.io", namespaced=False)
    return _crd(kind, [_Served("v1", _root(spec, _status()), columns)], short=["istiorev"], group_names=["istio-io"])


def _cni(installed: Build) -> Manifest:
    spec = _object(
        {
            "version": {**_versions(installed), "default": installed.installable[0][0]},
            "namespace": _fixed_namespace("istio-cni"),
            "profile": _TEXT,
            "values": _values(_CNI_VALUES),
        },
        required=["namespace", "version"],
    )
    columns = (
        ("Namespace", "string", ".spec.namespace"),
        ("Profile", "string", ".spec.profile"),
        ("Ready", "string", _READY),
        *_STATUS_COLUMNS,
        _AGE,
    )
    named_default = {"rule": "self.metadata.name == 'default'", "message": "metadata.name must be 'default'"}
    kind = Kind("IstioCNI", "istiocnis", group="sailoperator.io", namespaced=False)
    return _crd(kind, [_Served("v1", _root(spec, _status(), named_default), columns)], group_names=["istio-io"])


def _tag() -> Manifest:
    target = _object(
        {"kind": {"type": "string", "enum": ["Istio", "IstioRevision"]}, "name": _TEXT}, required=["kind", "name"]
    )
    spec = _object({"targetRef": target}, required=["targetRef"])
    status = _status(istioRevision=_TEXT, istiodNamespace=_TEXT)
    columns = (
        _STATUS_COLUMNS[0],
        ("In use", "string", _IN_USE),
        ("Revision", "string", ".status.istioRevision"),
        _AGE,
    )
    kind = Kind("IstioRevisionTag", "istiorevisiontags", group="sailoperator.io", namespaced=False)
    return _crd(kind, [_Served("v1", _root(spec, status), columns)], short=["istiorevtag"], group_names=["istio-io"])


def sail_crds(installed: Build) -> list[Manifest]:
    """Return the operator's own CRDs, with the versions that this build offers."""
    return [_istio(installed), _revision(installed), _cni(installed), _tag()]


_ISTIO_KINDS = (
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "Gateway", "gateways", "gw"),
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "VirtualService", "virtualservices", "vs"),
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "DestinationRule", "destinationrules", "dr"),
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "ServiceEntry", "serviceentries", "se"),
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "Sidecar", "sidecars", ""),
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "WorkloadEntry", "workloadentries", "we"),
    ("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "WorkloadGroup", "workloadgroups", "wg"),
    ("networking.istio.io", ("v1alpha3",), "EnvoyFilter", "envoyfilters", ""),
    ("networking.istio.io", ("v1beta1",), "ProxyConfig", "proxyconfigs", ""),
    ("security.istio.io", ("v1", "v1beta1"), "PeerAuthentication", "peerauthentications", "pa"),
    ("security.istio.io", ("v1", "v1beta1"), "RequestAuthentication", "requestauthentications", "ra"),
    ("security.istio.io", ("v1", "v1beta1"), "AuthorizationPolicy", "authorizationpolicies", "ap"),
    ("telemetry.istio.io", ("v1", "v1alpha1"), "Telemetry", "telemetries", "telemetry"),
    ("extensions.istio.io", ("v1alpha1",), "WasmPlugin", "wasmplugins", ""),
)


def istio_crds() -> list[Manifest]:
    """Return the CRDs of Istio's configuration, which come with the operator; their contents are istiod's business."""
    schema = _object({"spec": _OPEN, "status": _OPEN})
    return [
        _crd(
            Kind(kind, plural, group=group),
            [_Served(version, schema, (_AGE,)) for version in versions],
            short=[short] if short else (),
            group_names=["istio-io", group.removesuffix(".io").replace(".", "-") + "-io"],
        )
        for group, versions, kind, plural, short in _ISTIO_KINDS
    ]


def pool_crd() -> Manifest:
    """Return the CRD of address pools that MetalLB brings."""
    root = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}, "spec": _OPEN, "status": _OPEN}
    return _crd(IP_ADDRESS_POOL, [_Served("v1beta1", _object(root))])


def multus_crd() -> Manifest:
    """Return the CRD that Multus brings; the vendor's CNI chart needs it."""
    schema = _object(
        {"apiVersion": _TEXT, "kind": _TEXT, "metadata": {"type": "object"}, "spec": _object({"config": _TEXT})}
    )
    return _crd(NETWORK_ATTACHMENT, [_Served("v1", schema, status=False)], short=["net-attach-def"])
