"""The controller of IstioRevision: the charts of one control plane, and what its status says about it."""

import asyncio
from functools import partial

from meshctl.lab.controllers.charts import Chart, render_base, render_istiod
from meshctl.lab.controllers.charts.metadata import owner_reference
from meshctl.lab.controllers.charts.values import needs_cni, remote
from meshctl.lab.controllers.charts.webhooks import injector_name, suffixed
from meshctl.lab.controllers.sail_operator import STUCK_PAUSE, Operator
from meshctl.lab.controllers.sail_queue import ReconcileError
from meshctl.lab.controllers.sail_status import Condition, dependencies, in_use, primary_ready, reconciled, remote_ready
from meshctl.lab.controllers.sail_versions import OPERATOR_NAMESPACE
from meshctl.lab.sites import Flavour
from meshctl.names import DEPLOYMENT, ISTIO_REVISION, MUTATING_WEBHOOK, NAMESPACE, POD, THE_CNI
from meshctl.objects import Manifest, Ref, dig

_BASE_REVISION = "default"  # the base chart, and with it the reader account, comes with this revision only


def referenced_by_namespace(namespace: Manifest) -> str:
    """Return the revision that a namespace's labels ask for, or nothing."""
    labels = dig(namespace, "metadata", "labels") or {}
    if labels.get("istio-injection") == "enabled":
        return "default"
    return str(labels.get("istio.io/rev", ""))


def referenced_by_pod(pod: Manifest) -> str:
    """Return the revision that a pod is injected by, or asks for, or nothing."""
    labels = dig(pod, "metadata", "labels") or {}
    injected = dig(pod, "metadata", "annotations", "istio.io/rev")
    if injected:
        return str(injected)
    if labels.get("sidecar.istio.io/inject") == "false":
        return ""
    if labels.get("istio.io/rev"):
        return str(labels["istio.io/rev"])
    return "default" if labels.get("sidecar.istio.io/inject") == "true" else ""


class RevisionController:
    """Reconciles IstioRevision resources."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    async def reconcile(self, name: str) -> float | None:
        """Bring one control plane to what its revision asks for, and say so in its status."""
        operator = self._operator
        revision = await operator.api.get(Ref(ISTIO_REVISION, name))
        if revision is None:
            return None
        if revision["metadata"].get("deletionTimestamp"):
            return await self._finalize(revision)
        if await operator.hold(revision):
            return None
        problem: ReconcileError | None = None
        try:
            await self._install(revision)
        except ReconcileError as error:
            problem = error
        await self._report(revision, problem)
        if problem:
            raise problem
        return None

    async def _install(self, revision: Manifest) -> None:
        operator, delays, values = self._operator, self._operator.world.delays, complete(revision)
        await operator.require_namespace(revision["spec"]["namespace"])
        version = operator.build.resolve(revision["spec"]["version"])
        if not version:
            raise ReconcileError(f'version "{revision["spec"]["version"]}" not found')
        # An upgrade that changes little takes half as long as an installation; each of the two charts takes its part.
        work = delays.of(delays.charts) / (4 if revision.get("status") else 2)
        await asyncio.sleep(work)
        istiod, base = self._charts(revision, operator.build.chart_version(version))
        ipv6 = _knows_ipv6(operator.build.flavour, version)
        await operator.helm.upgrade(istiod, partial(render_istiod, istiod, values, ipv6=ipv6))
        await asyncio.sleep(work)
        if revision["metadata"]["name"] == _BASE_REVISION:
            await operator.helm.upgrade(base, partial(render_base, base, values))

    async def _finalize(self, revision: Manifest) -> float | None:
        operator, delays = self._operator, self._operator.world.delays
        if operator.stuck():
            return STUCK_PAUSE
        await asyncio.sleep(delays.of(delays.reconcile))
        for chart in self._charts(revision, ""):
            if chart.name == "istiod" or revision["metadata"]["name"] == _BASE_REVISION:
                await operator.helm.uninstall(chart)
        await operator.release(ISTIO_REVISION, revision["metadata"]["name"])
        return None

    def _charts(self, revision: Manifest, version: str) -> tuple[Chart, Chart]:
        name, namespace = revision["metadata"]["name"], revision["spec"]["namespace"]
        owner, hub = owner_reference(revision), self._operator.build.hub
        return (
            Chart("istiod", version, f"{name}-istiod", namespace, owner, hub),
            Chart("base", version, f"{name}-base", OPERATOR_NAMESPACE, owner, hub),
        )

    async def _report(self, revision: Manifest, problem: ReconcileError | None) -> None:
        text = f"error reconciling resource: {problem.message}" if problem else ""
        values = revision["spec"].get("values") or {}
        cni = await self._operator.api.get(THE_CNI)
        conditions = (
            reconciled(text),
            await self._ready(revision),
            dependencies(cni, needed=needs_cni(values)),
            in_use(referenced=await self._referenced(revision["metadata"]["name"])),
        )
        await self._operator.report(ISTIO_REVISION, revision, conditions)

    async def _ready(self, revision: Manifest) -> Condition:
        values, namespace = revision["spec"].get("values") or {}, revision["spec"]["namespace"]
        short = values.get("revision", "")
        if remote(values):
            name = injector_name(short, namespace)
            return remote_ready(await self._operator.api.get(Ref(MUTATING_WEBHOOK, name)), name)
        return primary_ready(await self._operator.api.get(Ref(DEPLOYMENT, suffixed("istiod", short), namespace)))

    async def _referenced(self, name: str) -> bool:
        api = self._operator.api
        if any(referenced_by_pod(pod) == name for pod in await api.list(POD)):
            return True
        return any(referenced_by_namespace(namespace) == name for namespace in await api.list(NAMESPACE))


def _knows_ipv6(flavour: Flavour, version: str) -> bool:
    """Say whether the chart takes an IPv6 address for an address: the vendor's from 1.28.6, upstream's from 1.30."""
    minor, patch = (int(part) for part in version.removeprefix("v1.").split("."))
    return minor >= 30 or (flavour is Flavour.VENDOR and (minor, patch) >= (28, 6))


def complete(revision: Manifest) -> Manifest:
    """Return the values of a revision with what the operator writes into those that come from an Istio."""
    spec, name = revision["spec"], str(revision["metadata"]["name"])
    values: Manifest = spec.get("values") or {}
    shared = {"istioNamespace": spec["namespace"], **(values.get("global") or {})}
    return {"revision": "" if name == _BASE_REVISION else name, **values, "global": shared}
