"""Who a request comes from: bearer tokens of users, tokens of service accounts, client certificates."""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshctl.lab.apiserver.hooks import User
from meshctl.lab.apiserver.status import unauthorized
from meshctl.lab.apiserver.store import Event, Store, encode
from meshctl.lab.apiserver.tls import user_of
from meshctl.objects import Manifest, dig

AUDIENCE = "https://kubernetes.default.svc.cluster.local"
"""What a token must be meant for to open this door."""
ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
OF_ACCOUNT = "kubernetes.io/service-account-token"
ACCOUNT, ACCOUNT_UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"


@dataclass(frozen=True, slots=True)
class Issued:
    """One token that was asked for (a TokenRequest)."""

    namespace: str
    account: str
    uid: str
    audiences: tuple[str, ...]
    expires: float


class Authenticator:
    """Knows the tokens of one cluster; `expired` says whether those in Secrets are not accepted any more."""

    def __init__(self, cluster: str, store: Store, expired: Callable[[], bool] = lambda: False) -> None:
        self._cluster = cluster
        self._expired = expired
        self._store = store
        self._users: dict[str, User] = {}
        self._issued: dict[str, Issued] = {}
        self._by_secret: dict[str, tuple[str, str]] = {}
        self._key = secrets.token_bytes(32)
        store.listen(self._follow)

    def add_token(self, token: str, user: User) -> None:
        """Accept a token as this user's."""
        self._users[token] = user

    def remove_token(self, token: str) -> None:
        """Stop accepting a user's token."""
        self._users.pop(token, None)

    def user(self, authorization: str, certificate: Any) -> User:
        """Return who asks; raise 401 for credentials that are not accepted."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() == "bearer" and token.strip():
            found = self.bearer(token.strip())
            if found is None:
                raise unauthorized()
            return found
        return user_of(certificate) or ANONYMOUS

    def bearer(self, token: str) -> User | None:
        """Return whose token it is."""
        if user := self._users.get(token):
            return user
        if issued := self._issued.get(token):
            fits = issued.expires > time.time() and AUDIENCE in issued.audiences
            return self._account(issued.namespace, issued.account, issued.uid) if fits else None
        if (place := self._by_secret.get(token)) and not self._expired():
            secret = self._store.get("secrets", *place)
            annotations = (secret.obj["metadata"].get("annotations") or {}) if secret else {}
            return self._account(place[0], annotations.get(ACCOUNT, ""), annotations.get(ACCOUNT_UID, ""))
        return None

    def issue(self, namespace: str, account: Manifest, audiences: tuple[str, ...], seconds: int) -> tuple[str, float]:
        """Return a new token for a service account, and when it expires."""
        name, uid, now = account["metadata"]["name"], account["metadata"]["uid"], int(time.time())
        claims = {
            "aud": list(audiences),
            "exp": now + seconds,
            "iat": now,
            "nbf": now,
            "iss": AUDIENCE,
            "jti": secrets.token_hex(8),
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        token = self._signed(claims)
        self._issued[token] = Issued(namespace, name, uid, audiences, float(now + seconds))
        return token, float(now + seconds)

    def _signed(self, claims: Manifest) -> str:
        parts = [_url64(encode({"alg": "HS256", "kid": self._cluster, "typ": "JWT"})), _url64(encode(claims))]
        mark = hmac.new(self._key, ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join((*parts, _url64(mark)))

    def _account(self, namespace: str, name: str, uid: str) -> User | None:
        found = self._store.get("serviceaccounts", namespace, name)
        if found is None or (uid and found.obj["metadata"]["uid"] != uid):
            return None
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
        return User(f"system:serviceaccount:{namespace}:{name}", groups, found.obj["metadata"]["uid"])

    def _follow(self, resource: str, event: Event) -> None:
        if resource != "secrets":
            return
        if event.before and (old := _token(event.before.obj)):
            self._by_secret.pop(old, None)
        if event.type != "DELETED" and (new := _token(event.snapshot.obj)):
            self._by_secret[new] = event.snapshot.key


def _token(secret: Manifest) -> str:
    if secret.get("type") != OF_ACCOUNT:
        return ""
    try:
        return base64.b64decode(dig(secret, "data", "token") or "").decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
