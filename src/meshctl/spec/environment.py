"""The environment variables, from the same table of fields as the file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from meshctl.spec.fields import MESH, scalars
from meshctl.spec.forms import Texts
from meshctl.spec.places import Keys, spell

PREFIX = "MESHCTL_"


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable: `keys` is what it gives in the words of the file (empty for the file itself)."""

    name: str
    keys: Keys
    about: str
    many: bool = False

    @property
    def sets(self) -> str:
        """The same as `--set` spells it."""
        return spell(self.keys)


def _name(keys: tuple[str, ...]) -> str:
    """Return the variable of a field: sampleNamespace is MESHCTL_SAMPLE_NAMESPACE."""
    return PREFIX + "_".join(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key) for key in keys).upper()


FILE = Variable(f"{PREFIX}FILE", (), "The file that describes the mesh, as --file gives it.")
EAST = Variable(f"{PREFIX}EAST", ("east", "context"), "The kubeconfig context of the primary, as --east gives it.")
WEST = Variable(
    f"{PREFIX}WEST",
    ("west",),
    "The kubeconfig contexts of the remotes, separated by commas, as --west gives them.",
    many=True,
)

VARIABLES: tuple[Variable, ...] = (
    FILE,
    EAST,
    WEST,
    *(Variable(_name(keys), keys, field.about, isinstance(field.form, Texts)) for keys, field in scalars(MESH)),
)
"""Every variable there is. One that is empty counts as not set; one that is a list takes commas."""


def given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are set, by name."""
    return {variable.name: environ[variable.name] for variable in VARIABLES if environ.get(variable.name)}


def problems(environ: Mapping[str, str]) -> list[str]:
    """Return a problem for every variable that is nearly one of ours.

    Others that begin with MESHCTL_ are left alone: scripts around meshctl may have their own.
    """
    known = {variable.name.removeprefix(PREFIX): variable.name for variable in VARIABLES}
    found = []
    for name in sorted(environ):
        word = name.removeprefix(PREFIX)
        if word == name or word in known:
            continue
        close = get_close_matches(word, known, n=1, cutoff=0.8)
        if close:
            found.append(f"{name}: unknown variable; did you mean {known[close[0]]}?")
    return found
