"""Argo CD: an Application for each cluster, which holds an Application for each stage, ordered by sync waves.

Clusters wait for each other only as their resources do (a remote's Istio gets healthy once the primary is reached), so
one broken remote holds up no other. Nothing is pruned and nothing has a finalizer: a mesh is removed in another order
than it is made, by `meshctl teardown`.
"""

from collections.abc import Mapping, Sequence

from meshctl.export.engines import Repository, mesh_name, named, stage_folder, stage_name
from meshctl.export.files import Stage
from meshctl.export.yaml_text import yaml_text
from meshctl.names import ISTIO, ISTIO_CNI
from meshctl.objects import Manifest
from meshctl.spec import MeshSpec

API, NAMESPACE, FOLDER = "argoproj.io/v1alpha1", "argocd", "argo-cd"
IN_CLUSTER = "in-cluster"
SYNC_WAVE = "argocd.argoproj.io/sync-wave"
SAIL_HEALTH = """hs = {status = "Progressing", message = "the operator has not looked at it yet"}
if obj.status ~= nil and obj.status.observedGeneration == obj.metadata.generation then
  hs.message = obj.status.state or "no state yet"
  if obj.status.state == "Healthy" then
    hs.status = "Healthy"
  end
end
return hs
"""
APPLICATION_HEALTH = """hs = {status = "Progressing", message = ""}
if obj.status ~= nil and obj.status.health ~= nil then
  hs.status = obj.status.health.status or "Progressing"
  hs.message = obj.status.health.message or ""
end
return hs
"""


def argo_cd(mesh: MeshSpec, stages: Sequence[Stage], repository: Repository) -> Mapping[str, str]:
    """Return the files of Argo CD by path: what to apply once, and what that finds in the repository."""
    clusters = tuple(dict.fromkeys(cluster for cluster, _ in stages))
    children = {
        f"{FOLDER}/{cluster}/stages.yaml": yaml_text(
            stage_application(mesh, one, repository) for one in stages if one[0] == cluster
        )
        for cluster in clusters
    }
    parents = yaml_text(cluster_application(mesh, cluster, repository) for cluster in clusters)
    return {f"{FOLDER}/applications.yaml": parents, f"{FOLDER}/argocd-cm.yaml": yaml_text([health()]), **children}


def cluster_application(mesh: MeshSpec, cluster: str, repository: Repository) -> Manifest:
    """Return the Application that holds those of a cluster's stages."""
    return _application(
        f"{mesh_name(mesh)}-{cluster}",
        repository.at(FOLDER, cluster),
        repository,
        {"name": IN_CLUSTER, "namespace": NAMESPACE},
    )


def stage_application(mesh: MeshSpec, stage: Stage, repository: Repository) -> Manifest:
    """Return the Application of a stage; its wave begins when the one before is healthy."""
    cluster, number = stage
    destination = {"name": IN_CLUSTER if cluster == repository.hub else cluster}
    made = _application(stage_name(mesh, stage), repository.at(stage_folder(stage)), repository, destination)
    return {**made, "metadata": {**made["metadata"], "annotations": {SYNC_WAVE: str(number)}}}


def _application(name: str, path: str, repository: Repository, destination: Manifest) -> Manifest:
    spec = {
        "project": "default",
        "source": {"repoURL": repository.url, "targetRevision": repository.revision, "path": path},
        "destination": destination,
        "syncPolicy": {
            "automated": {"prune": False, "selfHeal": True},
            "syncOptions": ["ServerSideApply=true"],
            "retry": {"limit": 10, "backoff": {"duration": "10s", "factor": 2, "maxDuration": "3m"}},
        },
    }
    return named(API, "Application", name, NAMESPACE, spec=spec)


def health() -> Manifest:
    """Return what has to be in Argo CD's own ConfigMap: without it, whatever exists counts as healthy."""
    scripts = {
        f"resource.customizations.health.{API.partition('/')[0]}_Application": APPLICATION_HEALTH,
        **{f"resource.customizations.health.{kind.group}_{kind.name}": SAIL_HEALTH for kind in (ISTIO, ISTIO_CNI)},
    }
    return named("v1", "ConfigMap", "argocd-cm", NAMESPACE, data=scripts)
