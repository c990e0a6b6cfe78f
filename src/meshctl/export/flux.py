"""Flux: a Kustomization for each stage, with the plan's own graph as `dependsOn` and health checks that do not lie.

Nothing is pruned: a mesh is removed in another order than it is made, by `meshctl teardown`.
"""

from collections.abc import Mapping

from meshctl.export.engines import Repository, mesh_name, named, stage_folder, stage_name
from meshctl.export.files import Stage
from meshctl.export.yaml_text import yaml_text
from meshctl.names import ISTIO, ISTIO_CNI
from meshctl.objects import Manifest
from meshctl.spec import MeshSpec

API, SOURCE_API, NAMESPACE, FOLDER = (
    "kustomize.toolkit.fluxcd.io/v1",
    "source.toolkit.fluxcd.io/v1",
    "flux-system",
    "flux",
)
HEALTHY = "status.observedGeneration == metadata.generation && status.state == 'Healthy'"
"""In CEL, on the object itself; a field that is not there yet counts as not healthy."""


def flux(mesh: MeshSpec, needs: Mapping[Stage, tuple[Stage, ...]], repository: Repository) -> Mapping[str, str]:
    """Return the file of Flux by path: the source, and a Kustomization for each stage."""
    objects = [source(mesh, repository), *(kustomization(mesh, one, needs[one], repository) for one in sorted(needs))]
    return {f"{FOLDER}/kustomizations.yaml": yaml_text(objects)}


def source(mesh: MeshSpec, repository: Repository) -> Manifest:
    """Return the Git repository; a private one wants a `secretRef`."""
    spec = {"interval": "1m", "url": repository.url, "ref": {"branch": repository.revision}}
    return named(SOURCE_API, "GitRepository", mesh_name(mesh), NAMESPACE, spec=spec)


def kustomization(mesh: MeshSpec, stage: Stage, needs: tuple[Stage, ...], repository: Repository) -> Manifest:
    """Return the Kustomization of a stage; it is ready when all it applies is healthy."""
    cluster, _ = stage
    spec: Manifest = {
        "interval": "10m",
        "retryInterval": "1m",
        "timeout": f"{mesh.timeouts.remote:g}s",
        "sourceRef": {"kind": "GitRepository", "name": mesh_name(mesh)},
        "path": f"./{repository.at(stage_folder(stage))}",
        "prune": False,
        "wait": True,
        "healthCheckExprs": [
            {"apiVersion": kind.api_version, "kind": kind.name, "current": HEALTHY} for kind in (ISTIO, ISTIO_CNI)
        ],
    }
    if needs:
        spec["dependsOn"] = [{"name": stage_name(mesh, need)} for need in needs]
    if cluster != repository.hub:
        spec["kubeConfig"] = {"secretRef": {"name": f"{cluster}-kubeconfig"}}
    return named(API, "Kustomization", stage_name(mesh, stage), NAMESPACE, spec=spec)
