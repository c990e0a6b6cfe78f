"""The controller of IstioCNI: the CNI chart on, or off again when the resource is deleted."""

import asyncio
from functools import partial

from meshctl.lab.controllers.charts import Chart, render_cni
from meshctl.lab.controllers.charts.metadata import owner_reference
from meshctl.lab.controllers.charts.values import cni_values
from meshctl.lab.controllers.sail_operator import STUCK_PAUSE, Operator
from meshctl.lab.controllers.sail_queue import ReconcileError
from meshctl.lab.controllers.sail_status import cni_ready, reconciled
from meshctl.names import DAEMON_SET, ISTIO_CNI
from meshctl.objects import Manifest, Ref


class CniController:
    """Reconciles IstioCNI resources."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator

    async def reconcile(self, name: str) -> float | None:
        """Bring one IstioCNI to what it asks for, and say so in its status."""
        operator = self._operator
        cni = await operator.api.get(Ref(ISTIO_CNI, name))
        if cni is None:
            return None
        if cni["metadata"].get("deletionTimestamp"):
            return await self._finalize(cni)
        if await operator.hold(cni):
            return None
        problem: ReconcileError | None = None
        try:
            await self._install(cni)
        except ReconcileError as error:
            problem = error
        await self._report(cni, problem)
        if problem:
            raise problem
        return None

    async def _install(self, cni: Manifest) -> None:
        operator, spec = self._operator, cni["spec"]
        await operator.require_namespace(spec["namespace"])
        version = operator.build.resolve(spec["version"])
        if not version:
            name = cni["metadata"]["name"]
            raise ReconcileError(
                f'failed to resolve IstioCNI version for "{name}": version "{spec["version"]}" not found'
            )
        # The CNI chart is small: a quarter of what the charts of a control plane take.
        await asyncio.sleep(operator.world.delays.of(operator.world.delays.charts) / 4)
        values = cni_values(operator.build.flavour, spec)
        chart = self._chart(cni, operator.build.chart_version(version))
        await operator.helm.upgrade(chart, partial(render_cni, chart, values))

    async def _finalize(self, cni: Manifest) -> float | None:
        if self._operator.stuck():
            return STUCK_PAUSE
        await self._operator.helm.uninstall(self._chart(cni, ""))
        await self._operator.release(ISTIO_CNI, cni["metadata"]["name"])
        return None

    def _chart(self, cni: Manifest, version: str) -> Chart:
        namespace = cni["spec"]["namespace"]
        return Chart("cni", version, "istio-cni", namespace, owner_reference(cni), self._operator.build.hub)

    async def _report(self, cni: Manifest, problem: ReconcileError | None) -> None:
        daemon_set = await self._operator.api.get(Ref(DAEMON_SET, "istio-cni-node", cni["spec"]["namespace"]))
        text = f"error reconciling resource: {problem.message}" if problem else ""
        await self._operator.report(ISTIO_CNI, cni, (reconciled(text), cni_ready(daemon_set)))
