"""What each verb of the API answers."""

import base64
import binascii
import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from meshctl.lab.apiserver import answers
from meshctl.lab.apiserver.asking import Asking, apply_only, manager_required
from meshctl.lab.apiserver.execs import exec_in, logs_of
from meshctl.lab.apiserver.granting import refuse_escalation
from meshctl.lab.apiserver.hooks import Asked
from meshctl.lab.apiserver.objects import APPLY, JSON_PATCH, MERGE, STRATEGIC, Patch
from meshctl.lab.apiserver.plane import Plane
from meshctl.lab.apiserver.rbac import refusal
from meshctl.lab.apiserver.removal import Removed, options_of
from meshctl.lab.apiserver.reviews import answer, token_request
from meshctl.lab.apiserver.status import (
    Problem,
    bad_request,
    invalid,
    method_not_allowed,
    success,
    unsupported_media,
    unsupported_patch,
)
from meshctl.lab.apiserver.store import Snapshot, encode
from meshctl.lab.apiserver.targets import Target
from meshctl.lab.apiserver.watching import watch
from meshctl.lab.apiserver.writes import Call
from meshctl.objects import Manifest, dig

_RETURNED = ("pods", "services", "serviceaccounts")
"""Resources whose delete answers with the object, not with a Status."""


async def handle(plane: Plane, asking: Asking) -> web.StreamResponse:
    """Answer a request for a resource."""
    target, method = asking.target, asking.request.method
    special = _SPECIAL.get((method, target.subresource))
    if special:
        return await special(plane, asking)
    if target.subresource == "scale":
        return await _scale(plane, asking)
    if not target.resource.stored:
        return await _review(plane, asking)
    match method:
        case "GET" | "HEAD":
            return await _read(plane, asking)
        case "POST" if not target.name:
            return await _create(plane, asking)
        case "PUT" if target.name:
            body = await asking.body()
            _refuse_unconditional(target, body)
            refuse_escalation(plane.store, plane.rbac, asking.user, target, body)
            call = asking.call()
            snapshot = await plane.objects.update(target, body, call)
            return answers.one(target, snapshot, warnings=call.warnings)
        case "PATCH" if target.name:
            return await _patch(plane, asking)
        case "DELETE":
            return await (_delete(plane, asking) if target.name else _delete_all(plane, asking))
        case _:
            raise method_not_allowed()


def _refuse_unconditional(target: Target, body: Any) -> None:
    """Let custom resources be replaced only by those who say which version they have seen."""
    if target.resource.custom and not dig(body, "metadata", "resourceVersion"):
        why = "Invalid value: 0: must be specified for an update"
        problem = Problem("metadata.resourceVersion", "FieldValueInvalid", why)
        kind = target.resource.kind
        raise invalid(replace(kind, name=kind.plural), target.name, [problem])


async def _read(plane: Plane, asking: Asking) -> web.StreamResponse:
    target = asking.target
    if not target.name and asking.flag("watch"):
        return await watch(plane, asking)
    include = asking.query.get("includeObject", "")
    if target.name:
        return answers.one(target, plane.objects.get(target), asking.form, include)
    revision, after = _continued(asking.query.get("continue", "")) or (plane.store.revision, ("", ""))
    found = [snapshot for snapshot in _selected(plane, asking, revision) if snapshot.key > after]
    page, rest = _page(found, asking, revision)
    return answers.many(target, page, revision, asking.form, include, rest)


def _selected(plane: Plane, asking: Asking, revision: int) -> list[Snapshot]:
    predicate, target = asking.predicate(), asking.target
    found = plane.store.at(target.resource.key, target.namespace, revision)
    return [snapshot for snapshot in found if predicate(snapshot.obj)] if predicate else found


def _page(found: list[Snapshot], asking: Asking, revision: int) -> tuple[list[Snapshot], tuple[str, int]]:
    limit = asking.query.get("limit", "")
    size = int(limit) if limit.isdecimal() else 0
    if not size or len(found) <= size:
        return found, ("", 0)
    rest = base64.urlsafe_b64encode(encode([revision, *found[size - 1].key])).decode()
    return found[:size], (rest, len(found) - size)


def _continued(token: str) -> tuple[int, tuple[str, str]] | None:
    """Return the version of the list that a page continues, and the last key of the page before."""
    if not token:
        return None
    try:
        revision, namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (binascii.Error, ValueError) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
    return int(revision), (str(namespace), str(name))


async def _create(plane: Plane, asking: Asking) -> web.StreamResponse:
    body = await asking.body()
    refuse_escalation(plane.store, plane.rbac, asking.user, asking.target, body)
    call = asking.call()
    snapshot = await plane.objects.create(asking.target, body, call)
    return answers.one(asking.target, snapshot, code=201, warnings=call.warnings)


async def _patch(plane: Plane, asking: Asking) -> web.StreamResponse:
    target, media = asking.target, asking.request.content_type
    if media == STRATEGIC and target.resource.custom:
        raise unsupported_media(", ".join((JSON_PATCH, MERGE, APPLY)))
    if media not in (APPLY, MERGE, STRATEGIC, JSON_PATCH):
        raise unsupported_patch()
    if media == APPLY:
        manager_required(asking)
    else:
        apply_only(asking)
    body = await asking.body()
    call = asking.call()
    there = plane.store.get(target.resource.key, target.namespace, target.name)
    if media == APPLY:
        refuse_escalation(plane.store, plane.rbac, asking.user, target, body)
        if not there:
            _may_create(plane, asking)
    snapshot = await plane.objects.patch(target, Patch(media, body, asking.flag("force")), call)
    return answers.one(target, snapshot, code=200 if there else 201, warnings=call.warnings)


def _may_create(plane: Plane, asking: Asking) -> None:
    """Raise 403 when an apply would make the object and its user may only patch."""
    target, kind = asking.target, asking.target.resource.kind
    asked = Asked(
        plane.name,
        asking.user.name,
        "create",
        kind.group,
        kind.plural,
        target.subresource,
        target.namespace,
        target.name,
    )
    if not plane.rbac.allowed(asking.user, asked):
        raise refusal(asking.user, asked, target.resource)


async def _delete(plane: Plane, asking: Asking) -> web.StreamResponse:
    target = asking.target
    removed = await _remove(plane, asking, target, await asking.body())
    kind = target.resource.kind
    if removed.gone and target.resource.key not in _RETURNED:
        return answers.json_answer(success(kind, target.name, removed.snapshot.obj["metadata"]["uid"]))
    return answers.one(target, removed.snapshot)


async def _remove(plane: Plane, asking: Asking, target: Target, body: Any) -> Removed:
    call: Call = asking.call(body)
    return await plane.removal.delete(target, options_of(body, dict(asking.query)), call)


async def _delete_all(plane: Plane, asking: Asking) -> web.StreamResponse:
    body = await asking.body()
    found = _selected(plane, asking, plane.store.revision)
    for snapshot in found:
        namespace, name = snapshot.key
        await _remove(plane, asking, replace(asking.target, namespace=namespace, name=name), body)
    return answers.many(asking.target, found, plane.store.revision, "", "", ("", 0))


async def _review(plane: Plane, asking: Asking) -> web.StreamResponse:
    if asking.request.method != "POST":
        raise method_not_allowed()
    body = await asking.body()
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not an object")
    kind = asking.target.resource.kind.name
    full = {"kind": kind, "apiVersion": asking.target.api_version, "metadata": {}, **body}
    return answers.json_answer(answer(kind, full, asking.user, plane.rbac, plane.auth), 201)


async def _scale(plane: Plane, asking: Asking) -> web.StreamResponse:
    target = replace(asking.target, subresource="")
    snapshot = plane.objects.get(target)
    if asking.request.method != "GET":
        body = await asking.body()
        wanted = dig(body, "spec", "replicas")
        if not isinstance(wanted, int):
            raise bad_request("spec.replicas is required")
        patch = Patch(MERGE, {"spec": {"replicas": wanted}})
        snapshot = await plane.objects.patch(target, patch, asking.call())
    obj = snapshot.obj
    metadata = {
        key: obj["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in obj["metadata"]
    }
    labels = dig(obj, "spec", "selector", "matchLabels") or {}
    scale: Manifest = {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": replicas} if (replicas := dig(obj, "spec", "replicas")) else {},
        "status": {
            "replicas": dig(obj, "status", "replicas") or 0,
            "selector": ",".join(f"{key}={value}" for key, value in labels.items()),
        },
    }
    return answers.json_answer(scale)


async def _token(plane: Plane, asking: Asking) -> web.StreamResponse:
    account = plane.objects.get(replace(asking.target, subresource="")).obj
    body = await asking.body()
    return answers.json_answer(token_request(body if isinstance(body, dict) else {}, account, plane.auth), 201)


async def _evict(plane: Plane, asking: Asking) -> web.StreamResponse:
    body = await asking.body()
    options = body.get("deleteOptions") if isinstance(body, dict) else None
    await _remove(plane, asking, replace(asking.target, subresource=""), options)
    return answers.json_answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 201)


_SPECIAL = {
    ("GET", "exec"): exec_in,
    ("POST", "exec"): exec_in,
    ("GET", "log"): logs_of,
    ("POST", "token"): _token,
    ("POST", "eviction"): _evict,
}
