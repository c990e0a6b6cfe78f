"""What the controllers of one operator process share: where it runs, what it can install, how it writes statuses."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.sail_helm import Helm
from meshctl.lab.controllers.sail_queue import ReconcileError
from meshctl.lab.controllers.sail_status import Condition, difference, spoken, status
from meshctl.lab.controllers.sail_versions import Build
from meshctl.lab.sites import Site, World
from meshctl.names import NAMESPACE
from meshctl.objects import Kind, Manifest, Ref, dig

MANAGER = "sail-operator"
FINALIZER = "sailoperator.io/sail-operator"
STUCK_PAUSE = 0.5  # how often a stuck operator looks whether it may go on

Probe = Callable[[World, Site, str], Awaitable[tuple[bool, str]]]
"""Asks a remote istiod for /ready, trusting the CA bundle of a webhook; returns success and the reason of a failure."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One running operator. `build` stays what it was when the process started."""

    world: World
    site: Site
    api: Api
    build: Build
    helm: Helm

    def stuck(self) -> bool:
        """Say whether the operator never lets go of what is deleted."""
        return self.world.faults.on("stuck-finalizer", self.site.context)

    async def require_namespace(self, name: str) -> None:
        """Raise ReconcileError unless the namespace is there to stay; only a change of it is worth another try."""
        namespace = await self.api.get(Ref(NAMESPACE, name))
        if namespace is None:
            raise ReconcileError(f'validation error: namespace "{name}" doesn\'t exist', retry=False)
        if dig(namespace, "metadata", "deletionTimestamp"):
            raise ReconcileError(f'validation error: namespace "{name}" is being deleted', retry=False)

    async def hold(self, obj: Manifest) -> bool:
        """Put the finalizer on; False when it is there already."""
        finalizers = obj["metadata"].get("finalizers") or []
        if FINALIZER in finalizers:
            return False
        await self.api.update({**obj, "metadata": {**obj["metadata"], "finalizers": [*finalizers, FINALIZER]}})
        return True

    async def release(self, kind: Kind, name: str) -> None:
        """Take the finalizer off."""
        obj = await self.api.get(Ref(kind, name))
        if obj is None or FINALIZER not in (obj["metadata"].get("finalizers") or []):
            return
        kept = [one for one in obj["metadata"]["finalizers"] if one != FINALIZER]
        await self.api.update({**obj, "metadata": {**obj["metadata"], "finalizers": kept}})

    async def report(self, kind: Kind, obj: Manifest, conditions: Sequence[Condition], **more: object) -> None:
        """Write a status when it differs; `more` are further fields of it."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        before = obj.get("status")
        generation = int(obj["metadata"].get("generation", 1))
        wanted = {**(before or {}), **more}
        after = status(wanted, generation, spoken(conditions, self.build.flavour), now)
        patch = difference(before, after)
        if not patch:
            return
        try:
            await self.api.merge(Ref(kind, obj["metadata"]["name"]), {"status": patch}, status=True)
        except ApiError as error:
            if error.code != 404:  # gone meanwhile: nobody is left to tell
                raise
