"""The made certificates have the shape that the guide's recipe gives them, and verify."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meshctl.certs import authority
from meshctl.certs.check import check
from meshctl.certs.material import KeyPair, KeyType

from .forge import FAST, NOW, Shape, fast_root, forge


def certificate(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.cert)


def texts(name: x509.Name) -> list[tuple[x509.ObjectIdentifier, str | bytes]]:
    return [(attribute.oid, attribute.value) for attribute in name]


def authority_usage(found: x509.Certificate) -> None:
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value == x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def test_the_root() -> None:
    found = certificate(fast_root())
    assert texts(found.subject) == [(NameOID.ORGANIZATION_NAME, "Istio"), (NameOID.COMMON_NAME, "Root CA")]
    assert found.issuer == found.subject
    assert found.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert found.not_valid_after_utc == NOW + timedelta(days=7300)
    assert isinstance(found.signature_hash_algorithm, hashes.SHA256)
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)
    authority_usage(found)
    assert found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_an_intermediate() -> None:
    root = fast_root()
    above, found = certificate(root), certificate(authority.make_intermediate(root, "east", now=NOW, key=FAST))
    assert texts(found.subject) == [
        (NameOID.ORGANIZATION_NAME, "Istio"),
        (NameOID.COMMON_NAME, "Intermediate CA"),
        (NameOID.LOCALITY_NAME, "east"),
    ]
    found.verify_directly_issued_by(above)
    assert found.not_valid_after_utc == NOW + timedelta(days=3650)
    constraints = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    authority_usage(found)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["istiod.istio-system.svc"]
    identifier = above.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    key_above = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert key_above.key_identifier == identifier


def test_the_default_key_is_rsa_4096() -> None:
    found = certificate(authority.make_root(now=NOW)).public_key()
    assert isinstance(found, rsa.RSAPublicKey)
    assert found.key_size == 4096


@pytest.mark.parametrize("key", [KeyType.RSA_2048, KeyType.EC_P256, KeyType.EC_P384])
def test_every_kind_of_key_gives_sound_material(key: KeyType) -> None:
    root = authority.make_root(now=NOW, key=key)
    assert check(authority.make_material(root, "east", now=NOW, key=key), NOW) == []


def test_every_curve_and_size_is_what_it_says() -> None:
    rsa_key = certificate(authority.make_root(now=NOW, key=KeyType.RSA_3072)).public_key()
    ec_key = certificate(authority.make_root(now=NOW, key=KeyType.EC_P384)).public_key()
    assert isinstance(rsa_key, rsa.RSAPublicKey)
    assert rsa_key.key_size == 3072
    assert isinstance(ec_key, ec.EllipticCurvePublicKey)
    assert ec_key.curve.name == "secp384r1"


def test_an_intermediate_never_outlives_its_root() -> None:
    root = fast_root()
    late = NOW + timedelta(days=7000)
    found = certificate(authority.make_intermediate(root, "east", now=late, key=FAST))
    assert found.not_valid_after_utc == certificate(root).not_valid_after_utc


def test_a_foreign_root_without_key_identifier_can_sign() -> None:
    root = forge(Shape(name="Company Root"))
    assert check(authority.make_material(root, "east", now=NOW, key=FAST), NOW) == []


def test_the_material_does_not_hold_the_roots_key() -> None:
    root = fast_root()
    made = authority.make_material(root, "east", now=NOW, key=FAST)
    assert all(root.key not in part for part in made.parts.values())


def test_a_server_certificate_verifies_for_its_names_and_addresses() -> None:
    ca = authority.make_api_authority("east-ca", now=NOW)
    serving = authority.make_serving(ca, ["kubernetes.default.svc", "127.0.0.1", "::1"], now=NOW)
    verifier = verification.PolicyBuilder().store(verification.Store([certificate(ca)])).time(NOW)
    names: list[x509.DNSName | x509.IPAddress] = [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    for name in [x509.DNSName("kubernetes.default.svc"), *names]:
        assert verifier.build_server_verifier(name).verify(certificate(serving), [])
    with pytest.raises(verification.VerificationError):
        verifier.build_server_verifier(x509.DNSName("elsewhere")).verify(certificate(serving), [])


def test_a_client_certificate_carries_user_and_groups() -> None:
    ca = authority.make_api_authority("east-ca", now=NOW)
    found = certificate(authority.make_client(ca, "admin", ["system:masters", "crew"], now=NOW))
    found.verify_directly_issued_by(certificate(ca))
    assert texts(found.subject) == [
        (NameOID.ORGANIZATION_NAME, "system:masters"),
        (NameOID.ORGANIZATION_NAME, "crew"),
        (NameOID.COMMON_NAME, "admin"),
    ]
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_python_and_openssl_accept_them_for_mutual_tls(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ca = authority.make_api_authority("east-ca", now=now)
    sides = {}
    for name, pair in {
        "server": authority.make_serving(ca, ["api.east"], now=now),
        "client": authority.make_client(ca, "admin", ["system:masters"], now=now),
    }.items():
        (tmp_path / name).write_bytes(pair.cert + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if name == "server" else ssl.PROTOCOL_TLS_CLIENT)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=ca.cert.decode())
        context.load_cert_chain(tmp_path / name)
        context.verify_mode = ssl.CERT_REQUIRED
        sides[name] = context
    assert _handshake(sides["server"], sides["client"], "api.east") == "TLSv1.3"


def test_repr_shows_no_key() -> None:
    root = fast_root()
    made = authority.make_material(root, "east", now=NOW, key=FAST)
    for shown in (repr(root), repr(made)):
        assert "PRIVATE" not in shown


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """Shake hands in memory and return the protocol that was agreed on."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    done = [False, False]
    for _ in range(10):
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done[number] = True
            except ssl.SSLWantReadError:
                continue
        if all(done):
            break
    return ends[0].version() if all(done) else None
