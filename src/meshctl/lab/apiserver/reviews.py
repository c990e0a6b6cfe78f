"""Resources that are questions: access reviews, token reviews, who am I, and tokens on request."""

from datetime import UTC, datetime
from typing import Any

from meshctl.lab.apiserver.auth import Authenticator
from meshctl.lab.apiserver.hooks import Asked, User
from meshctl.lab.apiserver.rbac import Authorizer
from meshctl.objects import Manifest, dig

_AUDIENCE = "https://kubernetes.default.svc.cluster.local"
_HOUR = 3600


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
    if wanted is None:
        paths = spec.get("nonResourceAttributes") or {}
        asked = Asked("", user.name, paths.get("verb", ""), path=paths.get("path", ""))
    else:
        names = ("verb", "group", "resource", "subresource", "namespace", "name")
        values: dict[str, Any] = {name: wanted.get(name) or "" for name in names}
        asked = Asked(cluster="", user=user.name, **values)
    return {"allowed": True} if rbac.allowed(user, asked) else {"allowed": False}


def _rules(namespace: str, user: User, rbac: Authorizer) -> Manifest:
    rules = list(rbac.rules(user, namespace))
    return {
        "resourceRules": [rule for rule in rules if rule.get("resources")],
        "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": False,
    }


def _token(spec: Manifest, auth: Authenticator) -> Manifest:
    user = auth.bearer(spec.get("token") or "")
    if user is None:
        return {"authenticated": False, "error": "invalid bearer token", "user": {}}
    return {"authenticated": True, "user": _info(user), "audiences": spec.get("audiences") or [_AUDIENCE]}


def _info(user: User) -> Manifest:
    info: Manifest = {"username": user.name, "groups": list(user.groups)}
    return {**info, "uid": user.uid} if user.uid else info


def token_request(request: Manifest, account: Manifest, auth: Authenticator) -> Manifest:
    """Return a TokenRequest with its token."""
    namespace = account["metadata"]["namespace"]
    seconds = int(dig(request, "spec", "expirationSeconds") or _HOUR)
    audiences = tuple(dig(request, "spec", "audiences") or (_AUDIENCE,))
    token, expires = auth.issue(namespace, account, audiences, seconds)
    end = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": account["metadata"]["name"], "namespace": namespace, "creationTimestamp": None},
        "spec": {**(request.get("spec") or {}), "audiences": list(audiences), "expirationSeconds": seconds},
        "status": {"token": token, "expirationTimestamp": end},
    }
