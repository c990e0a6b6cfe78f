"""Bases, Argo CD's Applications and Flux' Kustomizations: of the shapes their APIs accept, and of the plan's order."""

import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from meshctl.export.argo_cd import SYNC_WAVE
from meshctl.export.files import files_of, offline_plan
from tests.export.test_files import mesh_of

KUBECTL = Path(sys.executable).with_name("kubectl")
REPOSITORY = ("--repo", "https://git.example.com/fleet.git", "--path", "/meshes/one/", "--revision", "production")

TEXT = {"type": "string", "minLength": 1}
NAME = {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"}
DURATION = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
FLAG = {"type": "boolean"}


def shape(required: str, **properties: Any) -> dict[str, Any]:
    """Return the schema of an object that has these keys and no others."""
    return {"type": "object", "required": required.split(), "properties": properties, "additionalProperties": False}


def listing(items: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list with something in it."""
    return {"type": "array", "items": items, "minItems": 1}


def kind(api_version: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object of a kind."""
    metadata = shape("name namespace", name=NAME, namespace=NAME, annotations={"type": "object"})
    return shape(
        "apiVersion kind metadata spec",
        apiVersion={"const": api_version},
        kind={"const": name},
        metadata=metadata,
        spec=spec,
    )


# What is used of the CustomResourceDefinitions of Argo CD and Flux, with what they require.
APPLICATION = kind(
    "argoproj.io/v1alpha1",
    "Application",
    shape(
        "destination project source",
        project=TEXT,
        source=shape("repoURL", repoURL=TEXT, path=TEXT, targetRevision=TEXT),
        destination=shape("name", name=TEXT, namespace=NAME),
        syncPolicy=shape(
            "",
            automated=shape("", prune=FLAG, selfHeal=FLAG),
            syncOptions=listing({"enum": ["ServerSideApply=true"]}),
            retry=shape(
                "",
                limit={"type": "integer"},
                backoff=shape("", duration=DURATION, factor={"type": "integer"}, maxDuration=DURATION),
            ),
        ),
    ),
)
KUSTOMIZATION = kind(
    "kustomize.toolkit.fluxcd.io/v1",
    "Kustomization",
    shape(
        "interval prune sourceRef",
        interval=DURATION,
        retryInterval=DURATION,
        timeout=DURATION,
        prune=FLAG,
        wait=FLAG,
        path=TEXT,
        sourceRef=shape("kind name", kind={"enum": ["GitRepository", "OCIRepository", "Bucket"]}, name=NAME),
        dependsOn=listing(shape("name", name=NAME, namespace=NAME)),
        kubeConfig=shape("secretRef", secretRef=shape("name", name=NAME, key=TEXT)),
        healthCheckExprs=listing(shape("apiVersion current kind", apiVersion=TEXT, kind=TEXT, current=TEXT)),
    ),
)
GIT_REPOSITORY = kind(
    "source.toolkit.fluxcd.io/v1",
    "GitRepository",
    shape(
        "interval url",
        interval=DURATION,
        url={"type": "string", "pattern": "^(http|https|ssh)://"},
        ref=shape("branch", branch=TEXT),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything for two remotes; the primary is where the engines run."""
    out = tmp_path_factory.mktemp("repository") / "out"
    mesh = ("--east", "east", "--west", "west", "--west", "west2", "--gateway-address", "cluster1=192.0.2.7")
    options = (*mesh, *REPOSITORY, "--argo-cd", "--flux", "--hub", "east")
    subprocess.run([sys.executable, "-m", "meshctl", "render", *options, "--out", str(out)], check=True)
    return out


def read(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file."""
    return list(yaml.safe_load_all(path.read_text()))


def built(path: Path) -> list[dict[str, Any]]:
    """Return what kustomize makes of a folder."""
    done = subprocess.run([KUBECTL, "kustomize", path], capture_output=True, text=True, check=True)
    return sorted(yaml.safe_load_all(done.stdout), key=by_name)


def by_name(manifest: dict[str, Any]) -> tuple[str, str]:
    """Order objects as nobody else does."""
    return manifest["kind"], manifest["metadata"]["name"]


@pytest.mark.parametrize("cluster", ["cluster1", "cluster2", "cluster3"])
def test_bases_build_the_objects_of_the_plan(folder: Path, cluster: str) -> None:
    mesh = mesh_of(west=("west", "west2"), addresses=("cluster1=192.0.2.7",))
    files = [one for one in files_of(offline_plan(mesh)) if one.cluster == cluster and one.stage]
    assert built(folder / cluster) == sorted((obj for one in files for obj in one.objects), key=by_name)
    for stage in {one.stage for one in files}:
        wanted = [obj for one in files if one.stage == stage for obj in one.objects]
        assert built(folder / cluster / f"stage-{stage}") == sorted(wanted, key=by_name)


def test_every_application_is_of_the_shape_of_argo_cd(folder: Path) -> None:
    parents = read(folder / "argo-cd" / "applications.yaml")
    children = [one for path in sorted(folder.glob("argo-cd/*/stages.yaml")) for one in read(path)]
    for one in (*parents, *children):
        jsonschema.validate(one, APPLICATION)
    # What is in the repository is where the Applications say it is.
    for one in (*parents, *children):
        place = Path(one["spec"]["source"]["path"]).relative_to("meshes/one")
        assert list((folder / place).glob("*.yaml"))
    assert [one["spec"]["destination"]["name"] for one in children] == ["in-cluster"] * 3 + ["cluster2"] * 3 + [
        "cluster3"
    ] * 3
    assert [one["metadata"]["annotations"][SYNC_WAVE] for one in children] == ["1", "2", "3"] * 3
    assert len({one["metadata"]["name"] for one in (*parents, *children)}) == len(parents) + len(children)


def test_argo_cd_learns_what_is_healthy(folder: Path) -> None:
    (patch,) = read(folder / "argo-cd" / "argocd-cm.yaml")
    assert set(patch["data"]) == {
        "resource.customizations.health.argoproj.io_Application",
        "resource.customizations.health.sailoperator.io_Istio",
        "resource.customizations.health.sailoperator.io_IstioCNI",
    }
    for script in patch["data"].values():
        assert "Progressing" in script
        assert script.rstrip().endswith("return hs")


def test_every_kustomization_is_of_the_shape_of_flux(folder: Path) -> None:
    source, *stages = read(folder / "flux" / "kustomizations.yaml")
    jsonschema.validate(source, GIT_REPOSITORY)
    for one in stages:
        jsonschema.validate(one, KUSTOMIZATION)
        assert one["spec"]["sourceRef"]["name"] == source["metadata"]["name"]
        place = Path(one["spec"]["path"]).relative_to("meshes/one")
        assert (folder / place / "kustomization.yaml").is_file()
        hub = one["metadata"]["name"].startswith("mesh1-cluster1-")
        assert ("kubeConfig" in one["spec"]) is not hub
    graph = {one["metadata"]["name"]: {need["name"] for need in one["spec"].get("dependsOn", ())} for one in stages}
    assert len(graph) == 9
    assert {need for needs in graph.values() for need in needs} <= set(graph)
    TopologicalSorter(graph).prepare()
    assert graph["mesh1-cluster3-3"] == {"mesh1-cluster1-2", "mesh1-cluster1-3", "mesh1-cluster3-2"}


def test_the_shapes_are_strict(folder: Path) -> None:
    (first, *_) = read(folder / "argo-cd" / "applications.yaml")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**first, "spec": {**first["spec"], "source": {"repoUrl": "x"}}}, APPLICATION)


def test_the_readme_says_what_no_engine_can_do(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    assert "meshctl remote-secret --east east --west west --west west2 --apply" in text
    assert "--argo-cd --flux --repo https://git.example.com/fleet.git --path /meshes/one/" in text
    assert "`cluster2-kubeconfig`, `cluster3-kubeconfig`" in text
