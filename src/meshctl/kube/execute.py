"""A command in a container, over a WebSocket of its own."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from kubernetes.client.rest import should_bypass_proxies
from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketTimeoutException,
)

from meshctl.cluster import ExecResult
from meshctl.errors import TransientError
from meshctl.kube.status import refusal
from meshctl.kube.transport import CONNECT_TIMEOUT, Call, Transport
from meshctl.objects import dig

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDOUT, STDERR, STATUS = 1, 2, 3
SWITCHED, FAILED = 101, 500
CLOSING_TIME = 2.0
"""Seconds for the server to close after it has said how the command ended."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and in which container."""

    namespace: str
    pod: str
    container: str
    argv: Sequence[str]
    timeout: float

    @property
    def path(self) -> str:
        """The URL path of the exec subresource."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.pod}/exec"

    @property
    def streams(self) -> list[tuple[str, str]]:
        """The query without the command."""
        return [("container", self.container), ("stdout", "true"), ("stderr", "true")]


def run(transport: Transport, command: Command) -> ExecResult:
    """Run a command in a container and return what it printed."""
    deadline = time.monotonic() + command.timeout
    output = {STDOUT: bytearray(), STDERR: bytearray(), STATUS: bytearray()}
    with transport.border.guard():
        socket = _open(transport, command)
        try:
            for data in _frames(socket, deadline, output[STATUS]):
                if data and data[0] in output:
                    output[data[0]] += data[1:]
        finally:
            if socket.sock is not None:
                socket.sock.close()
    if not output[STATUS]:
        late = time.monotonic() >= deadline
        why = f"no end within {command.timeout:g} s" if late else "the connection broke before the command ended"
        raise TransientError(f"{transport.cluster}: exec in pod/{command.pod}: {why}")
    text = {channel: data.decode("utf-8", "replace") for channel, data in output.items()}
    return ExecResult(text[STDOUT], text[STDERR], _code(transport.cluster, bytes(output[STATUS])))


def _open(transport: Transport, command: Command) -> WebSocket:
    query = [*command.streams, *(("command", arg) for arg in command.argv)]
    _, url, headers, _ = transport.serialize(Call("GET", command.path, query))
    socket = WebSocket(sslopt=_tls(transport), skip_utf8_validation=True)
    shake_hands: Callable[..., None] = socket.connect
    started = time.perf_counter()
    status = 0
    try:
        shake_hands(
            urlsplit(url)._replace(scheme="wss" if url.startswith("https") else "ws").geturl(),
            header={name: value for name, value in headers.items() if name.lower() in ("authorization", "user-agent")},
            subprotocols=list(PROTOCOLS),
            suppress_origin=True,
            redirect_limit=0,
            timeout=min(command.timeout, 2 * CONNECT_TIMEOUT),
            **_route(transport.api.configuration),
        )
        status = SWITCHED
    except WebSocketBadStatusException as error:
        status = error.status_code
        raise
    finally:
        # Not the command: it may carry what should not be read over someone's shoulder.
        transport.report(Call("GET", command.path, command.streams), status, started)
    return socket


def _tls(transport: Transport) -> dict[str, Any]:
    name = transport.api.configuration.tls_server_name
    return {"context": transport.tls, **({"server_hostname": name} if name else {})}


def _route(configuration: Any) -> dict[str, Any]:
    """Return the proxy to go through; one is always named, lest the library look for one by itself."""
    if not configuration.proxy or should_bypass_proxies(configuration.host, configuration.no_proxy or ""):
        return {"http_proxy_host": "none", "http_proxy_port": 1, "http_no_proxy": ["*"]}
    proxy = urlsplit(configuration.proxy)
    route = {"http_proxy_host": proxy.hostname, "http_proxy_port": proxy.port or 80, "http_no_proxy": ["-"]}
    if proxy.scheme.startswith("socks"):
        route["proxy_type"] = proxy.scheme
    if proxy.username:
        route["http_proxy_auth"] = (unquote(proxy.username), unquote(proxy.password or ""))
    return route


def _frames(socket: WebSocket, deadline: float, ended: bytearray) -> Iterator[bytes]:
    """Yield what the server sends until it closes; `ended` fills when it has said how the command ended."""
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            return
        socket.settimeout(min(left, CLOSING_TIME) if ended else left)
        try:
            opcode, frame = socket.recv_data_frame()
        except (WebSocketTimeoutException, WebSocketConnectionClosedException):
            return
        if opcode == ABNF.OPCODE_CLOSE:
            return
        yield frame.data


def _code(cluster: str, status: bytes) -> int:
    said = json.loads(status)
    if said.get("status") == "Success":
        return 0
    for cause in dig(said, "details", "causes") or []:
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    raise refusal(cluster, int(said.get("code") or FAILED), json.dumps({"kind": "Status", **said}).encode())
