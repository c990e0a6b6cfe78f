"""What a refusal of an API server means to us: HTTP status and `v1 Status` body in, one of our errors out."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus

from meshctl.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    TransientError,
    UnknownKindError,
)
from meshctl.objects import Manifest, dig

LOGIN_HINT = "the credentials of this context were not accepted; log in again and try `kubectl get namespaces`"
PERMISSION_HINT = "ask for the permission; `kubectl auth can-i` shows what this user may do"
FORCE_HINT = "--force-conflicts takes these fields over"
KIND_HINT = "is its CustomResourceDefinition installed?"

_SECRETS = (
    re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*"),  # a JWT, as every service-account token is
    re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(-----END [^-]*-----|$)", re.DOTALL),
    re.compile(r"(?<=://)[^/@\s]+@"),
    re.compile(r"(?<=Bearer )\S+"),
)
_OWNER = re.compile(r'conflict with "([^"]+)"')


def redact(text: str) -> str:
    """Return `text` in one line and without anything that looks like a credential."""
    for secret in _SECRETS:
        text = secret.sub("…", text)
    return " ".join(text.split())


def refusal(cluster: str, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ClusterError:
    """Return the error for an answer that is not a success."""
    said = parse(body)
    kind, label, hint = _classify(status, said, body)
    text = _owners(said) or redact(str(said.get("message") or "")) or _phrase(status)
    sentence = text if text.lower().startswith(label) else f"{label}: {text}"
    wait = _retry_after(said, headers or {})
    return kind(f"{cluster}: {sentence}", hint=hint, status=status, retry_after=wait)


def parse(body: bytes) -> Manifest:
    """Return the `v1 Status` in a body; of anything else (a proxy's page, plain text) nothing is passed on."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) and said.get("kind") == "Status" else {}


def _classify(status: int, said: Manifest, body: bytes) -> tuple[type[ClusterError], str, str]:
    if status in _PLAIN:
        return _PLAIN[status]
    if status == HTTPStatus.FORBIDDEN:
        return _forbidden(said)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        return _missing(status, said, body)
    if status == HTTPStatus.CONFLICT:
        return _conflict(said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError, "server error", ""
    return ClusterError, f"unexpected answer {status}", ""


_INVALID = (InvalidError, "invalid", "")
_PLAIN: Mapping[int, tuple[type[ClusterError], str, str]] = {
    HTTPStatus.BAD_REQUEST: _INVALID,
    HTTPStatus.METHOD_NOT_ALLOWED: _INVALID,
    HTTPStatus.NOT_ACCEPTABLE: _INVALID,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _INVALID,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: _INVALID,
    HTTPStatus.UNPROCESSABLE_ENTITY: _INVALID,
    HTTPStatus.UNAUTHORIZED: (ForbiddenError, "unauthorized", LOGIN_HINT),
    HTTPStatus.REQUEST_TIMEOUT: (TransientError, "timeout", ""),
    HTTPStatus.TOO_MANY_REQUESTS: (TransientError, "too many requests", ""),
}


def _forbidden(said: Manifest) -> tuple[type[ClusterError], str, str]:
    # A namespace on its way out refuses new content with 403; once it is gone, the same request works.
    causes = dig(said, "details", "causes") or []
    ending = any(dig(cause, "reason") == "NamespaceTerminating" for cause in causes)
    if ending or "because it is being terminated" in str(said.get("message")):
        return TransientError, "namespace is ending", ""
    return ForbiddenError, "forbidden", PERMISSION_HINT


def _missing(status: int, said: Manifest, body: bytes) -> tuple[type[ClusterError], str, str]:
    # An object's absence names the object; a kind's absence is a bare sentence, or no Status at all.
    known_object = bool(dig(said, "details", "name"))
    if status == HTTPStatus.GONE or known_object or (body and not said and b"page not found" not in body):
        return NotFoundError, "not found", ""
    return UnknownKindError, "not found", KIND_HINT


def _conflict(said: Manifest) -> tuple[type[ClusterError], str, str]:
    if _owners(said):
        return ConflictError, "conflict", FORCE_HINT
    if said.get("reason") == "AlreadyExists":
        return AlreadyExistsError, "already exists", ""
    return StaleError, "conflict", ""


def _owners(said: Manifest) -> str:
    fields: dict[str, list[str]] = defaultdict(list)
    for cause in dig(said, "details", "causes") or []:
        if dig(cause, "reason") == "FieldManagerConflict":
            owner = _OWNER.search(str(cause.get("message")))
            fields[owner.group(1) if owner else "another manager"].append(str(cause.get("field")))
    return "; ".join(f'"{owner}" owns {", ".join(owned)}' for owner, owned in fields.items())


def _retry_after(said: Manifest, headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After") or dig(said, "details", "retryAfterSeconds")
    try:
        return float(value) if value else None
    except ValueError:  # a date; nobody in Kubernetes sends one
        return None


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
