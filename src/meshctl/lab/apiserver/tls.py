"""The TLS side of an API server: its authority, its serving context, and who a client certificate names."""

import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from meshctl.certs.authority import make_api_authority, make_client, make_serving
from meshctl.certs.material import KeyPair
from meshctl.lab.apiserver.hooks import User

_HOSTS = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1", "10.96.0.1")


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate authority of one API server."""

    pair: KeyPair

    @property
    def pem(self) -> str:
        """Its certificate."""
        return self.pair.cert.decode()

    def context(self, hosts: Sequence[str]) -> ssl.SSLContext:
        """Return a server context for these hosts that asks for, but does not demand, client certificates."""
        serving = make_serving(self.pair, (*_HOSTS, *hosts), now=_start())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.pem)
        with tempfile.TemporaryDirectory(prefix="meshctl-lab-") as folder:
            path = Path(folder, "serving.pem")
            path.touch(mode=0o600)
            path.write_bytes(serving.key + serving.cert)
            context.load_cert_chain(path)
        return context

    def client(self, user: str, groups: Sequence[str]) -> tuple[str, str]:
        """Return certificate and key of a client."""
        pair = make_client(self.pair, user, groups, now=_start())
        return pair.cert.decode(), pair.key.decode()


def new_authority(name: str) -> Authority:
    """Make a new authority."""
    return Authority(make_api_authority(name, now=_start()))


def _start() -> datetime:
    """Return a time a minute ago: clocks that differ a little must not matter."""
    return datetime.now(UTC) - timedelta(minutes=1)


def user_of(certificate: Any) -> User | None:
    """Return who a verified peer certificate names (the form of `ssl.SSLSocket.getpeercert`)."""
    pairs = [pair for part in (certificate or {}).get("subject", ()) for pair in part]
    names = [value for key, value in pairs if key == "commonName"]
    groups = [value for key, value in pairs if key == "organizationName"]
    return User(names[0], (*groups, "system:authenticated")) if names else None
