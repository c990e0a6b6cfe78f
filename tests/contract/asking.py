"""A plain HTTPS client: it shows status, headers and body as they came, which client libraries hide."""

import http.client
import json
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from meshctl.objects import Manifest, dig
from tests.real.kubeconfig import Context

SECONDS = 20.0
JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
Query = str | int | bool | list[str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API server said."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def message(self) -> str:
        """The sentence of a Status."""
        return str(dig(self.body, "message"))

    @property
    def reason(self) -> str:
        """The reason of a Status."""
        return str(dig(self.body, "reason"))

    @property
    def refused(self) -> tuple[int, str, str]:
        """Code, reason and sentence of a Status."""
        return self.status, self.reason, self.message

    @property
    def causes(self) -> list[tuple[str, str, str]]:
        """Reason, message and field of every cause of a Status."""
        found = dig(self.body, "details", "causes") or ()
        return [tuple(cause.get(key, "") for key in ("reason", "message", "field")) for cause in found]

    @property
    def names(self) -> list[str]:
        """The names in a list."""
        return [item["metadata"]["name"] for item in self.body["items"]]

    @property
    def version(self) -> str:
        """The resourceVersion of an object or a list."""
        return str(self.body["metadata"]["resourceVersion"])

    def at(self, *path: str | int) -> Any:
        """Return a value of the body."""
        return dig(self.body, *path)

    def obj(self) -> Manifest:
        """Return the body of a success."""
        assert self.status in (200, 201), self.body
        assert isinstance(self.body, dict)
        return self.body


@dataclass(slots=True)
class Stream:
    """A watch."""

    response: http.client.HTTPResponse

    def next(self) -> tuple[str, Manifest]:
        """Return type and object of the next event."""
        line = self.response.readline()
        assert line, "the watch ended"
        event = json.loads(line)
        return event["type"], event["object"]

    def names(self, number: int) -> list[tuple[str, str]]:
        """Return type and name of the next events."""
        return [(kind, obj["metadata"]["name"]) for kind, obj in (self.next() for _ in range(number))]

    def rest(self) -> list[tuple[str, Manifest]]:
        """Return what comes until the server ends the watch."""
        events = [json.loads(line) for line in self.response]
        return [(event["type"], event["object"]) for event in events]


@dataclass(slots=True)
class Asker:
    """One user at one API server. `token` stands in for the certificate of the context."""

    context: Context
    token: str = ""
    anonymous: bool = False
    _tls: ssl.SSLContext = field(init=False, repr=False)
    _connection: http.client.HTTPSConnection | None = field(default=None, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._tls = ssl.create_default_context(cadata=self.context.certificate_authority.decode())
        if self.token or self.anonymous:
            return
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pair")
            file.touch(mode=0o600)
            file.write_bytes(self.context.client.certificate + b"\n" + self.context.client.key)
            self._tls.load_cert_chain(file)

    # --- verbs --------------------------------------------------------------------------------------------------------
    def get(self, path: str, **query: Query) -> Answer:
        """GET."""
        return self.ask("GET", path, query)

    def post(self, path: str, body: Any, **query: Query) -> Answer:
        """POST JSON."""
        return self.ask("POST", path, query, body)

    def put(self, path: str, body: Any, **query: Query) -> Answer:
        """PUT JSON."""
        return self.ask("PUT", path, query, body)

    def patch(self, path: str, body: Any, content: str = MERGE, **query: Query) -> Answer:
        """PATCH."""
        return self.ask("PATCH", path, query, body, content)

    def apply(self, path: str, body: Any, manager: str = "test", **query: Query) -> Answer:
        """Server-side apply."""
        return self.ask("PATCH", path, {"fieldManager": manager, **query}, body, APPLY)

    def delete(self, path: str, body: Any = None, **query: Query) -> Answer:
        """DELETE."""
        return self.ask("DELETE", path, query, body)

    def ask(
        self,
        method: str,
        path: str,
        query: dict[str, Query] | None = None,
        body: Any = None,
        content: str = JSON,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send one request and read the whole answer."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            try:
                response = self._send(self._connection, method, path, query, body, content, headers)
                data = response.read()
            except (OSError, http.client.HTTPException):
                self._connection.close()
                self._connection = None
                raise
        return Answer(response.status, _decoded(data), _headers(response))

    @contextmanager
    def watch(self, path: str, headers: dict[str, str] | None = None, **query: Query) -> Iterator[Stream]:
        """Open a watch; its first line may take until something happens."""
        connection = self._connect()
        try:
            asked: dict[str, Query] = {"watch": True, "timeoutSeconds": 30, **query}
            response = self._send(connection, "GET", path, asked, None, JSON, headers)
            assert response.status == 200, response.read()
            yield Stream(response)
        finally:
            connection.close()

    # --- underneath ---------------------------------------------------------------------------------------------------
    def _connect(self) -> http.client.HTTPSConnection:
        host = urlsplit(self.context.server).netloc
        return http.client.HTTPSConnection(host, timeout=SECONDS, context=self._tls)

    def _send(
        self,
        connection: http.client.HTTPSConnection,
        method: str,
        path: str,
        query: dict[str, Query] | None,
        body: Any,
        content: str,
        headers: dict[str, str] | None,
    ) -> http.client.HTTPResponse:
        sent = {"Accept": JSON, "User-Agent": "contract/1", **(headers or {})}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = content
        pairs = [(key, _text(one)) for key, value in (query or {}).items() for one in _several(value)]
        connection.request(method, path + (f"?{urlencode(pairs)}" if pairs else ""), data, sent)
        return connection.getresponse()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()


def _headers(response: http.client.HTTPResponse) -> dict[str, str]:
    """Several headers of one name (warnings) become one with several lines."""
    found: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        found[key] = f"{found[key]}\n{value}" if key in found else value
    return found


def _several(value: Query) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _decoded(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode()
