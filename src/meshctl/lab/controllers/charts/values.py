"""Layers of Helm values: what the operator puts under and over the user's."""

from collections.abc import Mapping
from typing import Any

from meshctl.lab.sites import Flavour
from meshctl.objects import Manifest, dig


def layered(*layers: Mapping[str, Any]) -> Manifest:
    """Merge mappings, the last one wins; anything but mappings is replaced whole."""
    merged: Manifest = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            merged[key] = layered(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def revision_values(flavour: Flavour, spec: Manifest, revision: str) -> Manifest:
    """Return `spec.values` of the IstioRevision that an Istio's spec asks for."""
    vendor = flavour is Flavour.VENDOR
    defaults: Manifest = {"global": {"configValidation": True}}
    if vendor:
        resources = {"limits": {"cpu": "2", "memory": "4Gi"}}
        defaults["pilot"] = {"cni": {"enabled": True, "provider": "multus"}, "resources": resources}
    profile = {"profile": spec["profile"]} if spec.get("profile") else {}
    forced: Manifest = {
        "revision": "" if revision == "default" else revision,
        "global": {"istioNamespace": spec["namespace"]},
    }
    if vendor:
        # The vendor keeps the default validator away by leaving no revision to be the default one.
        forced["defaultRevision"] = ""
    return layered(defaults, profile, spec.get("values") or {}, forced)


def cni_values(flavour: Flavour, spec: Manifest) -> Manifest:
    """Return the values of the CNI chart that an IstioCNI's spec asks for."""
    defaults: Manifest = {
        "cni": {
            "cniConfDir": "/etc/cni/net.d",
            "cniBinDir": "/opt/cni/bin",
            "excludeNamespaces": ["kube-system"],
            "chained": True,
            "resources": {"requests": {"cpu": "100m", "memory": "100Mi"}},
        }
    }
    if flavour is Flavour.VENDOR:
        defaults = layered(
            defaults,
            {
                "cni": {
                    "chained": False,
                    "provider": "multus",
                    "cniConfFileName": "istio-cni.conf",
                    "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                }
            },
        )
    return layered(defaults, spec.get("values") or {})


def remote(values: Manifest) -> bool:
    """Say whether the control plane of these values runs on another cluster."""
    return bool(values.get("profile") == "remote")


def needs_cni(values: Manifest) -> bool:
    """Say whether a control plane with these values depends on IstioCNI."""
    return bool(dig(values, "pilot", "cni", "enabled"))


def keeps_revisions(values: Manifest) -> bool:
    """Say whether old revisions stay because other clusters may use them; only the environment variable counts."""
    return bool(dig(values, "pilot", "env", "EXTERNAL_ISTIOD") == "true")
