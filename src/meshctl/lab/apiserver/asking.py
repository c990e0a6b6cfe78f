"""One HTTP request, read and understood as far as every handler needs it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from meshctl.lab.apiserver import protobuf
from meshctl.lab.apiserver.hooks import User
from meshctl.lab.apiserver.objects import APPLY
from meshctl.lab.apiserver.selectors import Predicate, fields_match, labels_match
from meshctl.lab.apiserver.status import Problem, bad_options, bad_request, unsupported_media
from meshctl.lab.apiserver.tables import wanted as wanted_form
from meshctl.lab.apiserver.targets import Target
from meshctl.lab.apiserver.writes import Call

_READABLE = ("application/json", "application/yaml", "application/apply-patch+yaml", "text/plain")


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for what."""

    request: web.BaseRequest
    user: User
    target: Target

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; of repeated ones the first."""
        return self.request.query

    def flag(self, name: str) -> bool:
        """Whether a parameter is set to true."""
        return self.query.get(name, "") in ("1", "true", "True")

    @property
    def form(self) -> str:
        """The form of the answer when it is not plain JSON, such as Table."""
        return wanted_form(self.request.headers.get("Accept", ""))

    def call(self, body: Any = None) -> Call:
        """Return how this request writes."""
        agent = self.request.headers.get("User-Agent", "").partition("/")[0] or "unknown"
        manager = self.query.get("fieldManager") or agent
        dry = self.query.getall("dryRun", []) if hasattr(self.query, "getall") else []
        given = body.get("dryRun") if isinstance(body, dict) else None
        wanted = [*dry, *(given if isinstance(given, list) else ())]
        _check_dry_run(self, wanted)
        return Call(
            self.user,
            manager,
            dry_run="All" in wanted,
            field_validation=self.query.get("fieldValidation", "Warn"),
        )

    def predicate(self) -> Predicate | None:
        """Return which objects the selectors select; None for all."""
        labels, fields = self.query.get("labelSelector", ""), self.query.get("fieldSelector", "")
        by_label = labels_match(labels) if labels else None
        by_field = fields_match(fields, self.target.resource.fields) if fields else None
        if by_label and by_field:
            return lambda obj: by_label(obj) and by_field(obj)
        return by_label or by_field

    async def body(self) -> Any:
        """Return the request's content; None when there is none."""
        data = await self.request.read()
        if not data:
            return None
        media = self.request.content_type
        if media == protobuf.MEDIA:
            return protobuf.decode(data)
        if media not in _READABLE and not media.endswith("+json") and media != "application/octet-stream":
            raise unsupported_media("application/json, application/yaml")
        return parse(data, media)


def parse(data: bytes, media: str) -> Any:
    """Return what a body says; raise 400."""
    try:
        return json.loads(data)
    except ValueError as error:
        if media not in ("application/yaml", APPLY):
            raise bad_request(f"the body cannot be read: {error}") from error
    try:
        return yaml.safe_load(data)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding YAML: {error}") from error


def manager_required(asking: Asking) -> None:
    """Raise when an apply does not say who applies."""
    if not asking.query.get("fieldManager"):
        problem = Problem("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
        raise bad_options("PatchOptions", problem)


def apply_only(asking: Asking) -> None:
    """Raise when another patch than an apply asks for what only an apply does."""
    if asking.query.get("force"):
        text = "Forbidden: may not be specified for non-apply patch"
        raise bad_options("PatchOptions", Problem("force", "FieldValueForbidden", text))


_OPTIONS = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}


def _check_dry_run(asking: Asking, wanted: list[str]) -> None:
    if not set(wanted) <= {"All"}:
        text = f'Unsupported value: {json.dumps(wanted)}: supported values: "All"'
        problem = Problem("dryRun", "FieldValueNotSupported", text)
        raise bad_options(_OPTIONS.get(asking.request.method, "ListOptions"), problem)
