"""Judges what a cluster signs with: would istiod take it, would peers trust it, and for how long.

Pure: the material and the time go in, problems come out. No text ever quotes what a file holds, only names,
fingerprints and dates. The rules are those by which istiod verifies its signing bundle (istio/istio,
security/pkg/pki/util/keycertbundle.go), and what workloads need beyond them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from meshctl.certs.material import ROOT_CERT, ROOT_KEY, CertProblem, Flaw, Layout, Material, Severity
from meshctl.certs.reading import (
    BROKEN_HASHES,
    Certificate,
    UnreadableError,
    fingerprints,
    holds_private_key,
    issued_by,
    read_certificates,
    read_public_key,
    short,
)

EXPIRES_SOON = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class _Bundle:
    """The certificates of one material; a part that cannot be read is empty."""

    ca: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]
    chain: tuple[Certificate, ...]

    def path(self, now: datetime) -> tuple[Certificate, ...]:
        """Return the way from the signing certificate up; its last one is a root unless the chain is broken."""
        here = list(self.ca[:1])
        # a root renewed under the same key may stand beside its expired self: try those valid now first
        candidates = sorted((*self.roots, *self.chain), key=lambda one: not _valid(one, now))
        while here and here[-1] not in self.roots:
            issuers = (one for one in candidates if one not in here and issued_by(here[-1], one))
            if (issuer := next(issuers, None)) is None:
                break
            here.append(issuer)
        return tuple(here)


def check(material: Material, now: datetime) -> list[CertProblem]:
    """Return everything that is wrong with one cluster's material, errors first."""
    bundle = _Bundle(
        *(_readable(pem) for pem in (material.ca_cert, material.root_cert, material.cert_chain)),
    )
    path = bundle.path(now)
    found = [
        *_completeness(material),
        *_readability(material),
        *_key(material, bundle),
        *_chain(material, bundle, path),
        *_flags(material, path),
        *_each(material, bundle, path, now),
    ]
    return sorted(dict.fromkeys(found), key=lambda problem: problem.severity is not Severity.ERROR)


def check_root(cert: bytes, key: bytes, now: datetime) -> list[CertProblem]:
    """Return everything that keeps a root with its key from signing another intermediate."""
    named = Layout(ca_cert=ROOT_CERT, ca_key=ROOT_KEY, root_cert=ROOT_CERT, cert_chain=ROOT_CERT)
    problems = check(Material(cert, key, cert, cert, layout=named), now)
    childless = [
        _error(Flaw.BROKEN_CHAIN, f"{root} allows no authority under it")
        for root in _readable(cert)[:1]
        if root.path_length == 0
    ]
    return [problem for problem in problems if problem.severity is Severity.ERROR] + childless


def root_fingerprints(material: Material) -> frozenset[str]:
    """Return the SHA-256 of each root certificate, in hexadecimal; empty when they cannot be read."""
    return fingerprints(_readable(material.root_cert))


def same_bundle(one: bytes, other: bytes) -> bool:
    """Say whether two PEM bundles hold the same certificates, whatever their order, line ends and remarks."""
    return fingerprints(_readable(one)) == fingerprints(_readable(other)) != frozenset()


def compare_roots(materials: Mapping[str, Material], different: Severity = Severity.ERROR) -> list[CertProblem]:
    """Compare every cluster with the first: the root must be shared, the intermediate should not.

    Clusters whose certificates cannot be read are left out; `check` has more to say about them.
    """
    readable = {name: material for name, material in materials.items() if root_fingerprints(material)}
    if not readable:
        return []
    first, *others = readable
    return [
        problem
        for name in others
        for problem in (
            *_compare_root(first, readable[first], name, readable[name], different),
            *_compare_intermediate(first, readable[first], name, readable[name]),
        )
    ]


def compare_served(stored: Material, served: Mapping[str, bytes]) -> list[CertProblem]:
    """Compare what the primary's `cacerts` holds with what istiod serves, by the place where it was found."""
    wanted = root_fingerprints(stored)
    found = {where: fingerprints(_readable(pem)) for where, pem in served.items()}
    return [
        CertProblem(
            Severity.ERROR,
            Flaw.OTHER_ROOT_SERVED,
            f"{where} holds {_listed(roots)}, the primary's cacerts {_listed(wanted)}: "
            "istiod takes another root only when it starts",
        )
        for where, roots in found.items()
        if roots != wanted
    ]


def _completeness(material: Material) -> Iterator[CertProblem]:
    parts = {**material.public, material.layout.ca_key: material.ca_key}
    missing = [name for name, pem in parts.items() if not pem.strip()]
    if missing:
        yield _error(
            Flaw.INCOMPLETE, f"{', '.join(missing)} missing or empty: istiod does not start with a part of the set"
        )
    if material.generated:
        text = "istiod made this material by itself, so no other cluster shares its root"
        yield CertProblem(Severity.WARNING, Flaw.ROOT_KEY_IN_USE, text)


def _readability(material: Material) -> Iterator[CertProblem]:
    for name, pem in material.public.items():
        if holds_private_key(pem):
            yield _error(Flaw.UNFIT, f"{name} holds a private key, and istiod hands this file out")
        try:
            if pem.strip():
                read_certificates(pem)
        except UnreadableError as error:
            yield _error(Flaw.INCOMPLETE, f"{name} {error}")


def _key(material: Material, bundle: _Bundle) -> Iterator[CertProblem]:
    names = material.layout
    if not material.ca_key.strip():
        return
    try:
        public = read_public_key(material.ca_key)
    except UnreadableError as error:
        yield _error(Flaw.WRONG_KEY, f"{names.ca_key} {error}")
        return
    if bundle.ca and public != bundle.ca[0].public_key:
        yield _error(Flaw.WRONG_KEY, f"{names.ca_key} is not the private key of {names.ca_cert}")


def _chain(material: Material, bundle: _Bundle, path: tuple[Certificate, ...]) -> Iterator[CertProblem]:
    names = material.layout
    if path and bundle.roots and path[-1] not in bundle.roots:
        through = f" (the chain ends at {path[-1]})" if len(path) > 1 else ""
        text = f"{names.ca_cert} does not lead to a certificate in {names.root_cert}{through}"
        yield _error(Flaw.BROKEN_CHAIN, text)
    if bundle.ca and bundle.chain and bundle.chain[0] != bundle.ca[0]:
        text = f"{names.cert_chain} does not begin with the certificate of {names.ca_cert}"
        yield _error(Flaw.BROKEN_CHAIN, text)


def _flags(material: Material, path: tuple[Certificate, ...]) -> Iterator[CertProblem]:
    for below, certificate in enumerate(path):
        if certificate.path_length is not None and certificate.path_length < below:
            yield _error(
                Flaw.BROKEN_CHAIN,
                f"{certificate} allows {certificate.path_length} authorities under it, "
                f"but {below} stand between it and the workloads",
            )
    if len(path) == 1 and path[0].self_signed:
        text = f"{material.layout.ca_cert} is the root itself: its key is better kept off the cluster"
        yield CertProblem(Severity.WARNING, Flaw.ROOT_KEY_IN_USE, text)


def _each(material: Material, bundle: _Bundle, path: tuple[Certificate, ...], now: datetime) -> Iterator[CertProblem]:
    names = material.layout
    whole = bool(path) and path[-1] in bundle.roots
    places = (
        *((names.ca_cert, one) for one in bundle.ca[:1]),
        *((names.root_cert, one) for one in bundle.roots),
        *((names.cert_chain, one) for one in bundle.chain),
    )
    seen = set[str]()
    for name, certificate in places:
        if certificate.fingerprint in seen:
            continue
        seen.add(certificate.fingerprint)
        # what an unbroken path does not pass through harms nobody
        worst = Severity.WARNING if whole and certificate not in path else Severity.ERROR
        own = (*_validity(certificate, now), *_strength(certificate), *_authority(certificate))
        if certificate in bundle.roots and not certificate.self_signed:
            own = (*own, (Severity.ERROR, Flaw.UNFIT, "is not self-signed, so it is no root"))
        for severity, flaw, text in own:
            yield CertProblem(worst if severity is Severity.ERROR else severity, flaw, f"{name}: {certificate} {text}")


def _validity(certificate: Certificate, now: datetime) -> Iterator[tuple[Severity, Flaw, str]]:
    if now < certificate.not_before:
        text = f"is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC; is a clock wrong?"
        yield Severity.ERROR, Flaw.NOT_VALID_NOW, text
    elif now > certificate.not_after:
        yield Severity.ERROR, Flaw.NOT_VALID_NOW, f"expired on {certificate.not_after:%Y-%m-%d}"
    elif (left := certificate.not_after - now) < EXPIRES_SOON:
        yield Severity.WARNING, Flaw.EXPIRES_SOON, f"expires on {certificate.not_after:%Y-%m-%d}, in {left.days} days"


def _strength(certificate: Certificate) -> Iterator[tuple[Severity, Flaw, str]]:
    if not certificate.strong_key:
        text = f"has a key of type {certificate.key_name}; RSA 2048, EC P-256 or more is needed"
        yield Severity.ERROR, Flaw.UNFIT, text
    if certificate.signature_hash in BROKEN_HASHES:
        # nobody verifies what a root says of itself
        severity = Severity.WARNING if certificate.self_signed else Severity.ERROR
        yield severity, Flaw.UNFIT, f"is signed with {certificate.signature_hash.upper()}"


def _authority(certificate: Certificate) -> Iterator[tuple[Severity, Flaw, str]]:
    if not certificate.ca:
        yield Severity.ERROR, Flaw.UNFIT, "is not a certificate authority (basicConstraints)"
    if certificate.key_cert_sign is False:
        yield Severity.ERROR, Flaw.UNFIT, "may not sign certificates (keyUsage)"


def _compare_root(
    first: str, reference: Material, name: str, material: Material, different: Severity
) -> Iterator[CertProblem]:
    wanted, found = root_fingerprints(reference), root_fingerprints(material)
    if not wanted & found:
        text = f"another root than {first}: {_listed(found)}, {first} has {_listed(wanted)}"
        yield CertProblem(different, Flaw.OTHER_ROOT, text, name)
    elif wanted != found:
        text = f"not the same roots as {first}: only one of them has {_listed(wanted ^ found)}"
        yield CertProblem(Severity.WARNING, Flaw.MIXED_ROOTS, text, name)


def _compare_intermediate(first: str, reference: Material, name: str, material: Material) -> Iterator[CertProblem]:
    theirs, ours = _readable(reference.ca_cert)[:1], _readable(material.ca_cert)[:1]
    if ours and ours == theirs:
        text = f"signs with the very certificate of {first}; each cluster should have one of its own"
        yield CertProblem(Severity.WARNING, Flaw.SHARED_SIGNER, text, name)


def _readable(pem: bytes) -> tuple[Certificate, ...]:
    try:
        return read_certificates(pem)
    except UnreadableError:
        return ()


def _valid(certificate: Certificate, now: datetime) -> bool:
    return certificate.not_before <= now <= certificate.not_after


def _listed(roots: frozenset[str]) -> str:
    return " and ".join(short(one) for one in sorted(roots)) or "no readable certificate"


def _error(flaw: Flaw, text: str) -> CertProblem:
    return CertProblem(Severity.ERROR, flaw, text)
