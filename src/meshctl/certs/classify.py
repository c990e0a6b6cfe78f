"""What the `cacerts` of all clusters mean for an install: what stands in the way, and what only deserves a look.

Only the primary has an istiod, and it alone signs for every cluster: a remote's Secret is never read. So

- the primary's has to be there, complete and sound: every such problem is an error;
- a remote's is asked for by the guide, but nothing fails without it: every such problem is a warning;
- a remote with *another root* is an error all the same: someone meant two meshes, or mixed up two directories, and the
  clusters could never become two primaries that trust each other. Who knows better says so (`different_roots`), and
  who explains a mesh that runs passes a warning, for it is the cause of nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from meshctl.certs.check import check, compare_roots
from meshctl.certs.material import CertProblem, Flaw, Severity
from meshctl.certs.secrets import material_of
from meshctl.names import CACERTS
from meshctl.objects import Manifest

UNUSED = "nothing reads the one of a remote"


def classify(
    secrets: Mapping[str, Manifest | None],
    primary: str,
    now: datetime,
    *,
    different_roots: Severity = Severity.ERROR,
) -> list[CertProblem]:
    """Judge the `cacerts` Secrets, by cluster name (None where there is none), the primary's first."""
    ordered = {primary: secrets.get(primary)} | dict(secrets)
    materials = {name: material_of(secret) for name, secret in ordered.items()}
    own = [
        problem
        for name, secret in ordered.items()
        for problem in (_of_primary(name, secret, now) if name == primary else _of_remote(name, secret, now))
    ]
    return own + compare_roots(materials, different=different_roots)


def remedy(mesh_options: str, directory: str = "certs") -> tuple[str, str]:
    """Return the two commands that give every cluster its `cacerts`; `mesh_options` says which clusters."""
    return (
        f"meshctl certs generate --out {directory} {mesh_options}".rstrip(),
        f"meshctl certs apply --from {directory} {mesh_options}".rstrip(),
    )


def _of_primary(name: str, secret: Manifest | None, now: datetime) -> list[CertProblem]:
    if secret is None:
        text = f"no {CACERTS}: istiod would sign with a root that it makes for itself"
        return [CertProblem(Severity.ERROR, Flaw.ABSENT, text, name)]
    return [replace(problem, cluster=name) for problem in check(material_of(secret), now)]


def _of_remote(name: str, secret: Manifest | None, now: datetime) -> list[CertProblem]:
    if secret is None:
        text = f"no {CACERTS}; the guide asks for it, but {UNUSED}"
        return [CertProblem(Severity.WARNING, Flaw.ABSENT, text, name)]
    return [_unused(problem, name) for problem in check(material_of(secret), now)]


def _unused(problem: CertProblem, name: str) -> CertProblem:
    text = f"{problem.text} ({UNUSED})" if problem.severity is Severity.ERROR else problem.text
    return CertProblem(Severity.WARNING, problem.flaw, text, name)
