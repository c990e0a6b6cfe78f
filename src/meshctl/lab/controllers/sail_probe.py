"""The controller that asks a remote control plane whether it is ready and writes the answer on its webhook.

It runs in the operator (istio-ecosystem/sail-operator, controllers/webhook): at once after a change of the webhook,
then once every period.
"""

import base64
import binascii

from meshctl.lab.api import ApiError
from meshctl.lab.controllers.charts.values import remote
from meshctl.lab.controllers.sail_operator import Operator, Probe
from meshctl.lab.sites import Site, World
from meshctl.names import ISTIO_REVISION, MUTATING_WEBHOOK, PROBE_REASON, PROBE_STATUS
from meshctl.objects import Manifest, Ref, dig

_PERIOD_ANNOTATION = "sailoperator.io/readinessProbe.periodSeconds"
_SHORTEST = 0.1  # a lab without delays must not probe in an endless loop


async def dial(world: World, site: Site, ca_bundle: str) -> tuple[bool, str]:
    """Ask over the lab's network."""
    from meshctl.lab.network import probe_istiod

    return await probe_istiod(world, site, ca_bundle)


def unasked(webhook: Manifest) -> str:
    """Return why there is nothing to ask, or nothing when istiod can be asked."""
    if not webhook.get("webhooks"):
        return "mutatingwebhookconfiguration contains no webhooks"
    config = dig(webhook, "webhooks", 0, "clientConfig") or {}
    if not config.get("service"):
        return "missing webhooks[].clientConfig.service"
    bundle = str(config.get("caBundle") or "")
    if not bundle:
        return "webhooks[].clientConfig.caBundle hasn't been set; check if the remote istiod can access this cluster"
    return "" if "-----BEGIN CERTIFICATE-----" in _decoded(bundle) else "failed to append CA bundle to cert pool"


def _decoded(bundle: str) -> str:
    try:
        return base64.b64decode(bundle, validate=True).decode(errors="replace")
    except binascii.Error:
        return ""


def trigger(webhook: Manifest) -> Manifest:
    """Return what a change of makes another probe due: everything but the probe's own answer."""
    annotations = dict(webhook["metadata"].get("annotations") or {})
    for key in (PROBE_STATUS, PROBE_REASON):
        annotations.pop(key, None)
    return {"annotations": annotations, "webhooks": webhook.get("webhooks")}


class ProbeController:
    """Probes the control planes of the remote revisions of one cluster."""

    def __init__(self, operator: Operator, probe: Probe) -> None:
        self._operator = operator
        self._probe = probe

    async def reconcile(self, name: str) -> float | None:
        """Probe for one webhook configuration and write the answer; return when to do so again."""
        operator = self._operator
        ref = Ref(MUTATING_WEBHOOK, name)
        webhook = await operator.api.get(ref)
        if webhook is None or not await self._remote(webhook):
            return None
        ready, reason = False, unasked(webhook)
        if not reason:
            ready, reason = await self._probe(operator.world, operator.site, _bundle(webhook))
        answer = {PROBE_STATUS: str(ready).lower(), PROBE_REASON: reason}
        annotations = webhook["metadata"].get("annotations") or {}
        if not answer.items() <= annotations.items():
            try:
                await operator.api.merge(ref, {"metadata": {"annotations": answer}})
            except ApiError as error:
                if error.code != 404:
                    raise
                return None
        return self._period(annotations)

    def _period(self, annotations: dict[str, str]) -> float:
        delays = self._operator.world.delays
        text = annotations.get(_PERIOD_ANNOTATION, "")
        return max(delays.of(float(text) if text.isdigit() else delays.probe_period), _SHORTEST)

    async def _remote(self, webhook: Manifest) -> bool:
        for owner in webhook["metadata"].get("ownerReferences") or []:
            if owner["kind"] == ISTIO_REVISION.name:
                revision = await self._operator.api.get(Ref(ISTIO_REVISION, owner["name"]))
                return revision is not None and remote(dig(revision, "spec", "values") or {})
        return False


def _bundle(webhook: Manifest) -> str:
    return str(webhook["webhooks"][0]["clientConfig"]["caBundle"])
