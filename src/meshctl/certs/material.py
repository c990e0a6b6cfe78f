"""What a cluster signs with, as plain data, wherever it was read from.

istiod accepts two layouts of the `cacerts` Secret and prefers the `kubernetes.io/tls` one as soon as `tls.crt` is there
(istio/istio, pilot/pkg/bootstrap/istio_ca.go). Both become the same `Material`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CA_CERT = "ca-cert.pem"
CA_KEY = "ca-key.pem"
ROOT_CERT = "root-cert.pem"
ROOT_KEY = "root-key.pem"
CERT_CHAIN = "cert-chain.pem"
CRL = "ca-crl.pem"
TLS_CERT = "tls.crt"
TLS_KEY = "tls.key"
TLS_ROOT = "ca.crt"
ISTIO_GENERATED = "istio-generated"
"""The key by which istiod marks a Secret that it filled by itself."""


class KeyType(StrEnum):
    """The private keys that can be made; all of them are strong enough for istiod."""

    RSA_4096 = "rsa-4096"
    RSA_3072 = "rsa-3072"
    RSA_2048 = "rsa-2048"
    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"


class Severity(StrEnum):
    """Whether a problem stands in the way, or only deserves a look."""

    ERROR = "error"
    WARNING = "warning"


class Flaw(StrEnum):
    """What kind of thing is wrong with certificates, whatever the words for the one at hand."""

    ABSENT = "absent"
    INCOMPLETE = "incomplete"
    WRONG_KEY = "wrong key"
    BROKEN_CHAIN = "broken chain"
    NOT_VALID_NOW = "not valid now"
    EXPIRES_SOON = "expires soon"
    UNFIT = "unfit"
    ROOT_KEY_IN_USE = "root key in use"
    OTHER_ROOT = "other root"
    MIXED_ROOTS = "mixed roots"
    SHARED_SIGNER = "shared signer"
    OTHER_ROOT_SERVED = "other root served"


@dataclass(frozen=True, slots=True)
class CertProblem:
    """One thing that is wrong with certificates; `cluster` is empty when only one cluster is talked about."""

    severity: Severity
    flaw: Flaw
    text: str
    cluster: str = ""

    def __str__(self) -> str:
        return f"{self.cluster}: {self.text}" if self.cluster else self.text


@dataclass(frozen=True, slots=True)
class Layout:
    """What the four parts are called where they were read; the chain of the TLS layout has no key of its own."""

    ca_cert: str
    ca_key: str
    root_cert: str
    cert_chain: str


ISTIO_LAYOUT = Layout(CA_CERT, CA_KEY, ROOT_CERT, CERT_CHAIN)
TLS_LAYOUT = Layout(TLS_CERT, TLS_KEY, TLS_ROOT, TLS_CERT)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    cert: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Material:
    """The four PEMs a cluster signs with; a part that is missing is empty."""

    ca_cert: bytes = b""
    ca_key: bytes = field(default=b"", repr=False)
    root_cert: bytes = b""
    cert_chain: bytes = b""
    layout: Layout = ISTIO_LAYOUT
    generated: bool = False

    @property
    def parts(self) -> dict[str, bytes]:
        """The four PEMs under the names that istiod and the guide give them; one of them is the private key."""
        return {
            CA_CERT: self.ca_cert,
            CA_KEY: self.ca_key,
            ROOT_CERT: self.root_cert,
            CERT_CHAIN: self.cert_chain,
        }

    @property
    def public(self) -> dict[str, bytes]:
        """The three PEMs that are no secret, under the names they have where they were read."""
        names = self.layout
        chain = {names.cert_chain: self.cert_chain} if names.cert_chain != names.ca_cert else {}
        return {names.ca_cert: self.ca_cert, names.root_cert: self.root_cert} | chain

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all."""
        return not any(self.parts.values())


def from_parts(parts: Mapping[str, bytes]) -> Material:
    """Return the material that istiod would find under these file names."""
    generated = ISTIO_GENERATED in parts
    if TLS_CERT not in parts:
        cert, key, root, chain = (parts.get(name, b"") for name in (CA_CERT, CA_KEY, ROOT_CERT, CERT_CHAIN))
        return Material(cert, key, root, chain, generated=generated)
    cert, key, root = (parts.get(name, b"") for name in (TLS_CERT, TLS_KEY, TLS_ROOT))
    return Material(cert, key, root, concatenated(cert, root), layout=TLS_LAYOUT, generated=generated)


def concatenated(*pems: bytes) -> bytes:
    """Join PEMs, each on lines of its own."""
    return b"".join(pem if pem.endswith(b"\n") else pem + b"\n" for pem in pems if pem.strip())
