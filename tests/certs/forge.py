"""Certificates with one thing wrong, which the code under test would never make."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from meshctl.certs.authority import make_material, make_root
from meshctl.certs.material import KeyPair, KeyType, Material, concatenated

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
FAST = KeyType.EC_P256

AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a forged authority looks like; the defaults are sound."""

    name: str = "Forged CA"
    ca: bool | None = True
    path_length: int | None = None
    key_cert_sign: bool | None = True
    starts: timedelta = timedelta(days=-100)
    ends: timedelta = timedelta(days=1000)
    key: AnyKey | None = None


def forge(shape: Shape, issuer: KeyPair | None = None) -> KeyPair:
    key = shape.key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shape.name)])
    above = x509.load_pem_x509_certificate(issuer.cert).subject if issuer else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + shape.starts)
        .not_valid_after(NOW + shape.ends)
    )
    if shape.ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(shape.ca, shape.path_length), critical=True)
    if shape.key_cert_sign is not None:
        usage = [True, False, False, False, False, shape.key_cert_sign, False, False, False]
        builder = builder.add_extension(x509.KeyUsage(*usage), critical=True)
    signer = load_key(issuer.key) if issuer else key
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(signer, algorithm)
    return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), key_pem(key))


def load_key(pem: bytes) -> AnyKey:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, AnyKey)
    return key


def key_pem(key: AnyKey, password: bytes = b"") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def sound(cluster: str = "cluster1", root: KeyPair | None = None) -> Material:
    return make_material(root or fast_root(), cluster, now=NOW, key=FAST)


def fast_root(now: datetime = NOW) -> KeyPair:
    return make_root(now=now, key=FAST)


def under(root: KeyPair, shape: Shape) -> Material:
    """Material whose signing certificate is forged."""
    made = forge(shape, root)
    return Material(made.cert, made.key, root.cert, concatenated(made.cert, root.cert))


OLD_ROOT = b"""-----BEGIN CERTIFICATE-----
MIIBlDCCATygAwIBAgIUf10y/WfEHLnr03ycySsbZk8RaNEwCQYHKoZIzj0EATAg
MQwwCgYDVQQKDANPbGQxEDAOBgNVBAMMB1Jvb3QgQ0EwIBcNMjYxMTIzMTIwOTI0
WhgPMjEyNjEwMzAxMjA5MjRaMCAxDDAKBgNVBAoMA09sZDEQMA4GA1UEAwwHUm9v
dCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDHExrpOloN8gFylISuCwHvd
YU3COHzNtuOAdhswd28UZELyxxmFAOyX2MBZnCvspuBErkDBzcxq8dopOaNO6lOj
UzBRMB0GA1UdDgQWBBRqi8hccw6i6s35FSx8cMB6zMXtSTAfBgNVHSMEGDAWgBRq
i8hccw6i6s35FSx8cMB6zMXtSTAPBgNVHRMBAf8EBTADAQH/MAkGByqGSM49BAED
RwAwRAIgctkWr7uMN2lPn0nEVFldHSHUzo2m0TZRO/WbxgFUFxcCIFrxZQ82193a
zeMY8IKdBPpR3rt75wEcgMcdb3k1Jxoj
-----END CERTIFICATE-----
"""
"""A root that signed itself with SHA-1, valid from 2026-11-23 for a hundred years; its key is gone."""

OLD_INTERMEDIATE = b"""-----BEGIN CERTIFICATE-----
MIIBsDCCAVegAwIBAgIUFBuqKniS5wys5rax0av6bmQphfcwCQYHKoZIzj0EATAg
MQwwCgYDVQQKDANPbGQxEDAOBgNVBAMMB1Jvb3QgQ0EwIBcNMjYxMTIzMTIwOTI0
WhgPMjEyNjEwMzAxMjA5MjRaMCgxDDAKBgNVBAoMA09sZDEYMBYGA1UEAwwPSW50
ZXJtZWRpYXRlIENBMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhib/gkdyY6bU
NxSeJe63xDltGKPO+XSvCkohbLjQQR6q0YNPrkfZ7qBaeAI61Tumj6SoqYJpLhVE
evWkCEO5m6NmMGQwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAgQw
HQYDVR0OBBYEFPyYXLXFyvlyn+xNcGT6BZ/nCOXLMB8GA1UdIwQYMBaAFGqLyFxz
DqLqzfkVLHxwwHrMxe1JMAkGByqGSM49BAEDSAAwRQIgC4cB0Qzmt0POhi76ovRV
PdhU+PNL7+lFEzagmeL7umcCIQDzlPD1nfxE2vqChmKbM6wgqq/mRjWw9XPPpuWE
XKAk4g==
-----END CERTIFICATE-----
"""
"""What OLD_ROOT signed, with SHA-1 too."""
