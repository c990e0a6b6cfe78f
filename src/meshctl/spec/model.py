"""The mesh as frozen data. Defaults are the guide's; nothing here is read, only held."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Values = Mapping[str, Any]
"""Helm-style values, passed through to a custom resource."""

NO_VALUES: Values = MappingProxyType({})
NO_TEXTS: Mapping[str, str] = MappingProxyType({})


class Kernel(StrEnum):
    """Whether gateways may run on kernels before 4.11 (the guide's compatibility notice)."""

    AUTO = "auto"
    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster of the mesh: `name` is Istio's clusterName, `network` Istio's network.

    `server` is the URL by which the primary's istiod reaches this cluster's API server, when it is not the
    kubeconfig's; `gateway_address` replaces the address that the load balancer hands out.
    """

    name: str
    context: str
    network: str
    server: str = ""
    gateway_address: str = ""
    kubeconfig: str = ""
    cni_conf_dir: str = ""
    gateway_annotations: Mapping[str, str] = field(default_factory=lambda: NO_TEXTS, hash=False)
    cni_values: Values = field(default_factory=lambda: NO_VALUES, hash=False)
    istio_values: Values = field(default_factory=lambda: NO_VALUES, hash=False)


@dataclass(frozen=True, slots=True)
class CniOptions:
    """IstioCNI: where Multus reads its configuration, and who is left alone."""

    conf_dir: str = "/etc/cni/multus/net.d"
    exclude_namespaces: tuple[str, ...] = ("istio-cni", "kube-system")
    values: Values = field(default_factory=lambda: NO_VALUES, hash=False)


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """The east-west gateways: Service annotations, and the nodes they run on."""

    annotations: Mapping[str, str] = field(default_factory=lambda: NO_TEXTS, hash=False)
    infra_nodes: bool = False


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """A private registry: `hub` for Istio's images, `registry` for the samples', pull secrets for both."""

    hub: str = ""
    registry: str = ""
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each kind of wait may take, in seconds (suggested by what the guide and upstream's own tests allow)."""

    contact: float = 15
    cni: float = 300
    istio: float = 300
    remote: float = 600
    gateway: float = 300
    address: float = 300
    expose: float = 120
    token: float = 120
    sync: float = 120
    samples: float = 300
    traffic: float = 180
    delete: float = 300


@dataclass(frozen=True, slots=True)
class MeshSpec:
    """The whole mesh. `istio_version` has no leading v; templates add it where a custom resource wants it."""

    primary: Cluster
    remotes: tuple[Cluster, ...]
    mesh_id: str = "mesh1"
    istio_version: str = "1.28.6"
    kubeconfig: str = ""
    kernel: Kernel = Kernel.AUTO
    cni: CniOptions = field(default_factory=CniOptions)
    gateway: GatewayOptions = field(default_factory=GatewayOptions)
    images: ImageOptions = field(default_factory=ImageOptions)
    timeouts: Timeouts = field(default_factory=Timeouts)
    istio_values: Values = field(default_factory=lambda: NO_VALUES, hash=False)
    sample_namespace: str = "sample"

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Every cluster, the primary first."""
        return (self.primary, *self.remotes)

    def conf_dir(self, cluster: Cluster) -> str:
        """Return the CNI configuration directory of `cluster`."""
        return cluster.cni_conf_dir or self.cni.conf_dir
