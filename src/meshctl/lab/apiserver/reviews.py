"""Resources that are questions: access reviews, token reviews, who am I, and tokens on request."""

from datetime import UTC, datetime
from typing import Any

from meshctl.lab.apiserver.auth import AUDIENCE, Authenticator
from meshctl.lab.apiserver.hooks import Asked, User
from meshctl.lab.apiserver.rbac import Authorizer
from meshctl.lab.apiserver.status import Problem, StatusError, bad_request, invalid
from meshctl.objects import Kind, Manifest, dig

_HOUR = 3600
_SHORTEST = 600
_TOKEN_REQUEST = Kind("TokenRequest", "tokenrequests", group="authentication.k8s.io")


def answer(kind: str, review: Manifest, user: User, rbac: Authorizer, auth: Authenticator) -> Manifest:
    """Return the review with its status."""
    spec = review.get("spec") or {}
    match kind:
        case "SelfSubjectAccessReview":
            status = _access(spec, user, rbac)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            status = _access(spec, User(spec.get("user") or "", tuple(spec.get("groups") or ())), rbac)
        case "SelfSubjectRulesReview":
            status = _rules(spec.get("namespace") or "", user, rbac)
        case "TokenReview":
            status = _token(spec, auth)
        case _:
            status = {"userInfo": _info(user)}
    return {**review, "status": status}


def _access(spec: Manifest, user: User, rbac: Authorizer) -> Manifest:
    wanted = spec.get("resourceAttributes")
    if (wanted is None) == (spec.get("nonResourceAttributes") is None):
        raise _ask_one_thing()
    if wanted is None:
        paths = spec.get("nonResourceAttributes") or {}
        asked = Asked("", user.name, paths.get("verb", ""), path=paths.get("path", ""))
    else:
        names = ("verb", "group", "resource", "subresource", "namespace", "name")
        values: dict[str, Any] = {name: wanted.get(name) or "" for name in names}
        asked = Asked(cluster="", user=user.name, **values)
    if not rbac.allowed(user, asked):
        return {"allowed": False}
    why = rbac.reason(user, asked)
    return {"allowed": True, "reason": why} if why else {"allowed": True}


def _ask_one_thing() -> StatusError:
    path = "spec.resourceAttributes"
    why = "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified"
    group = "authorization.k8s.io"
    cause = {"reason": "FieldValueInvalid", "message": why, "field": path}
    # The real server leaves the kind out of this sentence too.
    return StatusError(422, "Invalid", f'.{group} "" is invalid: {path}: {why}', {"group": group, "causes": [cause]})


def _rules(namespace: str, user: User, rbac: Authorizer) -> Manifest:
    if not namespace:
        raise bad_request("no namespace on request")
    rules = list(rbac.rules(user, namespace))
    status: Manifest = {
        "resourceRules": [rule for rule in rules if rule.get("resources")],
        "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": rbac.overruled(user),
    }
    # In the words of the only authorizer that real clusters have besides roles, and that cannot list its rules.
    why = {"evaluationError": "webhook authorizer does not support user rule resolution"}
    return {**status, **why} if status["incomplete"] else status


def _token(spec: Manifest, auth: Authenticator) -> Manifest:
    user = auth.bearer(spec.get("token") or "")
    if user is None:
        return {"error": "invalid bearer token", "user": {}}
    return {"authenticated": True, "user": _info(user), "audiences": spec.get("audiences") or [AUDIENCE]}


def _info(user: User) -> Manifest:
    info: Manifest = {"username": user.name, "groups": list(user.groups)}
    return {**info, "uid": user.uid} if user.uid else info


def token_request(request: Manifest, account: Manifest, auth: Authenticator) -> Manifest:
    """Return a TokenRequest with its token."""
    namespace = account["metadata"]["namespace"]
    seconds = int(dig(request, "spec", "expirationSeconds") or _HOUR)
    if seconds < _SHORTEST:
        why = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        raise invalid(_TOKEN_REQUEST, "", [Problem("spec.expirationSeconds", "FieldValueInvalid", why)])
    audiences = tuple(dig(request, "spec", "audiences") or (AUDIENCE,))
    token, expires = auth.issue(namespace, account, audiences, seconds)
    end = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": account["metadata"]["name"], "namespace": namespace, "creationTimestamp": None},
        "spec": {**(request.get("spec") or {}), "audiences": list(audiences), "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": end},
    }
