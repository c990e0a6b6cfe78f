"""The repairs that are safe to automate, by the code of the broken link: each is a step or two of known headings.

Safe is what puts back something of the mesh's own that is missing or out of date, and what is read again. Whatever
takes something away from somebody, or needs a decision, is left to the user as a command.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from meshctl import conditions as is_
from meshctl.checks.catalog import links_control_plane as cp
from meshctl.checks.catalog import links_gateway as gw
from meshctl.checks.catalog import links_remote as rem
from meshctl.checks.diagnosis.case import Case
from meshctl.checks.diagnosis.result import Chain, Diagnosis
from meshctl.checks.finding import Finding
from meshctl.names import GATEWAY_DEPLOYMENT, INJECTOR
from meshctl.plan import Act, Plan, Step, Wait, named, step
from meshctl.plans.amends import (
    allow_injection,
    annotate,
    drop_dead_token,
    drop_secrets,
    label_gateway,
    label_secret,
    point,
)
from meshctl.plans.chain import on
from meshctl.plans.facts import Circumstances
from meshctl.plans.headings import (
    expose,
    gateway_address,
    gateway_probe,
    install_gateway,
    introduce,
    reader_token,
    remote_ready,
)
from meshctl.plans.repairs import recycle_gateway, restart_gateway
from meshctl.spec import Cluster, MeshSpec

PATIENCE = 60.0
"""Seconds that a repair waits for what it has set in motion; what is broken besides must not keep it for ever."""


@dataclass(frozen=True, slots=True)
class Job:
    """One broken link to mend: the case it is of, the cluster it is on, and the circumstances of all."""

    case: Case
    cluster: Cluster
    found: Circumstances

    @property
    def mesh(self) -> MeshSpec:
        """The mesh, by the names its clusters really have."""
        return self.case.mesh


Steps = tuple[Step, ...]
Remedy = Callable[[Job], Steps]


def mending(case: Case, diagnosis: Diagnosis, findings: tuple[Finding, ...], found: Circumstances) -> Plan | None:
    """Return the plan that mends what can be mended of these findings of a diagnosis, None when that is nothing."""
    brisk = replace(case, mesh=brief(case.mesh))
    jobs = {cluster.name: Job(brisk, cluster, found) for cluster in brisk.mesh.clusters}
    due = [finding for finding in findings if finding.code in REMEDIES]
    steps = [one for finding in due for one in REMEDIES[finding.code](jobs[finding.cluster])]
    if any(finding.cluster == case.primary.name for finding in due):
        steps += [
            one for chain in diagnosis.chains if follows(chain) for one in _ready(jobs[chain.cluster.name], steps)
        ]
    return Plan(f"Repair mesh {case.mesh.mesh_id} on {named(case.mesh)}", brisk.mesh, tuple(steps)) if steps else None


def follows(chain: Chain) -> bool:
    """Say whether what is broken of a remote gets well by itself, once the primary is."""
    broken = {one.code for one in (chain.first, *chain.consequences) if one}
    return not chain.shared and bool(broken) and broken <= FOLLOWING


def brief(mesh: MeshSpec) -> MeshSpec:
    """Return the mesh with waits that end soon."""
    t = mesh.timeouts
    names = ("remote", "gateway", "address", "sync", "token", "expose", "istio", "cni")
    return replace(mesh, timeouts=replace(t, **{name: min(getattr(t, name), PATIENCE) for name in names}))


def _gateway_service(job: Job) -> Steps:
    return (gateway_address(job.mesh, job.cluster, job.found, needs=[]),)


def _gateway(job: Job) -> Steps:
    return (install_gateway(job.mesh, job.cluster, needs=[]),)


def _gateway_label(job: Job) -> Steps:
    return (step(job.cluster, "Label the gateway's Service", label_gateway(job.cluster)),)


def _gateway_pods(act: Callable[[Cluster], Act]) -> Remedy:
    def steps(job: Job) -> Steps:
        return (
            step(job.cluster, "Replace the gateway's pods", act(job.cluster), gateway_probe(job.mesh, job.cluster)),
        )

    return steps


def _exposed(title: str, template: str) -> Remedy:
    return lambda job: (expose(job.mesh, title, template, needs=[]),)


def _injection(job: Job) -> Steps:
    return (step(job.cluster, "Let istio-system be injected", allow_injection(job.cluster)),)


def _address(job: Job) -> Steps:
    moved = step(job.cluster, "Lead to the primary's gateway", point(job.mesh, job.cluster, job.found.resolve))
    return moved, *_ready(job, [moved])


def _annotation(job: Job) -> Steps:
    noted = step(job.cluster, "Name the primary", annotate(job.mesh, job.cluster))
    led = is_.ca_bundle_set(job.case.sight(job.cluster).get(INJECTOR)).met
    return (noted,) if led else (noted, *_introduced(job, noted, drop_secrets(job.case, job.cluster)))


def _read_again(job: Job) -> Steps:
    return _introduced(job, None, drop_secrets(job.case, job.cluster))


def _token(job: Job) -> Steps:
    return _introduced(job, None, drop_dead_token(job.cluster), drop_secrets(job.case, job.cluster))


def _secret_label(job: Job) -> Steps:
    labelled = step(job.cluster, "Label the remote secret", label_secret(job.mesh, job.cluster))
    return labelled, *_ready(job, [labelled])


def _introduced(job: Job, before: Step | None, *drops: Act) -> Steps:
    """Return the steps that give istiod a new secret, once the old one is gone."""
    dropped = step(job.cluster, "Drop the remote secret", *drops, needs=[before] if before else [])
    token = reader_token(job.mesh, job.cluster, needs=[dropped])
    secret = introduce(job.mesh, job.cluster, job.found, needs=[token])
    return dropped, token, secret, *_ready(job, [secret])


def _ready(job: Job, before: list[Step]) -> Steps:
    """Return the waits for what follows by itself: the remote gets ready, and its gateway with it."""
    ready = remote_ready(job.mesh, job.cluster, job.found, needs=before)
    if job.case.sight(job.cluster).get(GATEWAY_DEPLOYMENT) is None:
        return (ready,)
    gateway = (on(job.cluster, GATEWAY_DEPLOYMENT, is_.rolled_out),)
    wait = Wait("the gateway to be available", gateway, job.mesh.timeouts.gateway)
    return ready, step(job.cluster, "Wait for its gateway", wait, needs=[ready])


REMEDIES: Mapping[str, Remedy] = MappingProxyType(
    {
        cp.BUNDLE_WRONG.code: _read_again,
        cp.INJECTION_FORBIDDEN.code: _injection,
        gw.SERVICE_MISSING.code: _gateway_service,
        gw.NETWORK_LABEL_WRONG.code: _gateway_label,
        gw.PORTS_MISSING.code: _gateway_service,
        gw.GATEWAY_MISSING.code: _gateway,
        gw.GATEWAY_BARE.code: _gateway_pods(recycle_gateway),
        gw.GATEWAY_DOWN.code: _gateway_pods(recycle_gateway),
        gw.GATEWAY_MISNAMED.code: _gateway_pods(restart_gateway),
        gw.ISTIOD_NOT_EXPOSED.code: _exposed("Expose the control plane", "expose-istiod.yaml"),
        gw.SERVICES_NOT_EXPOSED.code: _exposed("Expose the services", "expose-services.yaml"),
        rem.ADDRESS_DRIFTED.code: _address,
        rem.DISCOVERY_BROKEN.code: _address,
        rem.ANNOTATION_MISSING.code: _annotation,
        rem.SECRET_MISSING.code: _read_again,
        rem.SECRET_UNLABELLED.code: _secret_label,
        rem.SECRET_MISNAMED.code: _read_again,
        rem.SECRET_UNUSABLE.code: _read_again,
        rem.TOKEN_REFUSED.code: _token,
        rem.NOT_LED.code: _read_again,
        rem.ROOT_MISSING.code: _read_again,
    }
)
"""What mends a broken link, by its code. One that is not here has no repair that is safe to automate."""

FOLLOWING = frozenset(
    check.code
    for check in (cp.INJECTION_FAILS, cp.ISTIO_NOT_READY, gw.GATEWAY_DOWN, rem.PROBE_FAILS, rem.WEBHOOK_PORT_CLOSED)
)
"""Links of a remote that a broken primary breaks, and that nobody has to mend."""

TAKEN_OVER = frozenset({gw.PORTS_MISSING.code, gw.ISTIOD_NOT_EXPOSED.code, gw.SERVICES_NOT_EXPOSED.code})
"""Links whose objects are the mesh's own alone: what somebody has changed in them is taken over."""
