"""What the certificates of all clusters mean for an install, each problem under the code of its check."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from meshctl.certs.check import compare_served
from meshctl.certs.classify import classify, remedy
from meshctl.certs.material import ROOT_CERT as ROOT_PEM
from meshctl.certs.material import CertProblem, Flaw, Severity
from meshctl.certs.secrets import material_of
from meshctl.checks.catalog.check import Check
from meshctl.checks.catalog.preflight import trust as catalog
from meshctl.checks.finding import Finding, found
from meshctl.checks.preflight.operator import kubectl
from meshctl.checks.preflight.survey import ISTIODS, Survey
from meshctl.checks.survey import running
from meshctl.names import ISTIO_SYSTEM, ROOT_CERT
from meshctl.objects import dig
from meshctl.spec import MeshSpec

CHECK_OF: Mapping[Flaw, Check] = MappingProxyType(
    {
        Flaw.ABSENT: catalog.NO_CERTIFICATES,
        Flaw.INCOMPLETE: catalog.INCOMPLETE,
        Flaw.WRONG_KEY: catalog.WRONG_KEY,
        Flaw.BROKEN_CHAIN: catalog.BROKEN_CHAIN,
        Flaw.NOT_VALID_NOW: catalog.NOT_VALID_NOW,
        Flaw.EXPIRES_SOON: catalog.EXPIRES_SOON,
        Flaw.UNFIT: catalog.UNFIT,
        Flaw.ROOT_KEY_IN_USE: catalog.ROOT_KEY_IN_USE,
        Flaw.OTHER_ROOT: catalog.OTHER_ROOT,
        Flaw.MIXED_ROOTS: catalog.MIXED_ROOTS,
        Flaw.SHARED_SIGNER: catalog.SHARED_SIGNER,
    }
)
BETWEEN_CLUSTERS = (Flaw.OTHER_ROOT, Flaw.MIXED_ROOTS, Flaw.SHARED_SIGNER)


def trust(mesh: MeshSpec, seen: Mapping[str, Survey], options: str, now: datetime) -> Iterator[Finding]:
    """Judge the certificates of all clusters; `options` name the clusters on a command line."""
    if mesh.primary.name in seen:
        yield from _stored(mesh, seen, options, now)
        yield from _served(mesh, seen)


def _served(mesh: MeshSpec, seen: Mapping[str, Survey]) -> Iterator[Finding]:
    """Compare what istiod hands out with what it would sign with after its next start."""
    primary = seen[mesh.primary.name]
    istiods = [one for one in primary.all(ISTIODS) if dig(one, "metadata", "namespace") == ISTIO_SYSTEM]
    stored = material_of(primary.cacerts)
    if not running(istiods) or stored.empty:
        return
    served = {name: dig(one.get(ROOT_CERT), "data", ROOT_PEM) for name, one in seen.items()}
    restart = f"{kubectl(mesh.primary)} -n {ISTIO_SYSTEM} rollout restart deployment/istiod"
    hint = "restart istiod at a time of your choice, then the gateways and all workloads:"
    for name, root in served.items():
        for problem in compare_served(stored, {str(ROOT_CERT): str(root).encode()}) if root else ():
            yield found(catalog.OTHER_ROOT_SERVED, name, problem.text, hint, restart)


def _stored(mesh: MeshSpec, seen: Mapping[str, Survey], options: str, now: datetime) -> Iterator[Finding]:
    # Fresh certificates have a new root, and one that is there is only replaced on demand.
    force = " --force" if any(one.cacerts for one in seen.values()) else ""
    commands = " && ".join(remedy(options)) + force
    secrets = {name: one.cacerts for name, one in seen.items()}
    # A Secret that may not be read is a missing right, told elsewhere; it must not look like one that is not there.
    blind = {name for name, one in seen.items() if any(r.resource == "secrets" for r in one.missing_rights)}
    for problem in classify(secrets, mesh.primary.name, now):
        if problem.cluster not in blind:
            yield _finding(problem, commands, mesh.primary.name)


def check_of(problem: CertProblem, primary: str) -> Check:
    """Return the check that a problem belongs to: nothing reads the Secret of a remote, whatever is wrong with it."""
    unread = problem.cluster != primary and problem.flaw not in BETWEEN_CLUSTERS
    return catalog.REMOTE_UNSOUND if unread else CHECK_OF[problem.flaw]


def _finding(problem: CertProblem, commands: str, primary: str) -> Finding:
    check = check_of(problem, primary)
    # What makes new certificates must not be the answer to a warning: it would replace a root that works.
    bad = problem.severity is Severity.ERROR
    hint, command = ("", commands) if bad else (check.remedy, "")
    return replace(found(check, problem.cluster, problem.text, hint, command), severity=problem.severity)
