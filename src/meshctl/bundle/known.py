"""The secrets that were seen while collecting: the last look at every text searches for their very values.

Whatever the patterns of `render.hiding` do not know, a token of no known form in a log for instance, is found this way.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from meshctl import documents
from meshctl.bundle.cleaning import CERTIFICATE_KEYS, decoded
from meshctl.objects import Manifest, dig
from meshctl.render.hiding import HIDDEN

PUBLIC = CERTIFICATE_KEYS | {"namespace"}
HELM_RELEASE = "helm.sh/release.v1"
SHORTEST = 8
LINE = 16
PIECE = 20
RUN = re.compile(rf"[\w+/=.~-]{{{PIECE},}}")
"""What tokens and keys are made of."""

CREDENTIALS = frozenset({"token", "password", "client-key-data", "auth", "identitytoken", "secret", "client-secret"})
MARKERS = "-----"


def values_of(secrets: Iterable[Manifest]) -> frozenset[str]:
    """Return the values of Secrets in every form they may slip out: as they are, line by line, and as base64."""
    return frozenset(value for secret in secrets for value in _values(secret))


def _values(secret: Manifest) -> Iterator[str]:
    if secret.get("type") == HELM_RELEASE:
        return  # it says what the operator has installed, and is as long as that
    for key, encoded in (dig(secret, "data") or {}).items():
        raw = decoded(str(encoded))
        if key in PUBLIC or len(raw) < SHORTEST:
            continue
        yield str(encoded)
        yield base64.b64encode(str(encoded).encode()).decode()
        yield from _texts(raw.decode("latin-1"))


def _texts(text: str) -> Iterator[str]:
    """Yield what of a value is secret by itself: of a kubeconfig or a login, its credentials only."""
    settings = _settings(text) if text.lstrip().startswith(("apiVersion", "{")) else None
    if settings is not None:
        yield from _credentials(settings)
        return
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) == 1:
        yield lines[0]
    # Lines with blanks are prose or settings: whoever hides those hides half of every text.
    yield from (one for one in lines if len(one) >= LINE and " " not in one and not one.startswith(MARKERS))


def _settings(text: str) -> object:
    try:
        return documents.read(text)
    except yaml.YAMLError:
        return None


def _credentials(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _credentials(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _credentials(inner, key)
    elif isinstance(value, str) and key.lower() in CREDENTIALS:
        yield value
        yield from _texts(decoded(value).decode("latin-1")) if key == "client-key-data" else ()


@dataclass(frozen=True, slots=True)
class Known:
    """Secret values, ready to be searched for: the short ones whole, of long ones every piece of `PIECE` characters."""

    short: tuple[str, ...]
    pieces: frozenset[str] = field(repr=False)

    def without(self, text: str) -> str:
        """Return a text without these values, also where only a part of one is left of it."""
        for value in self.short:
            text = text.replace(value, HIDDEN)
        return RUN.sub(self._shown, text) if self.pieces else text

    def _shown(self, found: re.Match[str]) -> str:
        run = found[0]
        starts = range(len(run) - PIECE + 1)
        return HIDDEN if any(run[start : start + PIECE] in self.pieces for start in starts) else run


def known(values: Iterable[str]) -> Known:
    """Return what to search for; values that are too short may be anything."""
    wanted = sorted((one for one in values if len(one) >= SHORTEST), key=len, reverse=True)
    runs = [run for value in wanted for run in RUN.findall(value)]
    pieces = frozenset(run[start : start + PIECE] for run in runs for start in range(len(run) - PIECE + 1))
    return Known(tuple(one for one in wanted if not RUN.fullmatch(one)), pieces)
