"""Flags, environment and file to a `MeshSpec`, or to one error with everything that is wrong with them."""

from collections.abc import Mapping
from dataclasses import dataclass

from meshctl.errors import SpecError
from meshctl.spec import assemble
from meshctl.spec.fields import MESH
from meshctl.spec.flags import Flags
from meshctl.spec.layers import lay
from meshctl.spec.model import MeshSpec
from meshctl.spec.places import Places, Problem
from meshctl.spec.reading import read


@dataclass(frozen=True, slots=True)
class Loaded:
    """A mesh, and where each of its values came from."""

    mesh: MeshSpec
    places: Places


def load_spec(flags: Flags, environ: Mapping[str, str]) -> MeshSpec:
    """Return the mesh that flags, environment and file describe together.

    A flag counts before a variable, a variable before the file, the file before the default. West clusters are laid
    over each other by position (see `layers.lay`). Raises `SpecError` with every problem there is.
    """
    return load(flags, environ).mesh


def load(flags: Flags, environ: Mapping[str, str]) -> Loaded:
    """Return the mesh as `load_spec` does, with the places of its values."""
    draft = lay(flags, environ)
    problems: list[Problem] = []
    found = read(MESH, draft.tree, (), problems) or {}
    if draft.whole:
        problems += assemble.missing(found)
    problems += assemble.clashes(found)
    places = draft.places
    texts = [*draft.problems, *(f"{places.of(problem.keys)}: {problem.text}" for problem in problems)]
    if texts:
        raise SpecError(list(dict.fromkeys(texts)))
    return Loaded(assemble.mesh(found, places, environ), places)
