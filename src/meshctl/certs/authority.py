"""Makes certificate authorities: the mesh's root, an intermediate per cluster, and what the lab's API servers show.

The shape of root and intermediates is the one of the product guide's openssl recipe, plus an authority key identifier.
Every function takes `now`; validity begins a little earlier, because clocks of clusters differ.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshctl.certs.material import KeyPair, KeyType, Material, concatenated

ROOT_DAYS = 7300
INTERMEDIATE_DAYS = 3650
API_SERVER_DAYS = 365
CLOCK_SKEW = timedelta(minutes=5)
ISTIOD_NAME = "istiod.istio-system.svc"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def make_root(*, now: datetime, key: KeyType = KeyType.RSA_4096) -> KeyPair:
    """Make the mesh's root, self-signed."""
    private = _new_key(key)
    subject = _name((NameOID.ORGANIZATION_NAME, "Istio"), (NameOID.COMMON_NAME, "Root CA"))
    builder = _ca(_unsigned(subject, private, now, timedelta(days=ROOT_DAYS)), path_length=None)
    return _signed(builder.issuer_name(subject), private, private)


def make_intermediate(root: KeyPair, cluster: str, *, now: datetime, key: KeyType = KeyType.RSA_4096) -> KeyPair:
    """Make the authority with which one cluster signs; it never outlives the root."""
    issuer, issuer_key = _load(root)
    private = _new_key(key)
    subject = _name(
        (NameOID.ORGANIZATION_NAME, "Istio"),
        (NameOID.COMMON_NAME, "Intermediate CA"),
        (NameOID.LOCALITY_NAME, cluster),
    )
    lifetime = min(timedelta(days=INTERMEDIATE_DAYS), issuer.not_valid_after_utc - now)
    builder = _ca(_unsigned(subject, private, now, lifetime), path_length=0)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(ISTIOD_NAME)]), critical=False)
    return _signed(_under(builder, issuer, issuer_key), private, issuer_key)


def make_material(root: KeyPair, cluster: str, *, now: datetime, key: KeyType = KeyType.RSA_4096) -> Material:
    """Make an intermediate and return all that goes into the cluster's `cacerts`; the root's key does not."""
    made = make_intermediate(root, cluster, now=now, key=key)
    return Material(made.cert, made.key, root.cert, concatenated(made.cert, root.cert))


def make_api_authority(name: str, *, now: datetime, key: KeyType = KeyType.EC_P256) -> KeyPair:
    """Make the authority of one API server."""
    private = _new_key(key)
    subject = _name((NameOID.COMMON_NAME, name))
    builder = _ca(_unsigned(subject, private, now, timedelta(days=API_SERVER_DAYS)), path_length=0)
    return _signed(builder.issuer_name(subject), private, private)


def make_serving(authority: KeyPair, hosts: Sequence[str], *, now: datetime, key: KeyType = KeyType.EC_P256) -> KeyPair:
    """Make what a server shows under these DNS names and IP addresses; the first one is its common name."""
    subject = _name((NameOID.COMMON_NAME, hosts[0]))
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    return _leaf(authority, subject, ExtendedKeyUsageOID.SERVER_AUTH, names, now=now, key=key)


def make_client(
    authority: KeyPair, user: str, groups: Iterable[str] = (), *, now: datetime, key: KeyType = KeyType.EC_P256
) -> KeyPair:
    """Make a client certificate; Kubernetes reads the user from CN and the groups from O."""
    organizations = [(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject = _name(*organizations, (NameOID.COMMON_NAME, user))
    return _leaf(authority, subject, ExtendedKeyUsageOID.CLIENT_AUTH, None, now=now, key=key)


def _leaf(
    authority: KeyPair,
    subject: x509.Name,
    usage: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName | None,
    *,
    now: datetime,
    key: KeyType,
) -> KeyPair:
    issuer, issuer_key = _load(authority)
    private = _new_key(key)
    lifetime = min(timedelta(days=API_SERVER_DAYS), issuer.not_valid_after_utc - now)
    builder = (
        _unsigned(subject, private, now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return _signed(_under(builder, issuer, issuer_key), private, issuer_key)


def _new_key(key: KeyType) -> PrivateKey:
    match key:
        case KeyType.EC_P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyType.EC_P384:
            return ec.generate_private_key(ec.SECP384R1())
        case KeyType.RSA_2048 | KeyType.RSA_3072 | KeyType.RSA_4096:
            return rsa.generate_private_key(public_exponent=65537, key_size=int(key.removeprefix("rsa-")))


def _unsigned(subject: x509.Name, key: PrivateKey, now: datetime, lifetime: timedelta) -> x509.CertificateBuilder:
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _ca(builder: x509.CertificateBuilder, *, path_length: int | None) -> x509.CertificateBuilder:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return builder.add_extension(constraints, critical=True).add_extension(_key_usage(authority=True), critical=True)


def _under(
    builder: x509.CertificateBuilder, issuer: x509.Certificate, issuer_key: PrivateKey
) -> x509.CertificateBuilder:
    try:
        identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    except x509.ExtensionNotFound:  # a root that was brought along need not have one
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return builder.issuer_name(issuer.subject).add_extension(authority, critical=False)


def _signed(builder: x509.CertificateBuilder, key: PrivateKey, issuer_key: PrivateKey) -> KeyPair:
    certificate = builder.sign(issuer_key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM), private)


def _load(pair: KeyPair) -> tuple[x509.Certificate, PrivateKey]:
    key = serialization.load_pem_private_key(pair.key, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(f"an authority signs with RSA or EC, not {type(key).__name__}")
    return x509.load_pem_x509_certificate(pair.cert), key


def _name(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=authority,
        key_encipherment=True,
        key_cert_sign=authority,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
