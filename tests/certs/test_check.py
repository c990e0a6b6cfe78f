"""Every rule by which a cluster's material is judged, one mistake at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from meshctl.certs.check import (
    check,
    check_root,
    compare_roots,
    compare_served,
    root_fingerprints,
    same_bundle,
)
from meshctl.certs.material import (
    ISTIO_GENERATED,
    TLS_CERT,
    TLS_KEY,
    TLS_ROOT,
    KeyPair,
    Material,
    Severity,
    concatenated,
    from_parts,
)

from .forge import (
    NOW,
    OLD_INTERMEDIATE,
    OLD_ROOT,
    Shape,
    fast_root,
    forge,
    key_pem,
    load_key,
    sound,
    under,
)

ERROR, WARNING = Severity.ERROR, Severity.WARNING


def found(material: Material, now: datetime = NOW) -> list[tuple[Severity, str]]:
    return [(problem.severity, problem.text) for problem in check(material, now)]


def with_roots(material: Material, *roots: bytes) -> Material:
    bundle = concatenated(*roots)
    return replace(material, root_cert=bundle, cert_chain=concatenated(material.ca_cert, bundle))


def test_sound_material_has_no_problem() -> None:
    assert found(sound()) == []


def test_line_ends_and_remarks_do_not_matter() -> None:
    material = sound()
    windows = replace(
        material,
        ca_cert=b"Certificate:\r\n    Data:\r\n" + material.ca_cert.replace(b"\n", b"\r\n"),
        root_cert=material.root_cert.rstrip(),
    )
    assert found(windows) == []


INCOMPLETE: dict[str, tuple[Callable[[Material], Material], str]] = {
    "certificate": (lambda good: replace(good, ca_cert=b""), "ca-cert.pem"),
    "key": (lambda good: replace(good, ca_key=b" \n"), "ca-key.pem"),
    "root": (lambda good: replace(good, root_cert=b""), "root-cert.pem"),
    "chain": (lambda good: replace(good, cert_chain=b""), "cert-chain.pem"),
    "two": (lambda good: replace(good, ca_key=b"", root_cert=b""), "root-cert.pem, ca-key.pem"),
    "all": (lambda _: Material(), "ca-cert.pem, root-cert.pem, cert-chain.pem, ca-key.pem"),
}


@pytest.mark.parametrize(("spoil", "names"), INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_missing_part_is_named(spoil: Callable[[Material], Material], names: str) -> None:
    text = f"{names} missing or empty: istiod does not start with a part of the set"
    assert found(spoil(sound())) == [(ERROR, text)]


UNREADABLE: dict[str, tuple[Callable[[Material], Material], str]] = {
    "certificate": (lambda good: replace(good, ca_cert=b"junk"), "ca-cert.pem is not a readable PEM certificate"),
    "root": (lambda good: replace(good, root_cert=b"junk"), "root-cert.pem is not a readable PEM certificate"),
    "chain": (lambda good: replace(good, cert_chain=b"junk"), "cert-chain.pem is not a readable PEM certificate"),
    "truncated": (
        lambda good: replace(good, root_cert=good.root_cert[:200]),
        "root-cert.pem is not a readable PEM certificate",
    ),
    "key": (lambda good: replace(good, ca_key=b"junk"), "ca-key.pem is not a readable PEM private key"),
    "certificate for key": (
        lambda good: replace(good, ca_key=good.ca_cert),
        "ca-key.pem is not a readable PEM private key",
    ),
    "encrypted key": (
        lambda good: replace(good, ca_key=key_pem(load_key(good.ca_key), b"password")),
        "ca-key.pem is encrypted; istiod needs the key without a password",
    ),
}


@pytest.mark.parametrize(("spoil", "text"), UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_part_is_named(spoil: Callable[[Material], Material], text: str) -> None:
    assert (ERROR, text) in found(spoil(sound()))


MISMATCHED: dict[str, tuple[Callable[[Material], Material], str]] = {
    "key of another": (
        lambda good: replace(good, ca_key=sound().ca_key),
        "ca-key.pem is not the private key of ca-cert.pem",
    ),
    "root of another": (
        lambda good: with_roots(good, sound().root_cert),
        "ca-cert.pem does not lead to a certificate in root-cert.pem",
    ),
    "chain upside down": (
        lambda good: replace(good, cert_chain=concatenated(good.root_cert, good.ca_cert)),
        "cert-chain.pem does not begin with the certificate of ca-cert.pem",
    ),
    "key in the root file": (
        lambda good: replace(good, root_cert=good.root_cert + good.ca_key),
        "root-cert.pem holds a private key, and istiod hands this file out",
    ),
    "key in the chain file": (
        lambda good: replace(good, cert_chain=good.cert_chain + good.ca_key),
        "cert-chain.pem holds a private key, and istiod hands this file out",
    ),
}


@pytest.mark.parametrize(("spoil", "text"), MISMATCHED.values(), ids=MISMATCHED)
def test_parts_that_do_not_belong_together(spoil: Callable[[Material], Material], text: str) -> None:
    assert found(spoil(sound())) == [(ERROR, text)]


def test_several_mistakes_are_reported_at_once() -> None:
    spoiled = replace(sound(), ca_key=b"junk", root_cert=b"", cert_chain=sound().cert_chain)
    assert [severity for severity, _ in found(spoiled)] == [ERROR] * 3


SHAPES: dict[str, tuple[Shape, Severity, str]] = {
    "no CA": (Shape(ca=False), ERROR, "is not a certificate authority (basicConstraints)"),
    "no constraints": (Shape(ca=None), ERROR, "is not a certificate authority (basicConstraints)"),
    "usage": (Shape(key_cert_sign=False), ERROR, "may not sign certificates (keyUsage)"),
    "expired": (Shape(ends=timedelta(minutes=-1)), ERROR, "expired on 2026-01-01"),
    "future": (
        Shape(starts=timedelta(minutes=9)),
        ERROR,
        "is not valid before 2026-01-01 12:09 UTC; is a clock wrong?",
    ),
    "soon": (Shape(ends=timedelta(days=59, hours=5)), WARNING, "expires on 2026-03-01, in 59 days"),
    "last day": (Shape(ends=timedelta(hours=5)), WARNING, "expires on 2026-01-01, in 0 days"),
    "small RSA": (
        Shape(key=rsa.generate_private_key(65537, 1024)),
        ERROR,
        "has a key of type RSA 1024; RSA 2048, EC P-256 or more is needed",
    ),
    "small curve": (
        Shape(key=ec.generate_private_key(ec.SECP224R1())),
        ERROR,
        "has a key of type EC secp224r1; RSA 2048, EC P-256 or more is needed",
    ),
    "other algorithm": (
        Shape(key=ed25519.Ed25519PrivateKey.generate()),
        ERROR,
        "has a key of type Ed25519; RSA 2048, EC P-256 or more is needed",
    ),
}


@pytest.mark.parametrize(("shape", "severity", "text"), SHAPES.values(), ids=SHAPES)
def test_a_signing_certificate_with_one_fault(shape: Shape, severity: Severity, text: str) -> None:
    [(how_bad, words)] = found(under(fast_root(), shape))
    assert how_bad is severity
    assert words.startswith("ca-cert.pem: CN=Forged CA (SHA-256 ")
    assert words.endswith(text)


@pytest.mark.parametrize(
    "shape",
    [
        Shape(key_cert_sign=None),
        Shape(ends=timedelta(days=60)),
        Shape(starts=timedelta(0)),
        Shape(ends=timedelta(days=100), path_length=0),
    ],
)
def test_shapes_that_are_sound_too(shape: Shape) -> None:
    assert found(under(fast_root(), shape)) == []


def three_levels(path_length: int | None = None) -> Material:
    root = forge(Shape(name="Root"))
    between = forge(Shape(name="Middle", path_length=path_length), root)
    last = forge(Shape(name="Last"), between)
    return Material(last.cert, last.key, root.cert, concatenated(last.cert, between.cert, root.cert))


def test_an_authority_in_between_stands_in_the_chain_file() -> None:
    material = three_levels()
    assert found(material) == []
    assert found(replace(material, cert_chain=material.ca_cert)) == [
        (ERROR, "ca-cert.pem does not lead to a certificate in root-cert.pem")
    ]


def test_a_chain_that_stops_half_way_says_where() -> None:
    [(severity, text)] = found(replace(three_levels(), root_cert=sound().root_cert))
    assert severity is ERROR
    assert "does not lead to a certificate in root-cert.pem (the chain ends at CN=Root (SHA-256 " in text


def test_a_path_length_that_is_too_short() -> None:
    [(severity, text)] = found(three_levels(path_length=0))
    assert severity is ERROR
    assert text.startswith("CN=Middle ")
    assert text.endswith("allows 0 authorities under it, but 1 stand between it and the workloads")


def test_an_expired_root_is_an_error_and_a_spare_one_is_not() -> None:
    old = forge(Shape(name="Old Root", ends=timedelta(days=-1)))
    [(severity, text)] = found(under(old, Shape()))
    assert severity is ERROR
    assert "CN=Old Root" in text
    good = sound()
    [(severity, text)] = found(with_roots(good, good.root_cert, old.cert))
    assert severity is WARNING
    assert "CN=Old Root" in text


def test_a_root_renewed_under_its_key_stands_beside_its_expired_self() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    old = forge(Shape(name="Root", ends=timedelta(days=-1), key=key))
    renewed = forge(Shape(name="Root", key=key))
    both = with_roots(under(old, Shape()), old.cert, renewed.cert)
    [(severity, text)] = found(both)
    assert severity is WARNING
    assert "expired" in text


def test_a_root_that_is_none() -> None:
    middle = forge(Shape(name="Middle"), fast_root())
    [(severity, text)] = found(under(middle, Shape()))
    assert severity is ERROR
    assert text.endswith("is not self-signed, so it is no root")


def test_a_root_as_signing_certificate_is_only_unwise() -> None:
    root = fast_root()
    assert found(Material(root.cert, root.key, root.cert, root.cert)) == [
        (WARNING, "ca-cert.pem is the root itself: its key is better kept off the cluster")
    ]


LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_sha1_is_refused_where_a_signature_is_verified() -> None:
    old = Material(OLD_INTERMEDIATE, sound().ca_key, OLD_ROOT, OLD_INTERMEDIATE)
    texts = [(problem.severity, problem.text) for problem in check(old, LATER) if problem.text.endswith("SHA1")]
    assert [severity for severity, _ in texts] == [ERROR, WARNING]
    assert "Intermediate CA" in texts[0][1]
    assert "Root CA" in texts[1][1]


def test_the_sha1_of_a_root_says_nothing_about_it_being_a_root() -> None:
    texts = [problem.text for problem in check(with_roots(sound(), OLD_ROOT), LATER)]
    assert not [text for text in texts if "self-signed" in text]


def tls(material: Material) -> dict[str, bytes]:
    return {TLS_CERT: material.ca_cert, TLS_KEY: material.ca_key, TLS_ROOT: material.root_cert}


def test_the_tls_layout_is_the_same_material() -> None:
    material = sound()
    read = from_parts(tls(material))
    assert found(read) == []
    assert read.parts == material.parts


def test_the_tls_layout_wins_and_problems_use_its_names() -> None:
    material = sound()
    both = material.parts | {TLS_CERT: material.ca_cert}
    assert found(from_parts(both)) == [
        (ERROR, "ca.crt, tls.key missing or empty: istiod does not start with a part of the set")
    ]


def test_material_made_by_istiod_is_pointed_out() -> None:
    read = from_parts(sound().parts | {ISTIO_GENERATED: b""})
    assert found(read) == [(WARNING, "istiod made this material by itself, so no other cluster shares its root")]


# --- between clusters ----------------------------------------------------------------------------------------------
def test_one_root_and_an_intermediate_each_is_as_it_should_be() -> None:
    root = fast_root()
    materials = {name: sound(name, root) for name in ("east", "west", "west2")}
    assert compare_roots(materials) == []
    assert len({root_fingerprints(one) for one in materials.values()}) == 1


def test_another_root_is_told_with_both_fingerprints() -> None:
    east, west = sound("east"), sound("west")
    [problem] = compare_roots({"east": east, "west": west})
    assert (problem.severity, problem.cluster) == (ERROR, "west")
    for material in (east, west):
        [fingerprint] = root_fingerprints(material)
        assert f"SHA-256 {fingerprint[:2].upper()}:" in problem.text


def test_another_root_may_be_taken_less_seriously() -> None:
    problems = compare_roots({"east": sound(), "west": sound()}, WARNING)
    assert [problem.severity for problem in problems] == [WARNING]


def test_bundles_that_overlap_are_a_rotation_under_way() -> None:
    root, new = fast_root(), fast_root()
    west = with_roots(sound("west", root), root.cert, new.cert)
    [problem] = compare_roots({"east": sound("east", root), "west": west})
    assert problem.severity is WARNING
    [fingerprint] = root_fingerprints(sound("x", new))
    assert fingerprint[:2].upper() in problem.text


def test_one_intermediate_for_two_clusters() -> None:
    shared = sound()
    [problem] = compare_roots({"east": shared, "west": shared})
    assert problem.severity is WARNING
    assert str(problem).startswith("west: signs with the very certificate of east")


def test_what_cannot_be_read_is_not_compared() -> None:
    assert compare_roots({"east": Material(), "west": sound()}) == []
    assert compare_roots({"east": Material()}) == []


def test_served_roots_are_compared_whatever_their_form() -> None:
    root, other = fast_root(), fast_root()
    stored = with_roots(sound("east", root), root.cert, other.cert)
    served = {
        "the ConfigMap": concatenated(other.cert, root.cert).replace(b"\n", b"\r\n"),
        "the webhook": sound().root_cert,
        "the new namespace": b"",
    }
    problems = [problem.text for problem in compare_served(stored, served)]
    assert [text.split(" holds ")[0] for text in problems] == ["the webhook", "the new namespace"]
    assert "no readable certificate" in problems[1]


def test_bundles_are_the_same_only_if_they_hold_something() -> None:
    root = fast_root()
    assert same_bundle(root.cert, b"\n\n" + root.cert)
    assert not same_bundle(root.cert, fast_root().cert)
    assert not same_bundle(b"", b"")


# --- a root brought along ------------------------------------------------------------------------------------------
def test_a_root_that_can_sign_another_intermediate() -> None:
    root = fast_root()
    assert check_root(root.cert, root.key, NOW) == []


ROOTS: dict[str, tuple[Callable[[KeyPair], KeyPair], str]] = {
    "key": (lambda root: KeyPair(root.cert, sound().ca_key), "root-key.pem is not the private key of root-cert.pem"),
    "junk": (lambda root: KeyPair(b"junk", root.key), "root-cert.pem is not a readable PEM certificate"),
    "expired": (lambda _: forge(Shape(ends=timedelta(days=-9))), "expired on 2025-12-23"),
    "last": (lambda _: forge(Shape(path_length=0)), "allows no authority under it"),
    "no root": (lambda root: forge(Shape(), root), "is not self-signed, so it is no root"),
}


@pytest.mark.parametrize(("spoil", "text"), ROOTS.values(), ids=ROOTS)
def test_a_root_that_cannot(spoil: Callable[[KeyPair], KeyPair], text: str) -> None:
    spoiled = spoil(fast_root())
    [problem] = check_root(spoiled.cert, spoiled.key, NOW)
    assert problem.text.endswith(text)


# --- no secrets in texts -------------------------------------------------------------------------------------------
def test_no_text_ever_holds_a_piece_of_a_key() -> None:
    spoils = [spoil for table in (INCOMPLETE, UNREADABLE, MISMATCHED) for spoil, _ in table.values()]
    for spoil in spoils:
        good = sound()
        spoiled = spoil(good)
        keys = [line for pem in (good.ca_key, spoiled.ca_key) for line in pem.decode().split() if len(line) >= 16]
        shown = repr(check(spoiled, NOW))
        assert [line for line in keys if line in shown] == []
