import json
from typing import Any

import pytest

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
from meshctl.kube.status import redact, refusal

WEBHOOK = (
    'Internal error occurred: failed calling webhook "validation.istio.io": failed to call webhook: '
    'Post "https://istiod.istio-system.svc:443/validate?timeout=10s": dial tcp 10.96.138.74:443: connect: '
    "connection refused"
)
ENDING = (
    'secrets "x" is forbidden: unable to create new content in namespace istio-system because it is being terminated'
)
NO_CONTENT = "the server could not find the requested resource"
TAKEN = 'object is being deleted: services "x" already exists'
MODIFIED = 'Operation cannot be fulfilled on leases "meshctl": the object has been modified'
BAD_VERSION = 'Istio.sailoperator.io "default" is invalid: spec.version: Unsupported value: "v9"'
NAMED = {"name": "x", "kind": "secrets"}


def owned(*causes: tuple[str, str]) -> dict[str, Any]:
    return {
        "causes": [
            {"reason": "FieldManagerConflict", "message": f'conflict with "{owner}" using v1', "field": field}
            for owner, field in causes
        ]
    }


TABLE: list[tuple[int, str, str, dict[str, Any], type[ClusterError], str]] = [
    (400, "BadRequest", "no such field", {}, InvalidError, "invalid: no such field"),
    (401, "Unauthorized", "Unauthorized", {}, ForbiddenError, "Unauthorized"),
    (403, "Forbidden", 'secrets "x" is forbidden', NAMED, ForbiddenError, 'forbidden: secrets "x" is forbidden'),
    (403, "Forbidden", ENDING, NAMED, TransientError, f"namespace is ending: {ENDING}"),
    (
        403,
        "Forbidden",
        "not now",
        {"causes": [{"reason": "NamespaceTerminating"}]},
        TransientError,
        "namespace is ending: not now",
    ),
    (404, "NotFound", 'secrets "x" not found', NAMED, NotFoundError, 'not found: secrets "x" not found'),
    (404, "NotFound", NO_CONTENT, {}, UnknownKindError, f"not found: {NO_CONTENT}"),
    (405, "MethodNotAllowed", "no", {}, InvalidError, "invalid: no"),
    (
        409,
        "Conflict",
        "Apply failed with 3 conflicts",
        owned(("helm", ".spec.a"), ("kubectl", ".spec.version"), ("helm", ".spec.b")),
        ConflictError,
        'conflict: "helm" owns .spec.a, .spec.b; "kubectl" owns .spec.version',
    ),
    (409, "Conflict", MODIFIED, NAMED, StaleError, f"conflict: {MODIFIED}"),
    (409, "AlreadyExists", TAKEN, NAMED, AlreadyExistsError, f"already exists: {TAKEN}"),
    (410, "Expired", "too old", {}, NotFoundError, "not found: too old"),
    (422, "Invalid", BAD_VERSION, {}, InvalidError, f"invalid: {BAD_VERSION}"),
    (429, "TooManyRequests", "wait", {"retryAfterSeconds": 3}, TransientError, "too many requests: wait"),
    (500, "InternalError", WEBHOOK, {}, TransientError, f"server error: {WEBHOOK}"),
    (503, "ServiceUnavailable", "", {}, TransientError, "server error: 503 Service Unavailable"),
    (504, "Timeout", "late", {}, TransientError, "server error: late"),
    (307, "x", "", {}, ClusterError, "unexpected answer 307: 307 Temporary Redirect"),
]


@pytest.mark.parametrize(("code", "reason", "message", "details", "kind", "text"), TABLE)
def test_refusals(
    code: int, reason: str, message: str, details: dict[str, Any], kind: type[ClusterError], text: str
) -> None:
    said = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    error = refusal("cluster2", code, json.dumps(said).encode())
    assert type(error) is kind
    assert error.message == f"cluster2: {text}"
    assert error.status == code
    assert error.retry_after == details.get("retryAfterSeconds")


PLAIN: list[tuple[int, bytes, type[ClusterError], str]] = [
    (404, b"404 page not found\n", UnknownKindError, "not found: 404 Not Found"),
    (404, b"", UnknownKindError, "not found: 404 Not Found"),
    (404, b"<html>who are you looking for?</html>", NotFoundError, "not found: 404 Not Found"),
    (502, b"<html>secret</html>", TransientError, "server error: 502 Bad Gateway"),
    (418, b"[]", ClusterError, "unexpected answer 418: 418 I'm a Teapot"),
    (599, b"\xff", TransientError, "server error: 599"),
]


@pytest.mark.parametrize(("code", "body", "kind", "text"), PLAIN)
def test_what_is_no_status_is_not_quoted(code: int, body: bytes, kind: type[ClusterError], text: str) -> None:
    error = refusal("cluster2", code, body)
    assert type(error) is kind
    assert error.message == f"cluster2: {text}"


@pytest.mark.parametrize(("value", "seconds"), [("2", 2.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", None)])
def test_retry_after(value: str, seconds: float | None) -> None:
    assert refusal("c", 429, b"", {"Retry-After": value}).retry_after == seconds


HINTS = [
    (401, {}, "log in"),
    (403, {}, "auth can-i"),
    (409, owned(("h", ".a")), "--force-conflicts"),
    (404, {}, "Custom"),
]


@pytest.mark.parametrize(("code", "details", "hint"), HINTS)
def test_hints(code: int, details: dict[str, Any], hint: str) -> None:
    said = {"kind": "Status", "code": code, "message": "m", "details": details}
    assert hint in refusal("c", code, json.dumps(said).encode()).hint


JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlIn0.c2ln-_bmF0dXJl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"token {JWT} is bad", "token … is bad"),
        ("Bearer abc.def said", "Bearer … said"),
        ('Get "https://me:pass@proxy:3128/x": EOF', 'Get "https://…proxy:3128/x": EOF'),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nthen", "… then"),
        ("a\n  b\tc", "a b c"),
        (WEBHOOK, WEBHOOK),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redact(text) == shown
