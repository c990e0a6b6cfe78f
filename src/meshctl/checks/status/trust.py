"""Which roots a cluster holds, and where: what istiod signs under, what it serves, what webhooks trust."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from meshctl.certs.classify import classify
from meshctl.certs.material import Severity
from meshctl.certs.reading import Certificate, UnreadableError, read_certificates, short
from meshctl.certs.secrets import material_of
from meshctl.checks import evidence as seen
from meshctl.checks.catalog.check import Check
from meshctl.checks.catalog.links_control_plane import BUNDLE_WRONG, ROOT_UNUSED
from meshctl.checks.catalog.links_remote import ROOT_MISSING
from meshctl.checks.catalog.status import ROOT_OF_ITS_OWN
from meshctl.checks.evidence import Sight
from meshctl.checks.finding import Finding, found
from meshctl.checks.preflight.trust import check_of
from meshctl.checks.status.model import CertificateSeen, ClusterStatus, Role, Trusted
from meshctl.names import CACERTS, INJECTOR, ROOT_CERT
from meshctl.objects import Manifest, dig

STORED, SERVED, INJECTION = CACERTS.name, ROOT_CERT.name, INJECTOR.name
BETWEEN: Mapping[str, Check] = MappingProxyType({STORED: ROOT_UNUSED, SERVED: ROOT_MISSING})
"""What it means when a place holds another root than istiod serves; every other place is a webhook."""


def trusted(sight: Sight) -> Iterator[Trusted]:
    """Yield every place of a cluster that holds roots. Places that are not there are left out."""
    cacerts, served, injector = (sight.get(ref) for ref in (CACERTS, ROOT_CERT, INJECTOR))
    if cacerts is not None:
        yield Trusted(STORED, _read(material_of(cacerts).root_cert))
    if served is not None:
        yield Trusted(SERVED, _read(str(dig(served, "data", "root-cert.pem") or "").encode()))
    if injector is not None:
        yield Trusted(INJECTION, _bundle(injector))
    for validator in sight.all(seen.VALIDATORS):
        if roots := _bundle(validator):  # on a remote the operator leaves it empty, and nothing needs it
            yield Trusted(str(dig(validator, "metadata", "name")), roots)


def signing_certificate(sight: Sight) -> CertificateSeen | None:
    """Return the certificate that istiod signs with, None when there is none to be read."""
    return next(iter(_read(material_of(sight.get(CACERTS)).ca_cert)), None)


def trust_problems(
    clusters: Iterable[ClusterStatus], secrets: Mapping[str, Manifest | None], now: datetime
) -> Iterator[Finding]:
    """Yield what is wrong with certificates: `secrets` are the `cacerts` that may be seen, by cluster."""
    everyone = list(clusters)
    primary = everyone[0]
    there = {name: secret for name, secret in secrets.items() if secret is not None}
    if primary.name in there:
        for problem in classify(there, primary.name, now, different_roots=Severity.WARNING):
            named = found(check_of(problem, primary.name), problem.cluster, f"cacerts: {problem.text}")
            yield replace(named, severity=problem.severity)
    elif primary.name in secrets:
        text = "no cacerts: istiod signs with a root that it made by itself"
        yield found(ROOT_OF_ITS_OWN, primary.name, text, "give it certificates of your own before it matters")
    yield from _differences(everyone)


def _differences(clusters: list[ClusterStatus]) -> Iterator[Finding]:
    """Compare every place with what the primary's istiod serves."""
    served = next((one for one in clusters[0].trust if one.place == SERVED), None)
    wanted = _prints(served) if served else frozenset()
    if not wanted:
        return
    for cluster in clusters:
        for one in cluster.trust:
            if one.place == STORED and cluster.role is Role.REMOTE:
                continue  # nothing reads it, and how it compares is told among the certificates
            if one.roots and _prints(one) != wanted:
                text = f"{one.place} holds {_listed(one)}, but istiod serves {_listed(served)}"
                yield found(BETWEEN.get(one.place, BUNDLE_WRONG), cluster.name, text, _hint(one.place))


def _hint(place: str) -> str:
    if place == STORED:
        return "istiod takes another root only when it starts: restart it, then all workloads"
    return "istiod writes it when it takes up the cluster: see whether it is synced and may lead there"


def _bundle(webhook: Manifest) -> tuple[CertificateSeen, ...]:
    bundles = [dig(hook, "clientConfig", "caBundle") for hook in webhook.get("webhooks") or []]
    found = {one.fingerprint: one for bundle in bundles if bundle for one in _read(_decoded(str(bundle)))}
    return tuple(found.values())


def _read(pem: bytes) -> tuple[CertificateSeen, ...]:
    try:
        return tuple(_seen(one) for one in read_certificates(pem)) if pem.strip() else ()
    except UnreadableError:
        return ()


def _seen(certificate: Certificate) -> CertificateSeen:
    return CertificateSeen(certificate.subject, certificate.fingerprint, certificate.not_after)


def _decoded(value: str) -> bytes:
    try:
        return b64decode(value, validate=True)
    except NotBase64:
        return b""


def _prints(trust: Trusted | None) -> frozenset[str]:
    return frozenset(one.fingerprint for one in trust.roots) if trust else frozenset()


def _listed(trust: Trusted | None) -> str:
    return " and ".join(short(one) for one in sorted(_prints(trust))) or "none"
