"""The one table of everything the file may say; loader, environment variables and JSON Schema are read from it."""

import dataclasses
from typing import Any

from meshctl.spec import texts
from meshctl.spec.forms import (
    Annotations,
    Choice,
    Duration,
    Field,
    HelmValues,
    Reserved,
    Section,
    Sections,
    Switch,
    Text,
    Texts,
)
from meshctl.spec.model import CniOptions, GatewayOptions, Kernel, MeshSpec, Timeouts

API_VERSION = "meshctl.io/v1"
KIND = "Mesh"
_FORMAT = ("apiVersion", "kind")

TIMEOUTS_ABOUT = {
    "contact": "A cluster, or an operator that is away, answers.",
    "cni": "IstioCNI is healthy.",
    "istio": "Istio on the primary is ready.",
    "remote": "Istio on a remote is ready.",
    "gateway": "The east-west gateway's Deployment is available.",
    "address": "The load balancer hands out the gateway's address.",
    "expose": "istiod accepts the objects that expose it and the services.",
    "token": "The reader account of a remote exists and has its token.",
    "sync": "Every istiod has read a remote's services.",
    "samples": "The sample Deployments are available.",
    "traffic": "Every version has answered from every cluster.",
    "delete": "What was deleted is gone.",
}

ISTIO_RESERVED = (
    Reserved(("global", "multiCluster", "clusterName"), "set by meshctl; it is the cluster's clusterName"),
    Reserved(("global", "network"), "set by meshctl; it is the cluster's network"),
    Reserved(("global", "meshID"), "set by meshctl; it is meshID at the top of the file"),
    Reserved(("global", "externalIstiod"), "set by meshctl; it is true on the primary and only there"),
    Reserved(("global", "istioNamespace"), "set by meshctl; it is istio-system everywhere"),
    Reserved(
        ("global", "remotePilotAddress"),
        "set by meshctl; it is the address of the primary's gateway, which east.gatewayAddress replaces",
    ),
    Reserved(("istiodRemote", "injectionPath"), "set by meshctl; it follows from clusterName and network"),
    Reserved(("pilot", "env", "EXTERNAL_ISTIOD"), "set by meshctl; it is true on the primary and only there"),
    Reserved(("profile",), "set by meshctl; it follows from the cluster's role"),
    Reserved(("revision",), "set by meshctl; the mesh has the one revision called default"),
    Reserved(("defaultRevision",), "set by the operator"),
    Reserved(("gateways",), "unknown to the Istio resource; the east-west gateways have the section gateway"),
)
CNI_RESERVED = (
    Reserved(("cni", "cniConfDir"), "set by meshctl; it is confDir beside values"),
    Reserved(("cni", "excludeNamespaces"), "set by meshctl; it is cni.excludeNamespaces at the top of the file"),
)


def _default(owner: type[Any], name: str) -> Any:
    """Return the default that a dataclass of the model gives one of its fields."""
    value = next(field.default for field in dataclasses.fields(owner) if field.name == name)
    return list(value) if isinstance(value, tuple) else value


ISTIO = Section((Field("values", HelmValues(ISTIO_RESERVED), "Helm values for the Istio resource."),))


def cluster(name: str, network: str) -> Section:
    """Return the section of one cluster with its default names."""
    return Section(
        (
            Field("context", texts.CONTEXT, "The kubeconfig context that leads to the cluster."),
            Field("clusterName", texts.CLUSTER_NAME, "Istio's name of the cluster.", name),
            Field("network", texts.NETWORK, "Istio's network; each cluster has its own.", network),
            Field(
                "server",
                texts.SERVER,
                "The URL by which the primary's istiod reaches this API server, if it is not the kubeconfig's.",
            ),
            Field(
                "gatewayAddress",
                texts.GATEWAY_ADDRESS,
                "The IP address of the east-west gateway, instead of the one its load balancer hands out.",
            ),
            Field(
                "kubeconfig",
                texts.KUBECONFIG,
                "The kubeconfig file that has the context, if it is not the one for all.",
            ),
            Field(
                "cni",
                Section(
                    (
                        Field("confDir", texts.DIRECTORY, "Where this cluster's nodes read CNI configuration."),
                        Field("values", HelmValues(CNI_RESERVED), "Helm values for this cluster's IstioCNI resource."),
                    )
                ),
                "IstioCNI on this cluster, on top of what holds for all.",
            ),
            Field(
                "gateway",
                Section((Field("annotations", Annotations(texts.ANNOTATION), "Annotations of its Service."),)),
                "The east-west gateway of this cluster, on top of what holds for all.",
            ),
            Field("istio", ISTIO, "Istio on this cluster, on top of what holds for all."),
        )
    )


EAST = cluster("cluster1", "network1")
WEST = cluster("cluster2, cluster3 ... by position", "network2, network3 ... by position")

MESH = Section(
    (
        Field("apiVersion", Choice((API_VERSION,)), "The version of this format."),
        Field("kind", Choice((KIND,)), "What the file describes."),
        Field("meshID", texts.MESH_ID, "Istio's name of the mesh.", _default(MeshSpec, "mesh_id")),
        Field(
            "istioVersion",
            texts.ISTIO_VERSION,
            "The version of Istio that the operators install; a leading v is allowed.",
            _default(MeshSpec, "istio_version"),
        ),
        Field(
            "kubeconfig",
            texts.KUBECONFIG,
            "The kubeconfig file that has the contexts; here, relative to this file. Without it kubectl's rule holds: "
            "KUBECONFIG, else .kube/config in the home directory.",
        ),
        Field("east", EAST, "The primary cluster, which runs istiod."),
        Field("west", Sections(WEST), "The remote clusters, at least one; flags and variables may add to the list."),
        Field(
            "cni",
            Section(
                (
                    Field(
                        "confDir",
                        texts.DIRECTORY,
                        "Where the nodes read CNI configuration: the directory of Multus, or /etc/cni/net.d.",
                        _default(CniOptions, "conf_dir"),
                    ),
                    Field(
                        "excludeNamespaces",
                        Texts(texts.NAMESPACE),
                        "Namespaces whose pods IstioCNI leaves alone.",
                        _default(CniOptions, "exclude_namespaces"),
                    ),
                    Field("values", HelmValues(CNI_RESERVED), "Helm values for every IstioCNI resource."),
                )
            ),
            "IstioCNI on every cluster.",
        ),
        Field(
            "gateway",
            Section(
                (
                    Field(
                        "annotations",
                        Annotations(texts.ANNOTATION),
                        "Annotations of every gateway's Service, as load balancers want them.",
                    ),
                    Field(
                        "infraNodes",
                        Switch(),
                        "Run the gateways on infra nodes.",
                        _default(GatewayOptions, "infra_nodes"),
                    ),
                )
            ),
            "The east-west gateway of every cluster.",
        ),
        Field(
            "images",
            Section(
                (
                    Field("hub", texts.IMAGE_PREFIX, "Where Istio's own images come from."),
                    Field("registry", texts.IMAGE_PREFIX, "Where the images of the samples come from."),
                    Field("pullSecrets", Texts(texts.SECRET_NAME), "Secrets to pull images with.", []),
                )
            ),
            "A private registry.",
        ),
        Field("istio", ISTIO, "Istio on every cluster."),
        Field(
            "kernel",
            Choice(tuple(str(kernel) for kernel in Kernel)),
            "Whether gateways may run on kernels before 4.11: old, new, or auto to ask the nodes.",
            str(_default(MeshSpec, "kernel")),
        ),
        Field(
            "sampleNamespace",
            texts.SAMPLE_NAMESPACE,
            "The namespace of the sample that proves the traffic.",
            _default(MeshSpec, "sample_namespace"),
        ),
        Field(
            "timeouts",
            Section(
                tuple(
                    Field(field.name, Duration(), f"Longest wait until: {TIMEOUTS_ABOUT[field.name]}", field.default)
                    for field in dataclasses.fields(Timeouts)
                )
            ),
            "How long to wait: seconds, or texts such as 90s, 5m, 1h30m; up to 24h.",
        ),
    )
)


def scalars(section: Section, above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Field]]:
    """Return every field that one text can give, outside of the clusters, with its keys."""
    found: list[tuple[tuple[str, ...], Field]] = []
    for field in section.fields:
        keys = (*above, field.key)
        if isinstance(field.form, Section) and field.key != "east":
            found += scalars(field.form, keys)
        elif isinstance(field.form, Text | Switch | Choice | Duration | Texts) and field.key not in _FORMAT:
            found.append((keys, field))
    return found
