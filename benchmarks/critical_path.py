"""The longest chain of the lab's delays: how long an install must take, were meshctl itself infinitely fast.

The order comes from the install plan, the delays from the lab, and what follows from what from its controllers.
A wait for something that is not described here is an error, so this cannot fall behind the plan unnoticed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from meshctl.conditions import not_in_error, not_leaving
from meshctl.lab.delays import Delays
from meshctl.names import (
    CNI_DAEMON_SET,
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    READER_ACCOUNT,
    READER_TOKEN,
    ROOT_CERT,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
    remote_secret,
)
from meshctl.objects import Ref
from meshctl.plan import Action, Apply, Awaited, Plan, Probe, Step, Wait
from meshctl.plans.facts import Circumstances
from meshctl.plans.install import install
from meshctl.spec import MeshSpec


@dataclass(frozen=True, slots=True)
class Link:
    """One delay of a chain: where it passes, what it is called, how long it takes."""

    cluster: str
    delay: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Moment:
    """When something has happened at the earliest, and by which chain of delays."""

    chain: tuple[Link, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds since the install began."""
        return sum(link.seconds for link in self.chain)


START = Moment()

AT_ONCE = (not_leaving, not_in_error)
"""Conditions that hold from the beginning in a fresh lab without faults."""


def latest(*moments: Moment) -> Moment:
    """Return the last of several moments."""
    return max(moments, key=lambda one: one.seconds, default=START)


def critical_path(mesh: MeshSpec, delays: Delays) -> Moment:
    """Return when the last step of an install ends, had nothing but the lab's delays to be waited for."""
    plan = install(mesh, Circumstances(resolve=lambda _: []))
    earliest = Earliest(plan, delays)
    return latest(*(earliest.end(one) for one in plan.steps))


@dataclass(slots=True)
class Earliest:
    """When each step of a plan ends, and when each thing it waits for happens in the lab."""

    plan: Plan
    delays: Delays
    ends: dict[str, Moment] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)

    # --- the plan -----------------------------------------------------------------------------------------------------
    def end(self, step: Step) -> Moment:
        """Return when a step ends."""
        if step.key not in self.ends:
            if step.key in self.begun:
                raise LookupError(
                    f"{step.key} waits for something that only comes after it: is that described rightly?"
                )
            self.begun.add(step.key)
            self.ends[step.key] = self.reached(step, len(step.actions))
        return self.ends[step.key]

    def reached(self, step: Step, number: int) -> Moment:
        """Return when the actions of a step before this one are done."""
        steps = {one.key: one for one in self.plan.steps}
        now = latest(*(self.end(steps[need]) for need in step.needs))
        for action in step.actions[:number]:
            now = latest(now, self.done(step.cluster, action))
        return now

    def done(self, cluster: str, action: Action) -> Moment:
        """Return when what an action waits for has happened; the action itself takes no time."""
        if isinstance(action, Probe):
            return self.answers(cluster, action)
        if not isinstance(action, Wait):
            return START
        whole = any(one.ref == THE_CNI for one in action.objects)
        return latest(*(self.holds(one, whole=whole) for one in action.objects))

    def applied(self, template: str, on: str, about: str = "") -> Moment:
        """Return when a template is applied."""
        for step in self.plan.steps:
            for number, action in enumerate(step.actions):
                here = isinstance(action, Apply) and (action.template, action.on) == (template, on)
                if here and isinstance(action, Apply) and action.about.name == (about or on):
                    return self.reached(step, number)
        raise LookupError(f"the plan applies no {template} on {on}")

    # --- the lab ------------------------------------------------------------------------------------------------------
    def holds(self, awaited: Awaited, *, whole: bool) -> Moment:
        """Return when an awaited condition holds; `whole` means healthy with the CNI plugin, not only ready."""
        if awaited.condition in AT_ONCE:
            return START
        described: Mapping[Ref, Callable[[str], Moment]] = {
            Ref(NAMESPACE, ISTIO_SYSTEM): lambda name: self.applied("namespaces.yaml", name),
            GATEWAY_SERVICE: self.address,
            THE_CNI: self.cni,
            CNI_DAEMON_SET: self.daemon_set,
            ISTIOD: self.istiod_ready,
            ROOT_CERT: self.ca_bundle,
            READER_ACCOUNT: self.base_chart,
            READER_TOKEN: self.token,
            INJECTOR: self.probe if awaited.link == "probe" else self.ca_bundle,
            THE_REVISION: self.revision_healthy if whole else self.revision_ready,
            THE_ISTIO: self.istio_healthy if whole else self.istio_ready,
            GATEWAY_DEPLOYMENT: self.gateway,
            **{remote_secret(one.name): self.secret(one.name) for one in self.plan.mesh.remotes},
        }
        return described[awaited.ref](awaited.cluster)

    def answers(self, cluster: str, probe: Probe) -> Moment:
        """Return when a probe is met; injection works as soon as Istio is ready, which its step needs anyway."""
        described: Mapping[str, Callable[[str], Moment]] = {
            "injection": lambda _: START,
            "the gateway's hostname to resolve": lambda _: START,
            "the gateway to be available": self.gateway,
            "istiod to connect": self.ca_bundle,
            "istiod to be synced with it": self.ca_bundle,
        }
        return described[probe.what](cluster)

    def after(self, moment: Moment, cluster: str, *names: str, part: float = 1.0) -> Moment:
        """Return the moment after further delays, each named as in the lab; `part` when only a part of it passes."""
        links = (Link(cluster, name, self.delays.of(getattr(self.delays, name)) * part) for name in names)
        return Moment((*moment.chain, *links))

    def address(self, cluster: str) -> Moment:
        """Return when the load balancer has given an address."""
        return self.after(self.applied("gateway-service.yaml", cluster), cluster, "load_balancer")

    def daemon_set(self, cluster: str) -> Moment:
        """Return when the CNI chart, a quarter of a control plane's, is installed, and its pods are ready."""
        noticed = self.after(self.applied("istio-cni.yaml", cluster), cluster, "reconcile")
        return self.after(self.after(noticed, cluster, "charts", part=1 / 4), cluster, "cni_ready")

    def cni(self, cluster: str) -> Moment:
        """Return when the operator has seen that, and gone over the chart again."""
        return self.after(self.after(self.daemon_set(cluster), cluster, "reconcile"), cluster, "charts", part=1 / 4)

    def istiod_chart(self, cluster: str) -> Moment:
        """Return when the first of the two charts of a control plane is installed."""
        primary = cluster == self.plan.mesh.primary.name
        applied = self.applied("istio-primary.yaml" if primary else "istio-remote.yaml", cluster)
        return self.after(self.after(applied, cluster, "status", "reconcile"), cluster, "charts", part=1 / 2)

    def base_chart(self, cluster: str) -> Moment:
        """Return when the second is installed, and with it the reader account."""
        return self.after(self.istiod_chart(cluster), cluster, "charts", part=1 / 2)

    def istiod_serves(self) -> Moment:
        """Return when the primary's istiod runs."""
        primary = self.plan.mesh.primary.name
        return self.after(self.istiod_chart(primary), primary, "istiod_start")

    def istiod_ready(self, _cluster: str) -> Moment:
        """Return when its pod is ready."""
        return self.after(self.istiod_serves(), self.plan.mesh.primary.name, "istiod_ready")

    def token(self, cluster: str) -> Moment:
        """Return when the reader's token is filled in."""
        return self.after(self.applied("reader-token.yaml", cluster), cluster, "token")

    def secret(self, remote: str) -> Callable[[str], Moment]:
        """Return what says when the primary has a remote's secret."""
        return lambda primary: self.applied("remote-secret.yaml", primary, remote)

    def ca_bundle(self, cluster: str) -> Moment:
        """Return when the istiod that leads in a cluster has written its root there."""
        primary = self.plan.mesh.primary.name
        if cluster == primary:
            return self.istiod_serves()
        read = latest(self.secret(cluster)(primary), self.istiod_serves())
        return latest(self.istiod_chart(cluster), self.after(read, primary, "sync"))

    def probe(self, cluster: str) -> Moment:
        """Return when the operator of a remote reaches istiod: it asks when the root comes, then once every period."""
        primary = self.plan.mesh.primary.name
        open_ = latest(self.gateway(primary), self.applied("expose-istiod.yaml", primary))
        asked, period = self.ca_bundle(cluster), self.delays.of(self.delays.probe_period)
        waited = open_.seconds - asked.seconds
        if waited <= 0 or not period:
            return latest(asked, open_)
        return self.after(open_, cluster, "probe_period", part=-waited % period / period)

    def revision_ready(self, cluster: str) -> Moment:
        """Return when the operator has seen that the control plane is ready, and gone over the charts again."""
        ready = self.istiod_ready if cluster == self.plan.mesh.primary.name else self.probe
        return self.upgraded(ready(cluster), cluster)

    def revision_healthy(self, cluster: str) -> Moment:
        """Return when it has seen that the CNI plugin is, too."""
        return latest(self.revision_ready(cluster), self.upgraded(self.cni(cluster), cluster))

    def upgraded(self, moment: Moment, cluster: str) -> Moment:
        """Return when one more look is done: an upgrade that changes little takes half as long as an installation."""
        return self.after(self.after(moment, cluster, "reconcile"), cluster, "charts", part=1 / 2)

    def istio_ready(self, cluster: str) -> Moment:
        """Return when the Istio says what its revision says."""
        return self.after(self.revision_ready(cluster), cluster, "status")

    def istio_healthy(self, cluster: str) -> Moment:
        """Return when it says so of the healthy one."""
        return self.after(self.revision_healthy(cluster), cluster, "status")

    def gateway(self, cluster: str) -> Moment:
        """Return when the gateway's pods are ready."""
        return self.after(self.applied("gateway.yaml", cluster), cluster, "proxy_start")
