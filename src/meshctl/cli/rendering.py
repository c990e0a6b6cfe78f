"""What `render` does: the plan of `install` to files, a README and what engines want, written all at once."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import typer

from meshctl.cli.typed import Typed, seen_from
from meshctl.errors import Exit, SpecError
from meshctl.export.argo_cd import argo_cd
from meshctl.export.by_hand import Hand
from meshctl.export.engines import Repository, stage_folder
from meshctl.export.files import ManifestFile, files_of, offline_plan, stage_needs
from meshctl.export.flux import flux
from meshctl.export.folder import write_folder
from meshctl.export.kustomize import bases
from meshctl.export.readme import Commands, readme
from meshctl.export.readme_engines import engine_sections
from meshctl.plan import Plan
from meshctl.spec import Kernel, MeshSpec

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What the command line says besides which mesh; `kustomize` is whether files are sorted into bases."""

    out: str
    kustomize: bool = False
    argo_cd: bool = False
    flux: bool = False
    repo: str = ""
    path: str = ""
    revision: str = "main"
    hub: str = ""
    force: bool = False

    def words(self) -> Iterator[str]:
        """Yield the options that a rendering again must have, for a shell."""
        for flag, given in (("--kustomize", self.kustomize), ("--argo-cd", self.argo_cd), ("--flux", self.flux)):
            if given and (flag != "--kustomize" or not (self.argo_cd or self.flux)):
                yield flag
        defaults = RenderOptions(STDOUT)
        for flag, value, default in (
            ("--repo", self.repo, defaults.repo),
            ("--path", self.path, defaults.path),
            ("--revision", self.revision, defaults.revision),
            ("--hub", self.hub, defaults.hub),
        ):
            if value != default:
                yield from (flag, quote(value))


def run_render(mesh: MeshSpec, typed: Typed, wanted: RenderOptions) -> int:
    """Write the files, or print them, and return the exit code."""
    problems = list(misfits(mesh, wanted))
    if problems:
        raise SpecError(problems)
    plan = offline_plan(mesh)
    files = files_of(plan)
    paths = {(one.cluster, one.step): path_of(one, staged=wanted.kustomize) for one in files}
    if wanted.out == STDOUT:
        sys.stdout.write(stream(files, paths))
    else:
        write_folder(Path(wanted.out), contents(plan, files, paths, typed, wanted), force=wanted.force)
        typer.echo(
            f"wrote {len(files)} manifests for {len(mesh.clusters)} clusters; next: {Path(wanted.out) / 'README.md'}"
        )
    tell_unknown(mesh, files)
    return int(Exit.DONE)


def misfits(mesh: MeshSpec, wanted: RenderOptions) -> Iterator[str]:
    """Yield what does not go together."""
    engine = wanted.argo_cd or wanted.flux
    if not wanted.out:
        yield "--out: names no folder"
    if wanted.kustomize and wanted.out == STDOUT:
        yield "--out -: bases and what engines want are files, and need a folder"
    if engine and not wanted.repo:
        yield "--repo is missing: an engine has to know where the files will be"
    if not engine:
        for flag, value in (("--repo", wanted.repo), ("--path", wanted.path), ("--hub", wanted.hub)):
            if value:
                yield f"{flag} is for --argo-cd and --flux"
    if ".." in Path(wanted.path).parts:
        yield f"--path: {wanted.path} leads out of the repository"
    if wanted.hub and wanted.hub not in hub_names(mesh):
        yield f"--hub: {wanted.hub} is none of {', '.join(cluster.name for cluster in mesh.clusters)}"
    if wanted.kustomize and mesh.kernel is Kernel.OLD:
        yield (
            "kernel: old needs a template that is read from the running istiod, which no base can hold: "
            "leave --kustomize, --argo-cd and --flux away"
        )


def hub_names(mesh: MeshSpec) -> Mapping[str, str]:
    """Return the names of clusters by what they may be called."""
    return {called: one.name for one in mesh.clusters for called in (one.context, one.name)}


def path_of(file: ManifestFile, *, staged: bool) -> str:
    """Return a file's path in the folder."""
    return f"{stage_folder((file.cluster, file.stage if staged else 0))}/{file.name}"


def stream(files: Sequence[ManifestFile], paths: Mapping[tuple[str, str], str]) -> str:
    """Return all files as one YAML stream."""
    return "---\n".join(f"# {paths[one.cluster, one.step]}\n{one.text}" for one in files)


def contents(
    plan: Plan,
    files: Sequence[ManifestFile],
    paths: Mapping[tuple[str, str], str],
    typed: Typed,
    wanted: RenderOptions,
) -> Mapping[str, str]:
    """Return every file of the folder by its path."""
    mesh, folder = plan.mesh, Path(wanted.out)
    which, reached = typed.which(folder), typed.reached_by()
    render = ["meshctl render", *which, *reached, *typed.addressed(), *wanted.words(), "--out ."]
    commands = Commands(
        render=" ".join(render),
        certificates=" ".join(["meshctl certs apply --from certs", *which]),
        install=" ".join(["meshctl install", *which, *reached, *typed.addressed()]),
        status=" ".join(["meshctl status", *which]),
        verify=" ".join(["meshctl verify", *which]),
        introduce=" ".join(["meshctl remote-secret", *which, *reached, "--apply"]),
    )
    hand = Hand(
        mesh=mesh,
        paths=paths,
        kubeconfigs={
            one.name: seen_from(folder, config)
            for one in mesh.clusters
            if (config := one.kubeconfig or mesh.kubeconfig)
        },
        introduce={
            one.name: " ".join([f"meshctl remote-secret {one.name}", *which, *reached, "--apply"])
            for one in mesh.remotes
        },
    )
    found = {paths[one.cluster, one.step]: one.text for one in files}
    repository = Repository(wanted.repo, wanted.path, wanted.revision, hub_names(mesh).get(wanted.hub, ""))
    needs = stage_needs(plan)
    if wanted.kustomize:
        found |= bases(files)
    if wanted.argo_cd:
        found |= argo_cd(mesh, sorted(needs), repository)
    if wanted.flux:
        found |= flux(mesh, needs, repository)
    engines = engine_sections(mesh, commands, argo_cd=wanted.argo_cd, flux=wanted.flux, hub=repository.hub)
    return {"README.md": readme(plan, files, hand, commands) + engines, **found}


def tell_unknown(mesh: MeshSpec, files: Sequence[ManifestFile]) -> None:
    """Say what is still to be filled in."""
    unknown = list(dict.fromkeys(text for one in files for text in one.unknown))
    if unknown:
        typer.echo(f"to be filled in: {', '.join(unknown)}", err=True)
    if unknown and not mesh.primary.gateway_address:
        typer.echo(f"  when the address is known: --gateway-address {mesh.primary.name}=IP", err=True)
