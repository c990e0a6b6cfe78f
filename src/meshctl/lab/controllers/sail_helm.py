"""Helm's part of the Sail operator: install, upgrade and uninstall a chart, and keep its release Secrets.

The operator upgrades at every reconcile (istio-ecosystem/sail-operator, pkg/helm); objects that already are as the
chart wants them are not written, so only the release's number grows.
"""

import base64
import gzip
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.charts.metadata import Chart
from meshctl.lab.controllers.sail_merge import settled, three_way
from meshctl.lab.controllers.sail_queue import ReconcileError
from meshctl.lab.controllers.sail_refusals import refusal
from meshctl.names import KINDS, SECRET
from meshctl.objects import Manifest, Ref, dig

_ATTEMPTS = 8
# Helm deletes in this order; kinds it does not know come last, in alphabetical order.
_REMOVAL = (
    "Service",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "Deployment",
    "DaemonSet",
    "RoleBinding",
    "Role",
    "ClusterRoleBinding",
    "ClusterRole",
    "ConfigMap",
    "Secret",
    "ServiceAccount",
)


class Render(Protocol):
    """Renders the objects of a chart."""

    def __call__(self, *, upgrade: bool) -> list[Manifest]:
        """`upgrade`: there is a release already."""
        ...


@dataclass(frozen=True, slots=True)
class Release:
    """One release Secret."""

    name: str
    number: int
    status: str
    secret: Manifest

    @property
    def objects(self) -> list[Manifest]:
        """The objects that this release was rendered to."""
        packed = base64.b64decode(base64.b64decode(self.secret["data"]["release"]))
        objects: list[Manifest] = json.loads(gzip.decompress(packed))["manifest"]
        return objects

    @property
    def ref(self) -> Ref:
        """The name of the Secret."""
        return Ref(SECRET, self.secret["metadata"]["name"], self.secret["metadata"]["namespace"])


def ref_of(obj: Manifest) -> Ref:
    """Return the name of a rendered object."""
    kind = next(kind for kind in KINDS if (kind.api_version, kind.name) == (obj["apiVersion"], obj["kind"]))
    return Ref(kind, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))


def release_secret(chart: Chart, number: int, objects: list[Manifest]) -> Manifest:
    """Return the Secret that records a release."""
    record = {
        "name": chart.release,
        "namespace": chart.namespace,
        "version": number,
        "chart": {"metadata": {"name": chart.name, "version": chart.version}},
        "manifest": objects,
    }
    packed = gzip.compress(json.dumps(record, sort_keys=True).encode(), compresslevel=1, mtime=0)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"sh.helm.release.v1.{chart.release}.v{number}",
            "namespace": chart.namespace,
            "labels": {
                "name": chart.release,
                "owner": "helm",
                "status": "deployed",
                "version": str(number),
                "modifiedAt": str(int(time.time())),
            },
        },
        "type": "helm.sh/release.v1",
        "data": {"release": base64.b64encode(base64.b64encode(packed)).decode()},
    }


def foreign(live: Manifest, chart: Chart) -> str:
    """Return why an existing object cannot be taken into a release, or nothing."""
    wanted = (
        ("label", "labels", "app.kubernetes.io/managed-by", "Helm"),
        ("annotation", "annotations", "meta.helm.sh/release-name", chart.release),
        ("annotation", "annotations", "meta.helm.sh/release-namespace", chart.namespace),
    )
    problems = []
    for what, field, key, value in wanted:
        found = dig(live, "metadata", field, key)
        if found is None:
            problems.append(f'{what} validation error: missing key "{key}": must be set to "{value}"')
        elif found != value:
            problems.append(f'{what} validation error: key "{key}" must equal "{value}": current value is "{found}"')
    if not problems:
        return ""
    place = live["metadata"].get("namespace", "")
    return (
        f'{live["kind"]} "{live["metadata"]["name"]}" in namespace "{place}" exists and cannot be imported into the '
        f"current release: invalid ownership metadata; {'; '.join(problems)}"
    )


def undiscovered(objects: Iterable[Manifest], unknown: frozenset[str]) -> str:
    """Return Helm's complaint about kinds that the cached discovery does not list, or nothing."""
    problems = [
        f'resource mapping not found for name: "{obj["metadata"]["name"]}" namespace: '
        f'"{obj["metadata"].get("namespace", "")}" from "": no matches for kind "{obj["kind"]}" in version '
        f'"{obj["apiVersion"]}"\nensure CRDs are installed first'
        for obj in objects
        if obj["kind"] in unknown
    ]
    if not problems:
        return ""
    listed = problems[0] if len(problems) == 1 else f"[{', '.join(problems)}]"
    return f"unable to build kubernetes objects from release manifest: {listed}"


class Helm:
    """Installs charts. `unknown` are the kinds that were not served when the operator asked what is served."""

    def __init__(self, api: Api, unknown: frozenset[str] = frozenset()) -> None:
        self._api = api
        self._unknown = unknown

    async def upgrade(self, chart: Chart, render: Render) -> None:
        """Install the chart, or upgrade its release; raise ReconcileError with the operator's words."""
        history = await self._history(chart)
        if history and history[-1].number == 1 and history[-1].status == "failed":
            await self._remove(history)
            history = []
        verb = "update" if history else "install"
        try:
            if history:
                await self._next(chart, history, render(upgrade=True))
            else:
                await self._first(chart, render(upgrade=False))
        except ReconcileError as error:
            raise ReconcileError(
                f'failed to install/update Helm chart "{chart.name}": failed to {verb} helm chart {chart.name}: '
                f"{error.message}"
            ) from error

    async def uninstall(self, chart: Chart) -> None:
        """Delete the objects of the last release, then its Secrets; nothing is done when there is no release."""
        history = await self._history(chart)
        if history:
            await self._remove(history)

    async def _history(self, chart: Chart) -> list[Release]:
        secrets = await self._api.list(SECRET, chart.namespace, {"owner": "helm", "name": chart.release})
        found = [
            Release(
                one["metadata"]["name"],
                int(one["metadata"]["labels"]["version"]),
                one["metadata"]["labels"]["status"],
                one,
            )
            for one in secrets
        ]
        return sorted(found, key=lambda one: one.number)

    async def _remove(self, history: list[Release]) -> None:
        last = history[-1].objects
        for obj in sorted(last, key=_removal_order):
            try:
                await self._api.delete(ref_of(obj))
            except ApiError as error:
                if error.code != 404:
                    raise
        for release in history:
            await self._api.delete(release.ref)

    async def _first(self, chart: Chart, objects: list[Manifest]) -> None:
        if problem := undiscovered(objects, self._unknown):
            raise ReconcileError(problem)
        for obj in objects:
            live = await self._api.get(ref_of(obj))
            if live is not None and (problem := foreign(live, chart)):
                raise ReconcileError(f"Unable to continue with install: {problem}")
        secret = await self._record(chart, 1, objects)
        await self._apply(secret, {}, objects, creation="")

    async def _next(self, chart: Chart, history: list[Release], objects: list[Manifest]) -> None:
        if problem := undiscovered(objects, self._unknown):
            raise ReconcileError(problem)
        deployed = next((one for one in reversed(history) if one.status == "deployed"), history[-1])
        for old in history:
            if old is not deployed:
                await self._api.delete(old.ref)
        before = {ref_of(obj): obj for obj in deployed.objects}
        secret = await self._record(chart, history[-1].number + 1, objects)
        await self._apply(secret, before, objects, creation="failed to create resource: ")
        for ref in before.keys() - {ref_of(obj) for obj in objects}:
            await self._api.delete(ref)
        await self._mark(deployed.ref, "superseded")

    async def _record(self, chart: Chart, number: int, objects: list[Manifest]) -> Ref:
        secret = release_secret(chart, number, objects)
        try:
            await self._api.create(secret)
        except ApiError as error:
            raise ReconcileError(f"create: failed to create: {error.message}") from error
        return Ref(SECRET, secret["metadata"]["name"], chart.namespace)

    async def _mark(self, ref: Ref, status: str) -> None:
        await self._api.merge(ref, {"metadata": {"labels": {"status": status}}})

    async def _apply(self, secret: Ref, before: dict[Ref, Manifest], objects: list[Manifest], creation: str) -> None:
        try:
            for obj in objects:
                await self._put(before.get(ref_of(obj)), obj, creation)
        except ReconcileError:
            await self._mark(secret, "failed")
            raise

    async def _put(self, before: Manifest | None, wanted: Manifest, creation: str) -> None:
        ref = ref_of(wanted)
        for attempt in range(_ATTEMPTS):
            live = await self._api.get(ref)
            patch = f'cannot patch "{ref.name}" with kind {ref.kind.name}: ' if live is not None else creation
            target = settled(wanted if live is None else three_way(before, wanted, live))
            if target == live:
                return
            if problem := refusal(target):
                raise ReconcileError(patch + problem)
            try:
                await (self._api.create(target) if live is None else self._api.update(target))
            except ApiError as error:
                # Helm patches, so it cannot collide with istiod, which writes into the same webhooks.
                if error.code != 409 or attempt == _ATTEMPTS - 1:
                    raise ReconcileError(patch + error.message) from error
            else:
                return


def _removal_order(obj: Manifest) -> tuple[int, str]:
    kind = obj["kind"]
    return (_REMOVAL.index(kind), "") if kind in _REMOVAL else (len(_REMOVAL), kind)
