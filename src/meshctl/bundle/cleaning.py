"""Objects as a bundle may show them: by lists of what is allowed where secrets live, and masked everywhere else.

Nothing of an object passes unseen: a Secret or a ConfigMap is described, not copied; the environment of containers and
annotations show only names that are known to be harmless; every text is searched for credentials.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import yaml

from meshctl import documents
from meshctl.certs.reading import Certificate, UnreadableError, read_certificates
from meshctl.names import CONFIG_MAP, ISTIO_SYSTEM, SECRET
from meshctl.objects import Manifest, dig
from meshctl.render.hiding import HIDDEN, hide_all

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
ANNOTATIONS = re.compile(
    r"(?:[\w.-]+\.)?(?:istio\.io|sailoperator\.io|meshctl\.io|helm\.sh|kubernetes\.io|k8s\.io|metallb\.io"
    r"|metallb\.universe\.tf|prometheus\.io)/[\w./-]+|images\.[\w.]+"
)
"""Annotations whose values are shown; of others only the keys are."""

ENVIRONMENT = re.compile(
    r"(?:ISTIO_META_|PILOT_|ISTIOD?_|CLUSTER_ID$|ENABLE_|INJECTION_|VALIDATION_|REVISION$|POD_|INSTANCE_|SERVICE_ACCOUNT$"
    r"|HOST_IP$|CA_ADDR$|CA_PROVIDER$|TRUST_DOMAIN$|ROOT_CA_DIR$|JWT_POLICY$|XDS_|EXTERNAL_ISTIOD$|LOCAL_CLUSTER_|SHARED_MESH_"
    r"|PLATFORM$|PROXY_CONFIG$|GOMEMLIMIT$|GOMAXPROCS$|SERVICE_VERSION$|WATCH_NAMESPACE$|RELATED_IMAGE|KUBECONFIG$)"
)
"""Environment variables whose values are shown."""

SENSITIVE = re.compile(
    r"(?i)(?:^|[-_.a-z])"
    r"(?:password|passwd|passphrase|pass|pwd|token|secret|(?:api|secret|access|private)[-_]?key|credentials?)$"
)
"""Keys whose values, where they are texts, are hidden whatever they look like."""

CERTIFICATE_KEYS = frozenset({"ca.crt", "tls.crt", "ca-cert.pem", "cert-chain.pem", "root-cert.pem"})
CONFIG_MAPS: Mapping[str, frozenset[str]] = {
    "istio": frozenset({"mesh", "meshNetworks"}),
    "istio-ca-root-cert": frozenset({"root-cert.pem"}),
}
"""ConfigMaps of istio-system, and the keys of each whose values are shown; of others, only that they are there."""


def cleaned(obj: Manifest) -> Manifest:
    """Return an object as it may be shown."""
    kind = obj.get("kind")
    if kind == SECRET.name:
        return described_secret(obj)
    if kind == CONFIG_MAP.name:
        return described_config_map(obj)
    shown: Manifest = _walked(obj)
    return shown


def described_secret(secret: Manifest) -> Manifest:
    """Return name, age, type and keys of a Secret; of certificates also what everybody may see of them."""
    data: Mapping[str, str] = dig(secret, "data") or {}
    keys = {key: certificates(decoded(value)) if key in CERTIFICATE_KEYS else HIDDEN for key, value in data.items()}
    return {**_named(secret), "type": str(secret.get("type") or ""), "keys": keys}


def described_config_map(obj: Manifest) -> Manifest:
    """Return name and keys of a ConfigMap, and the values of the few that are Istio's own configuration."""
    ours = dig(obj, "metadata", "namespace") == ISTIO_SYSTEM
    shown = CONFIG_MAPS.get(str(dig(obj, "metadata", "name")), frozenset()) if ours else frozenset()
    data: Mapping[str, str] = dig(obj, "data") or {}
    return {**_named(obj), "keys": {key: _config(key, text) if key in shown else HIDDEN for key, text in data.items()}}


def _config(key: str, text: str) -> Any:
    if key in CERTIFICATE_KEYS:
        return certificates(text.encode())
    try:
        settings = documents.read(text)
    except yaml.YAMLError:
        settings = None
    shown = _walked(settings)
    # As it was written where nothing is to hide: the layout may be what the bundle is looked at for.
    return hide_all(text if shown == settings else yaml.safe_dump(shown, sort_keys=False))


def certificates(pem: bytes) -> list[dict[str, str]]:
    """Return what everybody may see of certificates; none that cannot be read."""
    try:
        return [_certificate(one) for one in read_certificates(pem)]
    except UnreadableError:
        return []


def _certificate(one: Certificate) -> dict[str, str]:
    pairs = ":".join(one.fingerprint[i : i + 2].upper() for i in range(0, len(one.fingerprint), 2))
    return {"subject": one.subject, "sha256": pairs, "notBefore": f"{one.not_before}", "notAfter": f"{one.not_after}"}


def decoded(value: str) -> bytes:
    """Return what a value of a Secret holds, nothing when it is not base64."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _named(obj: Manifest) -> Manifest:
    metadata: Mapping[str, Any] = obj.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "namespace", "creationTimestamp", "uid") if key in metadata}
    labels = {"labels": _walked(metadata["labels"])} if metadata.get("labels") else {}
    notes = {"annotations": _annotations(metadata["annotations"])} if metadata.get("annotations") else {}
    leaving = {key: metadata[key] for key in ("deletionTimestamp", "finalizers") if key in metadata}
    return {
        "apiVersion": obj.get("apiVersion", ""),
        "kind": obj.get("kind", ""),
        "metadata": {**kept, **labels, **notes, **leaving},
    }


def _walked(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _entry(str(name), inner) for name, inner in value.items() if name != "managedFields"}
    if isinstance(value, list | tuple):
        return [_walked(one, key) for one in value]
    return hide_all(value) if isinstance(value, str) else value


def _entry(key: str, value: Any) -> Any:
    if key == "annotations" and isinstance(value, Mapping):
        return _annotations(value)
    if key == "headers":
        return _headers(value)
    if key in ("args", "command") and isinstance(value, list):
        return _arguments(value)
    if key in ("env", "proxyMetadata"):
        return _environment(value)
    if key == "caBundle":
        return certificates(decoded(str(value))) if value else value
    if isinstance(value, str | bytes) and value and SENSITIVE.search(key):
        return HIDDEN
    return _walked(value, key)


def _annotations(annotations: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: hide_all(str(value)) if ANNOTATIONS.fullmatch(key) else HIDDEN
        for key, value in annotations.items()
        if key != LAST_APPLIED
    }


def _environment(value: Any) -> Any:
    """Return the environment of a container (a list), or of Helm values (a mapping), with the values that are known."""
    if isinstance(value, Mapping):
        return {name: _variable(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [
            {**_walked(one), "value": _variable(str(one.get("name")), one["value"])} if "value" in one else _walked(one)
            for one in value
            if isinstance(one, Mapping)
        ]
    return HIDDEN


def _headers(value: Any) -> Any:
    """Return HTTP headers, in whatever form, without what they are set to or compared with."""
    if isinstance(value, Mapping):
        return {key: inner if key == "name" else _headers(inner) for key, inner in value.items()}
    return [_headers(one) for one in value] if isinstance(value, list) else HIDDEN


def _arguments(words: list[Any]) -> list[Any]:
    """Return a command line without what follows a flag for something secret."""
    before = ["", *words]
    return [HIDDEN if _asks(flag) else _walked(word) for flag, word in zip(before, words, strict=False)]


def _asks(flag: Any) -> bool:
    return isinstance(flag, str) and flag.startswith("-") and SENSITIVE.search(flag.lstrip("-")) is not None


def _variable(name: str, value: Any) -> Any:
    harmless = ENVIRONMENT.match(name) and not SENSITIVE.search(name)
    return _walked(value) if harmless else HIDDEN
