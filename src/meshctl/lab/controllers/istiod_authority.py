"""With what an istiod signs: the plugged-in CA, or one that it makes for itself."""

import asyncio
import base64
from datetime import UTC, datetime

from meshctl.certs.authority import make_root
from meshctl.certs.material import KeyType, from_parts
from meshctl.lab.api import Api, ApiError
from meshctl.names import CACERTS, SECRET
from meshctl.objects import Manifest, Ref, dig

SELF_SIGNED = "istio-ca-secret"


def decoded(secret: Manifest | None) -> dict[str, bytes]:
    """Return a Secret's data."""
    return {name: base64.b64decode(text or "") for name, text in (dig(secret, "data") or {}).items()}


async def read_root(api: Api, namespace: str) -> str:
    """Return the root of an istiod that starts now: of `cacerts`, or self-signed and kept in a Secret of its own.

    It is read once in a process's life: a CA that is plugged in later waits for the next start.
    """
    material = from_parts(decoded(await api.get(Ref(SECRET, CACERTS.name, namespace))))
    if material.root_cert:
        return material.root_cert.decode(errors="replace")
    return await _self_signed(api, namespace)


async def _self_signed(api: Api, namespace: str) -> str:
    ref = Ref(SECRET, SELF_SIGNED, namespace)
    known = decoded(await api.get(ref)).get("ca-cert.pem")
    if known:
        return known.decode(errors="replace")
    made = await asyncio.to_thread(make_root, now=datetime.now(UTC), key=KeyType.RSA_2048)
    files = {"ca-cert.pem": made.cert, "ca-key.pem": made.key}
    encoded = {name: base64.b64encode(pem).decode() for name, pem in files.items()}
    empty = dict.fromkeys(("cert-chain.pem", "key.pem", "root-cert.pem"), "")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SELF_SIGNED, "namespace": namespace},
        "type": "istio.io/ca-root",
        "data": {**encoded, **empty},
    }
    try:
        await api.create(secret)
    except ApiError as error:
        if error.code != 409:
            raise
        return await _self_signed(api, namespace)
    return made.cert.decode()
