"""The `cacerts` Secret: material as a manifest, and what applying it would mean for what is there already."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass, field, replace
from enum import StrEnum

from meshctl.certs.check import root_fingerprints, same_bundle
from meshctl.certs.material import CRL, Material, from_parts
from meshctl.certs.reading import UnreadableError, holds_private_key, read_certificates, read_public_key, short
from meshctl.names import CACERTS
from meshctl.objects import Manifest, dig

OPAQUE = "Opaque"


class Act(StrEnum):
    """What `certs apply` does to one cluster."""

    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"
    RECREATE = "recreate"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ApplyPlan:
    """What to do to one cluster's Secret, and the sentence that says why; there is a manifest when there is work."""

    act: Act
    text: str
    manifest: Manifest | None = field(default=None, repr=False)


def manifest_of(material: Material) -> Manifest:
    """Return the Secret as the guide makes it."""
    return {
        "apiVersion": CACERTS.kind.api_version,
        "kind": CACERTS.kind.name,
        "metadata": {"name": CACERTS.name, "namespace": CACERTS.namespace},
        "type": OPAQUE,
        "data": {name: b64encode(pem).decode() for name, pem in material.parts.items()},
    }


def material_of(secret: Manifest | None) -> Material:
    """Return what istiod would read from a Secret; nothing when there is none."""
    data: dict[str, str] = dig(secret, "data") or {}
    return from_parts({name: _decoded(value) for name, value in data.items()})


def plan_apply(existing: Manifest | None, wanted: Material, *, force: bool = False) -> ApplyPlan:
    """Decide what applying `wanted` takes; a Secret with another root is only replaced by `force`."""
    if existing is None:
        return ApplyPlan(Act.CREATE, f"create {CACERTS}", manifest_of(wanted))
    stored = material_of(existing)
    if _same(stored, wanted):
        return ApplyPlan(Act.NOTHING, f"{CACERTS} holds these certificates already")
    if stored.empty:
        return _replacing(existing, wanted, f"fill {CACERTS}, which is empty")
    if not same_bundle(stored.root_cert, wanted.root_cert):
        return _other_root(existing, stored, wanted, force=force)
    # istiod compares roots byte by byte, and takes a new intermediate without a restart only under an unchanged root
    kept = wanted if holds_private_key(stored.root_cert) else replace(wanted, root_cert=stored.root_cert)
    return _replacing(existing, kept, f"replace the intermediate in {CACERTS}; the root stays")


def _other_root(existing: Manifest, stored: Material, wanted: Material, *, force: bool) -> ApplyPlan:
    theirs, ours = _listed(root_fingerprints(stored)), _listed(root_fingerprints(wanted))
    if not force:
        return ApplyPlan(
            Act.REFUSE,
            f"{CACERTS} holds another root: {theirs} there, {ours} here. Replacing it cuts off every workload "
            "whose certificate comes from the old root, until it is restarted; --force does it",
        )
    return _replacing(
        existing, wanted, f"replace the root {theirs} in {CACERTS} by {ours}; restart istiod, then all workloads"
    )


def _replacing(existing: Manifest, wanted: Material, text: str) -> ApplyPlan:
    """Update in place where an apply can do that; else the Secret has to be deleted first."""
    manifest = manifest_of(wanted)
    keys = set(dig(existing, "data") or {})
    # the type cannot be changed, and a key that stays behind (tls.crt, istio-generated) would change the meaning
    foreign = keys - {*manifest["data"], CRL}
    fixed = existing.get("type", OPAQUE) != OPAQUE or existing.get("immutable") is True
    if not foreign and not fixed:
        return ApplyPlan(Act.UPDATE, text, manifest)
    lost = f", with its {CRL}" if CRL in keys else ""
    return ApplyPlan(Act.RECREATE, f"{text} (it is deleted{lost} and made anew, for its form does not fit)", manifest)


def _same(stored: Material, wanted: Material) -> bool:
    """Say whether both hold the same certificates, in the same order, and the same key."""
    if stored.generated or any(holds_private_key(pem) for pem in stored.public.values()):
        return False
    pems = zip(
        (stored.ca_cert, stored.root_cert, stored.cert_chain),
        (wanted.ca_cert, wanted.root_cert, wanted.cert_chain),
        strict=True,
    )
    try:
        same_certificates = all(read_certificates(one) == read_certificates(other) for one, other in pems)
        return same_certificates and read_public_key(stored.ca_key) == read_public_key(wanted.ca_key)
    except UnreadableError:
        return False


def _decoded(value: str) -> bytes:
    try:
        return b64decode(value, validate=True)
    except NotBase64:
        return b""


def _listed(roots: frozenset[str]) -> str:
    return " and ".join(short(one) for one in sorted(roots)) or "none that can be read"
