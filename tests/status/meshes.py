"""Evidence of meshes made of objects alone, healthy until a test changes a piece.

What meshctl applies is made of its own templates, so that a made mesh has all that a real one has.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from meshctl.certs.material import KeyPair, Material
from meshctl.certs.secrets import manifest_of
from meshctl.checks.evidence import (
    GATEWAY_POD_LIST,
    GATEWAYS,
    ISTIOD_PODS,
    ISTIOD_SERVICE,
    OPERATORS,
    REVISIONS,
    ROUTES,
    SECRETS,
    SLICES,
    VALIDATORS,
    Evidence,
    IstiodView,
    Sight,
)
from meshctl.checks.status.model import StatusReport
from meshctl.checks.status.report import status_report
from meshctl.errors import ClusterError
from meshctl.manifests import primary_values, remote_kubeconfig, remote_values, render
from meshctl.names import (
    CACERTS,
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    PROBE_REASON,
    PROBE_STATUS,
    READER_ACCOUNT,
    READER_TOKEN,
    ROOT_CERT,
    SIDECAR_STATUS,
    THE_CNI,
    THE_ISTIO,
    remote_secret,
)
from meshctl.objects import Manifest, Ref
from meshctl.spec import Cluster, MeshSpec
from tests.certs.forge import NOW, fast_root, sound

TOKEN = "eyJhbGciOiJSUzI1NiIs.eyJzdWIiOiJyZWFkZXIifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg"
MADE = "2025-12-29T12:00:00Z"
VERSION = "1.28.6"
DISCOVERY = "172.18.1.1"
"""Where the primary's gateway is."""


@cache
def root() -> KeyPair:
    return fast_root()


@cache
def material(cluster: str) -> Material:
    return sound(cluster, root())


def mesh(remotes: int = 1) -> MeshSpec:
    clusters = [Cluster(f"cluster{n}", f"ctx{n}", f"network{n}") for n in range(1, remotes + 2)]
    return MeshSpec(clusters[0], tuple(clusters[1:]))


def evidence(asked: MeshSpec) -> Evidence:
    """A healthy mesh: everything there, everything well."""
    sights = {one.name: sight(asked, one) for one in asked.clusters}
    known = {one.name: {"id": one.name, "syncStatus": "synced"} for one in asked.clusters}
    return Evidence(sights, {}, (IstiodView("istiod-1", known),))


def report(seen: Evidence, asked: MeshSpec | None = None) -> StatusReport:
    return status_report(asked or mesh(), seen, NOW, "--east ctx1 --west ctx2")


def sight(asked: MeshSpec, cluster: Cluster) -> Sight:
    number = asked.clusters.index(cluster) + 1
    is_primary = cluster == asked.primary
    secrets = {remote_secret(one.name): introduction(one) for one in asked.remotes} if is_primary else {}
    system, cni = render("namespaces.yaml", asked, cluster, {})
    objects: dict[Ref, Manifest | None] = {
        Ref(NAMESPACE, ISTIO_SYSTEM): system,
        Ref(NAMESPACE, CNI_NAMESPACE): cni,
        THE_ISTIO: istio(cluster, is_primary),
        THE_CNI: sail(THE_CNI, {}, "Reconciled", "Ready"),
        CNI_DAEMON_SET: daemon_set(),
        ISTIOD: deployment(ISTIOD, f"hub/pilot:{VERSION}") if is_primary else None,
        ISTIOD_SERVICE: {"metadata": {"name": "istiod"}, "spec": {"type": "ClusterIP"}},
        GATEWAY_SERVICE: service(cluster, f"172.18.{number}.1"),
        GATEWAY_DEPLOYMENT: deployment(GATEWAY_DEPLOYMENT, "auto"),
        INJECTOR: injector(cluster, is_primary),
        ROOT_CERT: {"metadata": {"name": ROOT_CERT.name}, "data": {"root-cert.pem": root().cert.decode()}},
        CACERTS: manifest_of(material(cluster.name)),
        READER_ACCOUNT: {"metadata": {"name": READER_ACCOUNT.name}},
        READER_TOKEN: None if is_primary else token(READER_TOKEN, {"token": TOKEN}),
        **secrets,
    }
    exposing, route = render("expose-istiod.yaml", asked, cluster, {})
    lists = {
        OPERATORS: (deployment(Ref(ISTIOD.kind, "sail-operator", "sail"), "quay.io/sail:1.30.3"),),
        REVISIONS: ({"metadata": {"name": "default"}},),
        GATEWAY_POD_LIST: (pod("gateway", "istio-proxy", f"hub/proxyv2:{VERSION}"),),
        ISTIOD_PODS: (pod("istiod-1", "discovery", f"hub/pilot:{VERSION}"),) if is_primary else (),
        SECRETS: tuple(secrets.values()),
        SLICES: () if is_primary else ({"endpoints": [{"addresses": [DISCOVERY]}]},),
        VALIDATORS: (),
        GATEWAYS: (exposing, *render("expose-services.yaml", asked, cluster, {})) if is_primary else (),
        ROUTES: (route,) if is_primary else (),
    }
    return Sight(cluster.name, f"https://10.0.{number}.1:6443", "v1.34.2", objects, lists)


def sail(ref: Ref, values: Mapping[str, Any], *types: str) -> Manifest:
    owned: Manifest = {"f:spec": {"f:version": {}}}
    return {
        "kind": ref.kind.name,
        "metadata": {"name": ref.name, "generation": 2, "managedFields": [{"manager": "meshctl", "fieldsV1": owned}]},
        "spec": {"version": f"v{VERSION}", "values": values},
        "status": {
            "state": "Healthy",
            "observedGeneration": 2,
            "conditions": [{"type": one, "status": "True"} for one in types],
        },
    }


def istio(cluster: Cluster, is_primary: bool) -> Manifest:
    values = primary_values(mesh(), cluster) if is_primary else remote_values(mesh(), cluster, DISCOVERY)
    return sail(THE_ISTIO, values, "Reconciled", "Ready", "DependenciesHealthy")


def deployment(ref: Ref, image: str, ready: int = 1) -> Manifest:
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": ready, "availableReplicas": ready}
    return {
        "metadata": {"name": ref.name, "namespace": ref.namespace, "generation": 1},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "one", "image": image}]}}},
        "status": {"observedGeneration": 1, **counts},
    }


def daemon_set() -> Manifest:
    counts = dict.fromkeys(("desiredNumberScheduled", "updatedNumberScheduled", "numberReady"), 1)
    return {
        "metadata": {"name": CNI_DAEMON_SET.name, "generation": 1},
        "status": {"observedGeneration": 1, **counts},
    }


def service(cluster: Cluster, *addresses: str) -> Manifest:
    (made,) = render("gateway-service.yaml", mesh(), cluster, {})
    return made | {"status": {"loadBalancer": {"ingress": [{"ip": address} for address in addresses]}}}


def introduction(remote: Cluster) -> Manifest:
    """The remote secret of a remote."""
    kubeconfig = remote_kubeconfig(remote.name, "https://10.9.9.9:6443", b"", TOKEN)
    (made,) = render("remote-secret.yaml", mesh(), remote, {"kubeconfig": kubeconfig})
    made["metadata"]["creationTimestamp"] = MADE
    return made


def injector(cluster: Cluster, is_primary: bool, bundle: bytes = b"") -> Manifest:
    config = {"service": {"name": "istiod"}, "caBundle": base64.b64encode(bundle or root().cert).decode()}
    probed = {} if is_primary else {"annotations": {PROBE_STATUS: "true", PROBE_REASON: ""}}
    return {"metadata": {"name": INJECTOR.name, **probed}, "webhooks": [{"name": "one", "clientConfig": config}]}


def pod(name: str, container: str, image: str) -> Manifest:
    return {
        "metadata": {"name": name, "namespace": ISTIO_SYSTEM, "annotations": {SIDECAR_STATUS: "{}"}},
        "spec": {"containers": [{"name": container, "image": image}]},
        "status": {"phase": "Running"},
    }


def token(ref: Ref, values: Mapping[str, str]) -> Manifest:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"metadata": {"name": ref.name, "creationTimestamp": MADE}, "data": data}


# --- changes ---------------------------------------------------------------------------------------------------------
def putting(seen: Evidence, cluster: str, ref: Ref, obj: Manifest | None) -> Evidence:
    """The same with one object another one, or gone."""
    return _sight(seen, cluster, lambda one: replace(one, objects={**one.objects, ref: obj}))


def listing(seen: Evidence, cluster: str, question: str, *objects: Manifest) -> Evidence:
    """The same with another answer to one question."""
    return _sight(seen, cluster, lambda one: replace(one, lists={**one.lists, question: objects}))


def _sight(seen: Evidence, cluster: str, change: Callable[[Sight], Sight]) -> Evidence:
    return replace(seen, sights={**seen.sights, cluster: change(seen.sights[cluster])})


def unseen(seen: Evidence, cluster: str, *what: Ref | str) -> Evidence:
    """The same with objects and collections that may not be read."""
    refs = {one: None for one in what if isinstance(one, Ref)}
    questions: dict[str, tuple[Manifest, ...]] = {one: () for one in what if isinstance(one, str)}
    return _sight(
        seen,
        cluster,
        lambda one: replace(
            one, objects={**one.objects, **refs}, lists={**one.lists, **questions}, unseen=frozenset(what)
        ),
    )


def silent(seen: Evidence, cluster: str, why: str = "connection refused") -> Evidence:
    """The same with a cluster that does not answer."""
    sights = {name: one for name, one in seen.sights.items() if name != cluster}
    istiods = () if cluster == "cluster1" else seen.istiods
    return Evidence(sights, {**seen.silent, cluster: ClusterError(f"{cluster}: {why}")}, istiods)


def knowing(seen: Evidence, cluster: str, status: str | None) -> Evidence:
    """The same with an istiod that says this of a remote; None is: nothing."""
    view = seen.istiods[0]
    known = {name: one for name, one in view.clusters.items() if name != cluster}
    if status is not None:
        known[cluster] = {"id": cluster, "syncStatus": status}
    return replace(seen, istiods=(replace(view, clusters=known),))


def condition(made: Manifest, type_: str, reason: str, message: str) -> Manifest:
    """Return a Sail resource with one condition that does not hold."""
    for one in made["status"]["conditions"]:
        if one["type"] == type_:
            one |= {"status": "False", "reason": reason, "message": message}
    made["status"]["state"] = reason
    return made
