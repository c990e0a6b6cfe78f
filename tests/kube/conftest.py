import base64
import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from meshctl.certs.authority import make_api_authority, make_client, make_serving
from meshctl.certs.material import KeyPair
from meshctl.cluster import Client, Request
from meshctl.kube import connect

from .server import Server, serve

TOKEN = "a-token-that-nobody-may-see"


@dataclass(frozen=True, slots=True)
class Authority:
    pair: KeyPair
    serving: Path
    client: KeyPair

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.serving)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    now = datetime.now(UTC)
    pair = make_api_authority("api", now=now)
    serving = make_serving(pair, ["127.0.0.1", "api.test"], now=now)
    file = tmp_path_factory.mktemp("tls") / "serving.pem"
    file.write_bytes(serving.cert + serving.key)
    return Authority(pair, file, make_client(pair, "me", now=now))


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with serve(authority.context()) as server:
        yield server


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def kubeconfig(file: Path, url: str, authority: Authority, user: dict[str, Any], **cluster: Any) -> Path:
    entry = {"server": url, "certificate-authority-data": encoded(authority.pair.cert), **cluster}
    config = {
        "clusters": [{"name": "c", "cluster": entry}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "west", "context": {"cluster": "c", "user": "u"}}],
    }
    file.write_text(json.dumps(config))
    return file


Dial = Callable[..., Client]


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def dial(authority: Authority, tmp_path: Path, requests: list[Request]) -> Iterator[Dial]:
    """Return a client of a server, closed at the end."""
    with ExitStack() as stack:

        def dialled(url: str, user: dict[str, Any] | None = None, **cluster: Any) -> Client:
            config = kubeconfig(tmp_path / "config", url, authority, user or {"token": TOKEN}, **cluster)
            client = connect("west", str(config), cluster="cluster2", observe=requests.append)
            stack.callback(client.close)
            return client

        yield dialled


@pytest.fixture
def client(server: Server, dial: Dial) -> Client:
    return dial(server.url)
