"""PEM to plain data: the only place that reads certificates and keys with `cryptography`.

It is loaded inside the functions, for only some commands read certificates and all of them start.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

SHORT = 8
BROKEN_HASHES = ("md5", "sha1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the checks ask of one certificate; `key_cert_sign` is None when it does not restrict the use of its key."""

    subject: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    ca: bool
    path_length: int | None
    key_cert_sign: bool | None
    key_name: str
    strong_key: bool
    signature_hash: str
    self_signed: bool
    public_key: bytes = field(repr=False)
    der: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.subject} ({short(self.fingerprint)})"


class UnreadableError(ValueError):
    """Not a readable PEM. The message never quotes the content, and no public function lets this out."""


def short(fingerprint: str) -> str:
    """Return the beginning of a SHA-256 fingerprint as `openssl x509 -fingerprint -sha256` prints it."""
    pairs = [fingerprint[i : i + 2].upper() for i in range(0, 2 * SHORT, 2)]
    return f"SHA-256 {':'.join(pairs)}…"


def read_certificates(pem: bytes) -> tuple[Certificate, ...]:
    """Return every certificate of a PEM bundle, in order; raise UnreadableError unless there is at least one."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    odd = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm)
    try:
        return tuple(_certificate(found) for found in x509.load_pem_x509_certificates(pem))
    except (ValueError, *odd):
        # the parser's own words may quote what it read
        raise UnreadableError("is not a readable PEM certificate") from None


def read_public_key(key_pem: bytes) -> bytes:
    """Return the public key that belongs to a private one, as DER; raise UnreadableError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _public_der(load_pem_private_key(key_pem, password=None).public_key())
    except TypeError:
        raise UnreadableError("is encrypted; istiod needs the key without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UnreadableError("is not a readable PEM private key") from None


def holds_private_key(pem: bytes) -> bool:
    """Say whether a private key stands somewhere in a PEM bundle."""
    return b"PRIVATE KEY-----" in pem


def issued_by(certificate: Certificate, issuer: Certificate) -> bool:
    """Say whether `issuer` signed `certificate`: the names fit and the signature is right."""
    from cryptography import x509

    return _signed(x509.load_der_x509_certificate(certificate.der), x509.load_der_x509_certificate(issuer.der))


def fingerprints(certificates: Iterable[Certificate]) -> frozenset[str]:
    """Return the SHA-256 fingerprints, in hexadecimal."""
    return frozenset(certificate.fingerprint for certificate in certificates)


def _certificate(found: "x509.Certificate") -> Certificate:
    from cryptography.hazmat.primitives import hashes, serialization

    ca, path_length = _constraints(found)
    public_key = found.public_key()
    key_name, strong = _strength(public_key)
    hash_used = found.signature_hash_algorithm
    return Certificate(
        subject=found.subject.rfc4514_string(),
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        ca=ca,
        path_length=path_length,
        key_cert_sign=_key_cert_sign(found),
        key_name=key_name,
        strong_key=strong,
        signature_hash=hash_used.name if hash_used else "",
        self_signed=_self_signed(found),
        public_key=_public_der(public_key),
        der=found.public_bytes(serialization.Encoding.DER),
    )


def _signed(certificate: "x509.Certificate", issuer: "x509.Certificate") -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _self_signed(found: "x509.Certificate") -> bool:
    # the signature of an old root (SHA-1) is refused here, but then nobody who trusts a root verifies it
    old = found.signature_hash_algorithm is not None and found.signature_hash_algorithm.name in BROKEN_HASHES
    return found.subject == found.issuer and (old or _signed(found, found))


def _constraints(found: "x509.Certificate") -> tuple[bool, int | None]:
    from cryptography import x509

    try:
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False, None
    return constraints.ca, constraints.path_length


def _key_cert_sign(found: "x509.Certificate") -> bool | None:
    from cryptography import x509

    try:
        return found.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return None


def _strength(key: "PublicKeyTypes") -> tuple[str, bool]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}", key.key_size >= 2048
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
    return type(key).__name__.removesuffix("PublicKey").lstrip("_"), False


def _public_der(key: "PublicKeyTypes") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
