"""Root certificates as the objects of a cluster hold them, by their fingerprints."""

import base64
import binascii

from meshctl.certs.check import root_fingerprints
from meshctl.certs.material import Material, from_parts
from meshctl.certs.reading import short
from meshctl.objects import Manifest, dig

Roots = frozenset[str]
"""SHA-256 fingerprints."""


def bundle_roots(encoded: str | None) -> Roots:
    """Return the certificates of a webhook's caBundle."""
    return root_fingerprints(Material(root_cert=_decoded(encoded)))


def stored_roots(config_map: Manifest | None) -> Roots:
    """Return the roots that istiod has written into its ConfigMap."""
    return root_fingerprints(Material(root_cert=str(dig(config_map, "data", "root-cert.pem") or "").encode()))


def roots(secret: Manifest | None) -> Roots:
    """Return the roots of a Secret that istiod may sign with; of one that it filled itself, none."""
    material = from_parts({name: _decoded(text) for name, text in (dig(secret, "data") or {}).items()})
    return frozenset() if material.generated else root_fingerprints(material)


def shown(found: Roots) -> str:
    """Return the fingerprints as people compare them."""
    return ", ".join(short(one) for one in sorted(found)) or "nothing"


def _decoded(text: str | None) -> bytes:
    try:
        return base64.b64decode(text or "")
    except (binascii.Error, ValueError):
        return b""
