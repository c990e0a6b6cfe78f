"""Admission webhooks: which of them a write has to pass, and what their answers do to it."""

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from meshctl.lab.apiserver.hooks import CallWebhook, User, WebhookRejectedError, WebhookUnreachableError
from meshctl.lab.apiserver.patches import json_patch
from meshctl.lab.apiserver.resources import Resource
from meshctl.lab.apiserver.selectors import selector_matches
from meshctl.lab.apiserver.status import StatusError, bad_request, internal
from meshctl.lab.apiserver.store import Store
from meshctl.names import MUTATING_WEBHOOK, VALIDATING_WEBHOOK
from meshctl.objects import Kind, Manifest

Verb = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]
_EXEMPT = frozenset({MUTATING_WEBHOOK.group})


@dataclass(frozen=True, slots=True)
class Write:
    """One write that asks for admission."""

    resource: Resource
    version: str
    verb: Verb
    namespace: str
    name: str
    user: User
    dry_run: bool
    subresource: str = ""
    old: Manifest | None = None


class Admission:
    """Asks the webhooks that the stored configurations name."""

    def __init__(self, store: Store, call: CallWebhook) -> None:
        self._store = store
        self._call = call

    async def mutate(self, write: Write, obj: Manifest | None, warnings: list[str]) -> Manifest | None:
        """Return the object after every mutating webhook that selects it."""
        for webhook in self._selecting(MUTATING_WEBHOOK, write, obj):
            answer = await self._ask(webhook, write, obj, warnings)
            if obj is not None and answer and answer.get("patch"):
                obj = _patched(webhook["name"], obj, answer["patch"])
        return obj

    async def validate(self, write: Write, obj: Manifest | None, warnings: list[str]) -> None:
        """Raise the refusal of a validating webhook."""
        asked = [self._ask(hook, write, obj, warnings) for hook in self._selecting(VALIDATING_WEBHOOK, write, obj)]
        for question in asked:
            await question

    def _selecting(self, kind: Kind, write: Write, obj: Manifest | None) -> Iterator[Manifest]:
        if write.resource.kind.group in _EXEMPT or not write.resource.stored:
            return
        for config in self._store.items(kind.resource):
            for webhook in config.obj.get("webhooks") or ():
                if self._selects(webhook, write, obj):
                    yield webhook

    def _selects(self, webhook: Manifest, write: Write, obj: Manifest | None) -> bool:
        if not any(_rule_matches(rule, write) for rule in webhook.get("rules") or ()):
            return False
        of_namespace = selector_matches(webhook.get("namespaceSelector"))
        if not of_namespace(self._namespace_labels(write, obj)):
            return False
        of_object = selector_matches(webhook.get("objectSelector"))
        return any(of_object(_labels(version)) for version in (obj, write.old) if version is not None)

    def _namespace_labels(self, write: Write, obj: Manifest | None) -> Mapping[str, str]:
        if write.resource.kind.name == "Namespace":
            return _labels(obj or write.old or {})
        found = self._store.get("namespaces", "", write.namespace)
        return _labels(found.obj) if found else {}

    async def _ask(self, webhook: Manifest, write: Write, obj: Manifest | None, warnings: list[str]) -> Manifest | None:
        if write.dry_run and webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
            raise bad_request(f'admission webhook "{webhook["name"]}" does not support dry run')
        try:
            review = await self._send(webhook, _review(write, obj))
        except (WebhookUnreachableError, WebhookRejectedError) as error:
            if webhook.get("failurePolicy") == "Ignore":
                return None
            raise internal(_failure(webhook, error)) from error
        answer: Manifest = review.get("response") or {}
        name = webhook["name"]
        warnings.extend(answer.get("warnings") or ())
        if not answer.get("allowed"):
            raise _denied(name, answer.get("status") or {})
        return answer

    async def _send(self, webhook: Manifest, review: Manifest) -> Manifest:
        config, limit = webhook["clientConfig"], float(webhook.get("timeoutSeconds") or 10)
        path = (config.get("service") or {}).get("path") or "/"
        try:
            async with asyncio.timeout(limit):
                return await self._call(config, path, limit, review)
        except TimeoutError as error:
            raise WebhookUnreachableError("context deadline exceeded") from error


def _labels(obj: Manifest) -> Mapping[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _rule_matches(rule: Manifest, write: Write) -> bool:
    kind = write.resource.kind
    scope = rule.get("scope", "*")
    resource = f"{kind.plural}/{write.subresource}" if write.subresource else kind.plural
    return (
        _covers(rule.get("operations"), write.verb)
        and _covers(rule.get("apiGroups"), kind.group)
        and bool(rule.get("apiVersions"))
        and any(_names(pattern, resource) for pattern in rule.get("resources") or ())
        and scope in ("*", "Namespaced" if kind.namespaced else "Cluster")
    )


def _covers(offered: Sequence[str] | None, wanted: str) -> bool:
    return bool(offered) and ("*" in (offered or ()) or wanted in (offered or ()))


def _names(pattern: str, resource: str) -> bool:
    if pattern in ("*/*", resource):
        return True
    wanted, _, wanted_sub = pattern.partition("/")
    plural, _, sub = resource.partition("/")
    return wanted in ("*", plural) and wanted_sub in (("*", sub) if sub or wanted_sub == "*" else ("",))


def _review(write: Write, obj: Manifest | None) -> Manifest:
    kind = write.resource.kind
    named = {"group": kind.group, "version": write.version, "kind": kind.name}
    resource = {"group": kind.group, "version": write.version, "resource": kind.plural}
    user: Manifest = {"username": write.user.name, "groups": list(write.user.groups)}
    request: Manifest = {
        "uid": str(uuid.uuid4()),
        "kind": named,
        "resource": resource,
        "requestKind": named,
        "requestResource": resource,
        "operation": write.verb,
        "userInfo": user,
        "object": obj,
        "oldObject": write.old,
        "dryRun": write.dry_run,
        "options": None,
    }
    optional = {"subResource": write.subresource, "name": write.name, "namespace": write.namespace}
    request.update({key: value for key, value in optional.items() if value})
    return {"kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request}


def _failure(webhook: Manifest, error: WebhookUnreachableError | WebhookRejectedError) -> str:
    head = f'failed calling webhook "{webhook["name"]}": failed to call webhook: '
    if isinstance(error, WebhookRejectedError):
        return head + error.text
    config = webhook["clientConfig"]
    service = config.get("service")
    if service:
        where = f"{service['name']}.{service['namespace']}.svc:{service.get('port', 443)}"
        url = f"https://{where}{service.get('path') or '/'}"
    else:
        url = config.get("url", "")
    return f'{head}Post "{url}?timeout={webhook.get("timeoutSeconds") or 10}s": {error.text}'


def _denied(name: str, status: Manifest) -> StatusError:
    code = status.get("code") or 0
    head = f'admission webhook "{name}" denied the request'
    why = status.get("message") or status.get("reason")
    details = status.get("details")
    return StatusError(
        max(code, 400),
        status.get("reason") or "",
        f"{head}: {why}" if why else f"{head} without explanation",
        details if isinstance(details, dict) else None,
    )


def _patched(name: str, obj: Manifest, patch: Any) -> Manifest:
    try:
        return json_patch(obj, json.loads(base64.b64decode(patch)))
    except (binascii.Error, ValueError, StatusError) as error:
        raise internal(f'failed calling webhook "{name}": the patch cannot be applied: {error}') from error
