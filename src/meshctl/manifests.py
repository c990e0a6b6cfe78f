"""Templates → manifests: the guide's objects, filled in for one cluster. The only module that knows Jinja2."""

import base64
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from meshctl import documents
from meshctl.names import injection_path
from meshctl.objects import Manifest
from meshctl.spec import Cluster, MeshSpec

HELLOWORLD = "istio/examples-helloworld-{}:1.0"
CURL = "curlimages/curl:8.16.0"
PUBLIC_REGISTRY = "docker.io"
VERSIONS_WITH_IMAGES = ("v1", "v2")


def render(template: str, mesh: MeshSpec, cluster: Cluster, facts: Mapping[str, str]) -> list[Manifest]:
    """Return the objects of `template` for one cluster. An unknown name in a template is a bug and raises."""
    values = {**derived(template, mesh, cluster, facts), **facts}
    text = _environment().get_template(template).render(mesh=mesh, cluster=cluster, **values)
    return [document for document in documents.read_all(text) if document]


def derived(template: str, mesh: MeshSpec, cluster: Cluster, facts: Mapping[str, str]) -> dict[str, Any]:
    """Return what a template needs besides `mesh`, `cluster` and facts."""
    pull_secrets = [{"name": name} for name in mesh.images.pull_secrets]
    match template:
        case "istio-cni.yaml":
            return {"cni_values": cni_values(mesh, cluster)}
        case "istio-primary.yaml":
            return {"istio_values": primary_values(mesh, cluster)}
        case "istio-remote.yaml":
            return {"istio_values": remote_values(mesh, cluster, facts["discovery"])}
        case "gateway-service.yaml":
            return {"annotations": {**mesh.gateway.annotations, **cluster.gateway_annotations}}
        case "gateway.yaml":
            return {"pull_secrets": pull_secrets}
        case "samples.yaml":
            version = version_of(mesh, cluster)
            return {
                "version": version,
                "server_image": server_image(mesh, version),
                "client_image": f"{mesh.images.registry or PUBLIC_REGISTRY}/{CURL}",
                "pull_secrets": pull_secrets,
            }
        case _:
            return {}


def version_of(mesh: MeshSpec, cluster: Cluster) -> str:
    """Return the version of helloworld that runs on a cluster: v1 on the primary, then v2, v3 and so on."""
    return f"v{mesh.clusters.index(cluster) + 1}"


def server_image(mesh: MeshSpec, version: str) -> str:
    """Return the helloworld image; beyond v2 it is v1's, told its version by the environment."""
    image = HELLOWORLD.format(version if version in VERSIONS_WITH_IMAGES else "v1")
    return f"{mesh.images.registry or PUBLIC_REGISTRY}/{image}"


def cni_values(mesh: MeshSpec, cluster: Cluster) -> dict[str, Any]:
    """Return the values of IstioCNI."""
    cni: dict[str, Any] = {"excludeNamespaces": list(mesh.cni.exclude_namespaces)}
    if conf_dir := mesh.conf_dir(cluster):
        cni["cniConfDir"] = conf_dir
    return merged({"cni": cni}, _registry_values(mesh), mesh.cni.values, cluster.cni_values)


def primary_values(mesh: MeshSpec, cluster: Cluster) -> dict[str, Any]:
    """Return the values of the primary's Istio."""
    derived_values = {
        "global": {
            "meshID": mesh.mesh_id,
            "multiCluster": {"clusterName": cluster.name},
            "network": cluster.network,
            "externalIstiod": True,
        },
        "pilot": {"env": {"EXTERNAL_ISTIOD": "true"}},
    }
    return merged(_registry_values(mesh), mesh.istio_values, cluster.istio_values, derived_values)


def remote_values(mesh: MeshSpec, cluster: Cluster, discovery: str) -> dict[str, Any]:
    """Return the values of a remote's Istio; `discovery` is the address of the primary's gateway."""
    derived_values = {
        "istiodRemote": {"injectionPath": injection_path(cluster.name, cluster.network)},
        "global": {"remotePilotAddress": discovery},
    }
    return merged(_registry_values(mesh), mesh.istio_values, cluster.istio_values, derived_values)


def _registry_values(mesh: MeshSpec) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if mesh.images.hub:
        wanted["hub"] = mesh.images.hub
    if mesh.images.pull_secrets:
        wanted["imagePullSecrets"] = list(mesh.images.pull_secrets)
    return {"global": wanted} if wanted else {}


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings deeply, the last one winning, as Helm does; lists are replaced."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            both = isinstance(value, Mapping) and isinstance(below, Mapping)
            result[key] = merged(below, value) if both and below is not None else deepcopy(_plain(value))
    return result


def _plain(value: Any) -> Any:
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def remote_kubeconfig(cluster_name: str, server: str, ca: bytes, token: str) -> str:
    """Return the kubeconfig by which istiod reads a remote, base64-encoded for a Secret.

    The same input gives the same bytes: istiod reconnects whenever they change.
    """
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [
            {
                "name": cluster_name,
                "cluster": {"certificate-authority-data": base64.b64encode(ca).decode(), "server": server},
            }
        ],
        "users": [{"name": cluster_name, "user": {"token": token}}],
        "contexts": [{"name": cluster_name, "context": {"cluster": cluster_name, "user": cluster_name}}],
        "current-context": cluster_name,
    }
    return base64.b64encode(yaml.safe_dump(config, sort_keys=True).encode()).decode()


@cache
def _environment() -> Environment:
    # An installed package carries the templates inside; in a checkout they lie at the top, where people look for them.
    inside = Path(__file__).parent / "templates"
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "templates"
    # Escaping is HTML's; YAML is made safe by `tojson` at every value.
    return Environment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=select_autoescape(enabled_extensions=())
    )
