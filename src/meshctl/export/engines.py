"""What Argo CD and Flux have in common: where they find the files, what they are called, and what is healthy."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from meshctl.export.files import Stage
from meshctl.objects import Manifest
from meshctl.spec import MeshSpec


@dataclass(frozen=True, slots=True)
class Repository:
    """The Git repository that holds the rendered folder at `path`.

    `hub` names the cluster on which the engine itself runs, empty when that is none of the mesh.
    """

    url: str
    path: str = ""
    revision: str = "main"
    hub: str = ""

    def at(self, *parts: str) -> str:
        """Return the path of a folder in the repository, without a slash at either end."""
        return str(PurePosixPath(self.path.strip("/"), *parts))


def stage_name(mesh: MeshSpec, stage: Stage) -> str:
    """Return the name of what applies a stage."""
    cluster, number = stage
    return f"{mesh_name(mesh)}-{cluster}-{number}"


def mesh_name(mesh: MeshSpec) -> str:
    """Return the mesh's ID as Kubernetes accepts it in a name."""
    return re.sub(r"[^a-z0-9]+", "-", mesh.mesh_id.lower()).strip("-") or "mesh"


def stage_folder(stage: Stage) -> str:
    """Return where the files of a stage are."""
    cluster, number = stage
    return f"{cluster}/stage-{number}" if number else cluster


def named(api_version: str, kind: str, name: str, namespace: str, **more: Manifest) -> Manifest:
    """Return the beginning of an object, with `spec` and the like after it."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **more}
