"""The part of the installation that no file can hold: a token for istiod, and the secret that hands it over."""

from collections.abc import Iterator, Sequence

from meshctl.plan import Plan, Step
from meshctl.plans.facts import Circumstances
from meshctl.plans.headings import introduce, reader_token
from meshctl.spec import Cluster, MeshSpec


def introduction(mesh: MeshSpec, remotes: Sequence[Cluster], found: Circumstances) -> Plan:
    """Return the plan that introduces these remotes to the primary's istiod."""
    names = ", ".join(remote.name for remote in remotes)
    return Plan(f"Introduce {names} to {mesh.primary.name}", mesh, tuple(_steps(mesh, remotes, found)))


def _steps(mesh: MeshSpec, remotes: Sequence[Cluster], found: Circumstances) -> Iterator[Step]:
    for remote in remotes:
        yield (token := reader_token(mesh, remote, needs=[]))
        yield introduce(mesh, remote, found, needs=[token])
