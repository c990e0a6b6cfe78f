"""The controller of Istio: one IstioRevision for it, whose status it copies. Istio itself never has a finalizer."""

from meshctl.lab.api import ApiError
from meshctl.lab.controllers.charts.metadata import owner_reference
from meshctl.lab.controllers.charts.values import revision_values
from meshctl.lab.controllers.sail_operator import Operator
from meshctl.lab.controllers.sail_queue import ReconcileError
from meshctl.lab.controllers.sail_status import copied, istio_failed, revision_missing
from meshctl.lab.sites import Flavour
from meshctl.names import ISTIO, ISTIO_REVISION
from meshctl.objects import Manifest, Ref, dig


def active_name(istio: Manifest) -> str:
    """Return the name of the IstioRevision that an Istio wants now."""
    name, spec = str(istio["metadata"]["name"]), istio["spec"]
    if dig(spec, "updateStrategy", "type") == "RevisionBased":
        return f"{name}-{str(spec['version']).replace('.', '-')}"
    return name


def revision_counts(revisions: list[Manifest]) -> dict[str, int]:
    """Return `status.revisions` of the Istio that owns these."""

    def true(kind: str) -> int:
        entries = (entry for one in revisions for entry in dig(one, "status", "conditions") or [])
        return sum(entry["type"] == kind and entry["status"] == "True" for entry in entries)

    return {"total": len(revisions), "ready": true("Ready"), "inUse": true("InUse")}


class IstioController:
    """Reconciles Istio resources."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._created: dict[str, Manifest] = {}

    async def reconcile(self, name: str) -> float | None:
        """Make or change the IstioRevision of one Istio, and copy what it says."""
        istio = await self._operator.api.get(Ref(ISTIO, name))
        if istio is None or istio["metadata"].get("deletionTimestamp"):
            return None
        try:
            revision = await self._revise(istio)
        except ReconcileError as error:
            await self._operator.report(ISTIO, istio, istio_failed(error.message))
            raise
        # What has just been created is not in the operator's cache yet, so it says that there is no revision.
        conditions = copied(revision) if revision else revision_missing()
        owned = [one for one in await self._operator.api.list(ISTIO_REVISION) if _owned(one, istio)]
        await self._operator.report(
            ISTIO, istio, conditions, activeRevisionName=active_name(istio), revisions=revision_counts(owned)
        )
        return None

    async def _revise(self, istio: Manifest) -> Manifest | None:
        operator, name, spec = self._operator, active_name(istio), istio["spec"]
        version = operator.build.resolve(spec["version"])
        if not version:
            raise ReconcileError(
                f'failed to resolve Istio version for "{istio["metadata"]["name"]}": '
                f'version "{spec["version"]}" not found'
            )
        values = revision_values(operator.build.flavour, spec, name)
        wanted = {"version": version, "namespace": spec["namespace"], "values": values}
        revision = await operator.api.get(Ref(ISTIO_REVISION, name))
        if revision is None:
            await self._create(istio, name, wanted)
            return None
        stale = self._created.get(name, revision)
        if revision["spec"] == wanted and _version(stale) == _version(revision):
            return revision
        self._created.pop(name, None)
        try:
            return await operator.api.update({**stale, "spec": wanted})
        except ApiError as error:
            raise ReconcileError(f'failed to update IstioRevision "{name}": {error.message}') from error

    async def _create(self, istio: Manifest, name: str, spec: Manifest) -> None:
        revision = {
            "apiVersion": ISTIO_REVISION.api_version,
            "kind": ISTIO_REVISION.name,
            "metadata": {"name": name, "ownerReferences": [owner_reference(istio)]},
            "spec": spec,
        }
        try:
            created = await self._operator.api.create(revision)
        except ApiError as error:
            raise ReconcileError(f'failed to create IstioRevision "{name}": {error.message}') from error
        if self._operator.build.flavour is Flavour.UPSTREAM:
            # Upstream writes it once more from its cache, which misses the finalizer: a conflict, for a moment.
            self._created[name] = created


def _version(obj: Manifest) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _owned(revision: Manifest, istio: Manifest) -> bool:
    owners = revision["metadata"].get("ownerReferences") or []
    return any(owner["uid"] == istio["metadata"]["uid"] for owner in owners)
