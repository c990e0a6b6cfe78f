"""What the certificates of all clusters mean for an install, each problem under the code of its check."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from meshctl.certs.classify import classify, remedy
from meshctl.certs.material import CertProblem, Flaw, Severity
from meshctl.checks.catalog.check import Check
from meshctl.checks.catalog.preflight import trust
from meshctl.checks.finding import Finding, found
from meshctl.checks.survey import Survey
from meshctl.spec import MeshSpec

CHECK_OF: Mapping[Flaw, Check] = MappingProxyType(
    {
        Flaw.ABSENT: trust.NO_CERTIFICATES,
        Flaw.INCOMPLETE: trust.INCOMPLETE,
        Flaw.WRONG_KEY: trust.WRONG_KEY,
        Flaw.BROKEN_CHAIN: trust.BROKEN_CHAIN,
        Flaw.NOT_VALID_NOW: trust.NOT_VALID_NOW,
        Flaw.EXPIRES_SOON: trust.EXPIRES_SOON,
        Flaw.UNFIT: trust.UNFIT,
        Flaw.ROOT_KEY_IN_USE: trust.ROOT_KEY_IN_USE,
        Flaw.OTHER_ROOT: trust.OTHER_ROOT,
        Flaw.MIXED_ROOTS: trust.MIXED_ROOTS,
        Flaw.SHARED_SIGNER: trust.SHARED_SIGNER,
    }
)
BETWEEN_CLUSTERS = (Flaw.OTHER_ROOT, Flaw.MIXED_ROOTS, Flaw.SHARED_SIGNER)


def cacerts(mesh: MeshSpec, seen: Mapping[str, Survey], options: str, now: datetime) -> Iterator[Finding]:
    """Judge the `cacerts` of all clusters; `options` name the clusters on a command line."""
    if mesh.primary.name not in seen:
        return
    # Fresh certificates have a new root, and one that is there is only replaced on demand.
    force = " --force" if any(one.cacerts for one in seen.values()) else ""
    commands = " && ".join(remedy(options)) + force
    secrets = {name: one.cacerts for name, one in seen.items()}
    # A Secret that may not be read is a missing right, told elsewhere; it must not look like one that is not there.
    blind = {name for name, one in seen.items() if any(r.resource == "secrets" for r in one.missing_rights)}
    for problem in classify(secrets, mesh.primary.name, now):
        if problem.cluster not in blind:
            yield _finding(problem, commands, mesh.primary.name)


def _finding(problem: CertProblem, commands: str, primary: str) -> Finding:
    unread = problem.cluster != primary and problem.flaw not in BETWEEN_CLUSTERS
    check = trust.REMOTE_UNSOUND if unread else CHECK_OF[problem.flaw]
    command = commands if problem.severity is Severity.ERROR else ""
    return replace(found(check, problem.cluster, problem.text, command=command), severity=problem.severity)
