"""Kustomize bases: one for each stage, which can be applied at once, and one for each cluster with all its stages."""

from collections.abc import Iterable, Mapping, Sequence

from meshctl.export.engines import stage_folder
from meshctl.export.files import ManifestFile
from meshctl.export.yaml_text import yaml_text

KUSTOMIZATION = "kustomization.yaml"
WHOLE = """# Everything of {} that a repository can hold, as a base for overlays. On an empty cluster apply the stages
# one by one: gateway pods that are made before istiod injects them never start.
"""


def bases(files: Sequence[ManifestFile]) -> Mapping[str, str]:
    """Return the kustomization files by path."""
    found = {}
    for cluster in dict.fromkeys(one.cluster for one in files):
        stages = sorted({one.stage for one in files if one.cluster == cluster and one.stage})
        found[f"{cluster}/{KUSTOMIZATION}"] = WHOLE.format(cluster) + base(f"stage-{number}" for number in stages)
        for number in stages:
            names = (one.name for one in files if (one.cluster, one.stage) == (cluster, number))
            found[f"{stage_folder((cluster, number))}/{KUSTOMIZATION}"] = base(names)
    return found


def base(resources: Iterable[str]) -> str:
    """Return a kustomization file."""
    return yaml_text(
        [{"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": list(resources)}]
    )
