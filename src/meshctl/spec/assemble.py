"""From what was read to the mesh: defaults, and the rules that hold between one value and another."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from meshctl.spec.addresses import is_ipv6
from meshctl.spec.layers import default_name
from meshctl.spec.model import (
    Cluster,
    CniOptions,
    GatewayOptions,
    ImageOptions,
    Kernel,
    MeshSpec,
    Timeouts,
)
from meshctl.spec.places import Keys, Places, Problem, Spelling, spell
from meshctl.spec.texts import version_numbers

Read = Mapping[str, Any]
"""A section as the reader returns it: None where a value was given but is wrong."""

_EAST_WAYS = "--east, MESHCTL_EAST, or east.context in a file"
_WEST_WAYS = "--west, MESHCTL_WEST, or west in a file"

# Older charts take an IPv6 address of istiod for a host name.
IPV6_SINCE = (1, 28, 6)


@dataclass(frozen=True, slots=True)
class Entry:
    """One cluster's section, its place, its number in the mesh (the primary is 1); `wrong` where it is no section."""

    keys: Keys
    number: int
    read: Read
    wrong: bool = False

    @property
    def name(self) -> str | None:
        """The name of the cluster; None where the given one is wrong."""
        return self.text("clusterName", default_name("cluster", self.number))

    @property
    def network(self) -> str | None:
        """The network of the cluster; None where the given one is wrong."""
        return self.text("network", default_name("network", self.number))

    def text(self, key: str, default: str = "") -> str | None:
        """Return a text of the section."""
        value = self.read.get(key, default)
        return value if isinstance(value, str) else None

    def part(self, *keys: str) -> Read:
        """Return a section within, empty where there is none."""
        return section(self.read, *keys)


def section(read: Read, *keys: str) -> Read:
    """Return the section at `keys`, empty where there is none."""
    for key in keys:
        read = read.get(key) or {}
    return read


def entries(read: Read) -> list[Entry]:
    """Return the clusters, the primary first."""
    east = read.get("east", {})
    return [
        Entry(("east",), 1, east or {}, wrong=east is None),
        *(
            Entry(("west", index), index + 2, item or {}, wrong=item is None)
            for index, item in enumerate(read.get("west") or [])
        ),
    ]


def missing(read: Read) -> list[Problem]:
    """Return a problem for everything that has no default and was not given."""
    found = []
    for entry in entries(read):
        if entry.wrong or "context" in entry.read:
            continue
        at = (*entry.keys, "context")
        who, ways = ("primary", _EAST_WAYS) if entry.number == 1 else ("remote", _WEST_WAYS)
        found.append(Problem(at, f"no context for the {who} cluster ({ways})"))
    if read.get("west", []) == []:
        found.append(Problem(("west",), f"no remote cluster; a mesh has at least one ({_WEST_WAYS})"))
    return found


def clashes(read: Read) -> list[Problem]:
    """Return a problem for every value that contradicts another."""
    found = entries(read)
    return [
        *_twice(found, "clusterName", [entry.name for entry in found]),
        *_twice(found, "context", _ways(read, found)),
        *_twice(found, "network", [entry.network for entry in found]),
        *_twice(found, "server", [entry.text("server") for entry in found]),
        *_twice(found, "gatewayAddress", [entry.text("gatewayAddress") for entry in found]),
        *_ipv6(read),
        *_excluded(read),
    ]


def _ways(read: Read, found: list[Entry]) -> list[str | None]:
    """Return how each cluster is reached: the same context of two kubeconfigs is two clusters."""
    common = read.get("kubeconfig") or ""
    return [
        f"{context}\n{entry.text('kubeconfig', common)}" if (context := entry.text("context")) else None
        for entry in found
    ]


def _twice(found: list[Entry], key: str, values: list[str | None]) -> list[Problem]:
    problems = []
    for index, (entry, value) in enumerate(zip(found, values, strict=True)):
        if not value or value not in values[:index]:
            continue
        owner = found[values.index(value)]
        what = f"context {entry.text('context')} is " if key == "context" else ""
        if key in {"clusterName", "network"} and key not in entry.read:
            what = f"the default {value} is "
        problems.append(Problem((*entry.keys, key), f"{what}already used by {_called(owner, found)}"))
    return problems


def _called(entry: Entry, found: list[Entry]) -> str:
    """Return the name of a cluster, or its position where the name does not tell it from the others."""
    names = [other.name for other in found]
    return entry.name if entry.name and names.count(entry.name) == 1 else spell(entry.keys)


def _ipv6(read: Read) -> list[Problem]:
    """Only the primary's address goes into a custom resource; those of remotes are read by istiod, which knows IPv6."""
    address = section(read, "east").get("gatewayAddress") or ""
    version = read.get("istioVersion", _MODEL.istio_version)
    if not is_ipv6(address) or version is None or version_numbers(version) >= IPV6_SINCE:
        return []
    needed = ".".join(str(number) for number in IPV6_SINCE)
    return [Problem(("east", "gatewayAddress"), f"an IPv6 address needs Istio {needed} or newer, not {version}")]


def _excluded(read: Read) -> list[Problem]:
    namespace = read.get("sampleNamespace", _MODEL.sample_namespace)
    excluded = section(read, "cni").get("excludeNamespaces", _MODEL.cni.exclude_namespaces) or ()
    if namespace not in excluded:
        return []
    text = f"{namespace} holds the sample, whose traffic would then bypass the mesh"
    return [Problem(("cni", "excludeNamespaces"), text)]


def mesh(read: Read, places: Places, environ: Mapping[str, str]) -> MeshSpec:
    """Return the mesh; nothing may be wrong or missing any more."""
    clusters = [_cluster(entry, places, environ) for entry in entries(read)]
    cni, gateway, images = (section(read, key) for key in ("cni", "gateway", "images"))
    return MeshSpec(
        primary=clusters[0],
        remotes=tuple(clusters[1:]),
        mesh_id=read.get("meshID", _MODEL.mesh_id),
        istio_version=read.get("istioVersion", _MODEL.istio_version),
        kubeconfig=_path(("kubeconfig",), read.get("kubeconfig", ""), places, environ),
        kernel=Kernel(read.get("kernel", _MODEL.kernel)),
        cni=CniOptions(
            conf_dir=cni.get("confDir", _MODEL.cni.conf_dir),
            exclude_namespaces=tuple(cni.get("excludeNamespaces", _MODEL.cni.exclude_namespaces)),
            values=_frozen(cni.get("values")),
        ),
        gateway=GatewayOptions(
            annotations=_frozen(gateway.get("annotations")),
            infra_nodes=gateway.get("infraNodes", _MODEL.gateway.infra_nodes),
        ),
        images=ImageOptions(
            hub=images.get("hub", ""),
            registry=images.get("registry", ""),
            pull_secrets=tuple(images.get("pullSecrets", ())),
        ),
        timeouts=Timeouts(**section(read, "timeouts")),
        istio_values=_frozen(section(read, "istio").get("values")),
        sample_namespace=read.get("sampleNamespace", _MODEL.sample_namespace),
    )


def _cluster(entry: Entry, places: Places, environ: Mapping[str, str]) -> Cluster:
    return Cluster(
        name=entry.name or "",
        context=entry.text("context") or "",
        network=entry.network or "",
        server=entry.text("server") or "",
        gateway_address=entry.text("gatewayAddress") or "",
        kubeconfig=_path((*entry.keys, "kubeconfig"), entry.text("kubeconfig") or "", places, environ),
        cni_conf_dir=entry.part("cni").get("confDir", ""),
        gateway_annotations=_frozen(entry.part("gateway").get("annotations")),
        cni_values=_frozen(entry.part("cni").get("values")),
        istio_values=_frozen(entry.part("istio").get("values")),
    )


def _frozen(values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return MappingProxyType(dict(values or {}))


def _path(keys: Keys, text: str, places: Places, environ: Mapping[str, str]) -> str:
    """Return a path as it can be opened: ~ is the home directory, and a file's paths begin where the file is."""
    if text == "~" or text.startswith("~/"):
        return (environ.get("HOME") or str(Path.home())) + text[1:]
    source = places.source(keys)
    if text and source and source.spelling is Spelling.FILE:
        return str(Path(source.label).parent / text)
    return text


_MODEL = MeshSpec(primary=Cluster("", "", ""), remotes=())
"""Only its defaults are used."""
