"""Names, labels and owners that every rendered object carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from meshctl.objects import Kind, Manifest

_DEFAULT_APPS = {"istiod": "istiod", "base": "istio-reader", "cni": "istio-cni"}


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart to render: which, for which release, and who owns the result.

    `namespace` is where the release is recorded; `owner` is the owner reference that the operator adds to everything.
    """

    name: str
    version: str
    release: str
    namespace: str
    owner: Manifest
    hub: str = ""

    def labels(self, app: str = "") -> dict[str, str]:
        """Return the labels of Helm's convention, for the application `app`."""
        return {
            "app.kubernetes.io/instance": self.release,
            "app.kubernetes.io/managed-by": "Helm",
            "app.kubernetes.io/name": app or _DEFAULT_APPS[self.name],
            "app.kubernetes.io/part-of": "istio",
            "app.kubernetes.io/version": self.version,
            "helm.sh/chart": f"{self.name}-{self.version}",
        }

    def made(
        self, kind: Kind, name: str, namespace: str = "", labels: Mapping[str, str] | None = None, **body: Any
    ) -> Manifest:
        """Return one object of the chart. A label `app.kubernetes.io/name` in `labels` replaces the usual one."""
        metadata: Manifest = {
            "name": name,
            "labels": {**self.labels(), "managed-by": "sail-operator", **(labels or {})},
            "annotations": {
                "meta.helm.sh/release-name": self.release,
                "meta.helm.sh/release-namespace": self.namespace,
            },
            "ownerReferences": [self.owner],
        }
        if namespace:
            metadata["namespace"] = namespace
        return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **body}


def owner_reference(owner: Manifest) -> Manifest:
    """Return the reference by which the operator ties chart objects to a resource."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"].get("uid", ""),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def image(chart: Chart, default: str, *, hub: Any = None, tag: Any = None) -> str:
    """Return a full image reference; a name with a slash is one already."""
    return default if "/" in default else f"{hub or chart.hub}/{default}:{tag or chart.version}"
