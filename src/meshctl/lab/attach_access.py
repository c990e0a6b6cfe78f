"""The way into real clusters: servers and credentials of a kubeconfig, as HTTP sessions and TLS contexts."""

import asyncio
import base64
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakSet

import yaml
from aiohttp import AddrInfoType, ClientSession, ClientTimeout, TCPConnector

from meshctl.errors import MeshctlError
from meshctl.lab.remote_api import LONGEST_LINE

FAREWELL_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Access:
    """One context: where its API server is, whom to trust, and who one is."""

    server: str
    authority: str
    token: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    key: bytes = field(default=b"", repr=False)


def read_access(kubeconfig: Path, context: str) -> Access:
    """Read one context of a kubeconfig whose credentials are embedded."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8")) or {}
    chosen = _entry(config, "contexts", context, "context")
    cluster = _entry(config, "clusters", chosen.get("cluster"), "cluster")
    user = _entry(config, "users", chosen.get("user"), "user")
    return Access(
        str(cluster["server"]),
        _decoded(cluster, "certificate-authority-data").decode(),
        str(user.get("token") or ""),
        _decoded(user, "client-certificate-data"),
        _decoded(user, "client-key-data"),
    )


def _entry(config: Mapping[str, Any], section: str, name: object, body: str) -> Mapping[str, Any]:
    for entry in config.get(section) or ():
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry.get(body) or {}
            return found
    raise MeshctlError(f"the kubeconfig has no {name!r} among its {section}")


def _decoded(entry: Mapping[str, Any], key: str) -> bytes:
    return base64.b64decode(str(entry.get(key) or ""))


@asynccontextmanager
async def open_session(access: Access) -> AsyncIterator[ClientSession]:
    """Open a session that trusts the API server's authority and shows the user's credentials."""
    trust = ssl.create_default_context(cadata=access.authority)
    if access.certificate:
        load_identity(trust, access.certificate, access.key)
    headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
    sockets: WeakSet[socket.socket] = WeakSet()

    def open_socket(address: AddrInfoType) -> socket.socket:
        opened = socket.socket(*address[:3])
        sockets.add(opened)
        return opened

    # Every watch holds a connection, and there are many.
    connector = TCPConnector(ssl=trust, limit=0, socket_factory=open_socket)
    async with ClientSession(
        connector=connector, headers=headers, timeout=ClientTimeout(total=None), read_bufsize=LONGEST_LINE
    ) as session:
        yield session
    await _hung_up(sockets)


async def _hung_up(sockets: WeakSet[socket.socket]) -> None:
    """End what is left of connections: a watch that was cancelled goes on with the farewells of TLS."""
    for each in sockets:
        with suppress(OSError):  # it is closed
            each.shutdown(socket.SHUT_RDWR)
    async with asyncio.timeout(FAREWELL_SECONDS):
        while any(each.fileno() != -1 for each in sockets):
            await asyncio.sleep(0)


def server_context(certificates: bytes, key: bytes) -> ssl.SSLContext:
    """Return the TLS context of a server that shows these certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_identity(context, certificates, key)
    return context


def load_identity(context: ssl.SSLContext, certificates: bytes, key: bytes) -> None:
    """Give a context its certificate chain and key, which Python only takes from a file."""
    with tempfile.TemporaryDirectory(prefix="meshctl-lab-") as folder:
        path = Path(folder, "identity.pem")
        path.touch(mode=0o600)
        path.write_bytes(key + b"\n" + certificates)
        context.load_cert_chain(path)
