"""Service account tokens: Secrets that ask for one are filled, and die with their account."""

import asyncio
import base64
import json
import secrets
from dataclasses import dataclass

from meshctl.lab.api import Api, ApiError
from meshctl.lab.controllers.kubernetes_namespaces import ROOT_CA_SOURCE
from meshctl.lab.controllers.reconciling import Feed, Key, Queue, follow, reconcile
from meshctl.lab.controllers.shapes import annotations_of, deleting, name_of, namespace_of, uid_of
from meshctl.lab.delays import Delays
from meshctl.lab.sites import Site, World
from meshctl.names import SECRET, SERVICE_ACCOUNT
from meshctl.objects import Manifest, Ref, dig

FILLED_TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME = "kubernetes.io/service-account.name"
ACCOUNT_UID = "kubernetes.io/service-account.uid"
CLAIM = "kubernetes.io/serviceaccount"
SIGNATURE_BYTES = 256


def new_token(secret: Manifest, account: Manifest) -> str:
    """Return a token that looks like Kubernetes' own and cannot be guessed: its signature is random."""
    namespace, name = namespace_of(account), name_of(account)
    payload = {
        "iss": CLAIM,
        f"{CLAIM}/namespace": namespace,
        f"{CLAIM}/secret.name": name_of(secret),
        f"{CLAIM}/service-account.name": name,
        f"{CLAIM}/service-account.uid": uid_of(account),
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, payload)]
    parts.append(secrets.token_bytes(SIGNATURE_BYTES))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def token_of(secret: Manifest | None) -> str:
    """Return the token of a filled Secret, empty when there is none."""
    encoded = dig(secret, "data", "token")
    return base64.b64decode(encoded).decode() if isinstance(encoded, str) else ""


def claimed_secret(token: str) -> Ref | None:
    """Return the Secret that a token says it is from; None when it says nothing of the kind."""
    payload = [*token.split("."), ""][1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return None
    namespace, name = (dig(claims, f"{CLAIM}/{part}") for part in ("namespace", "secret.name"))
    return Ref(SECRET, str(name), str(namespace)) if namespace and name else None


def valid_for(secret: Manifest, account: Manifest | None) -> bool:
    """Say whether a token Secret belongs to this very account."""
    uid = annotations_of(secret).get(ACCOUNT_UID, "")
    return account is not None and not deleting(account) and uid in ("", uid_of(account))


@dataclass(frozen=True, slots=True)
class _Issuer:
    api: Api
    delays: Delays

    async def look(self, key: Key) -> None:
        ref = Ref(SECRET, key[1], key[0])
        secret = await self.api.get(ref)
        if secret is None or secret.get("type") != FILLED_TYPE or deleting(secret):
            return
        name = annotations_of(secret).get(ACCOUNT_NAME, "")
        account = await self.api.get(Ref(SERVICE_ACCOUNT, name, key[0])) if name else None
        if account is None or not valid_for(secret, account):
            await self.api.delete(ref, uid=uid_of(secret))
        elif not token_of(secret):
            await self._fill(ref, secret, account)

    async def _fill(self, ref: Ref, secret: Manifest, account: Manifest) -> None:
        await asyncio.sleep(self.delays.of(self.delays.token))
        source = await self.api.get(ROOT_CA_SOURCE)
        if source is None:
            raise ApiError(404, "NotFound", f"no {ROOT_CA_SOURCE} to put into tokens")
        data = {
            "ca.crt": source["data"]["ca.crt"],
            "namespace": ref.namespace,
            "token": new_token(secret, account),
        }
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
        await self.api.merge(ref, {"metadata": {"annotations": {ACCOUNT_UID: uid_of(account)}}, "data": encoded})


async def run(world: World, site: Site) -> None:
    """Issue a cluster's service account tokens."""
    api = site.api("kube-controller-manager")
    issuer = _Issuer(api, world.delays)

    queue = Queue(issuer.look)

    async def accounts() -> None:
        async for change in follow(api, SERVICE_ACCOUNT):
            for secret in await api.list(SECRET, namespace_of(change.obj)):
                if annotations_of(secret).get(ACCOUNT_NAME) == name_of(change.obj):
                    queue.add((namespace_of(secret), name_of(secret)))

    async with asyncio.TaskGroup() as group:
        group.create_task(accounts())
        group.create_task(reconcile(api, [Feed(SECRET)], issuer.look, queue))
