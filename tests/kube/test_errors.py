import asyncio
import http.client
import inspect
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import kubernetes.client.exceptions
import kubernetes.config.config_exception
import pytest
import urllib3.exceptions
import urllib3.util.ssl_match_hostname
import websocket

from meshctl.cluster import Client
from meshctl.errors import ClusterError, ForbiddenError, TransientError
from meshctl.kube.credentials import log_in
from meshctl.kube.errors import FOREIGN, Border
from meshctl.kube.transport import Call
from meshctl.names import THE_ISTIO

from .conftest import TOKEN, Authority, Dial, kubeconfig
from .server import Answer, Exchange, Server, serve

MODULES = (
    kubernetes.client.exceptions,
    kubernetes.config.config_exception,
    urllib3.exceptions,
    urllib3.util.ssl_match_hostname,
    websocket,
    http.client,
    socket,
    ssl,
)


def exceptions(module: ModuleType) -> Iterator[type[Exception]]:
    for kind in vars(module).values():
        if not inspect.isclass(kind) or not issubclass(kind, Exception) or issubclass(kind, Warning):
            continue
        theirs = kind.__module__.partition(".")[0] == module.__name__.partition(".")[0]
        if issubclass(kind, OSError) or (theirs and not kind.__name__.startswith("_")):
            yield kind


FOREIGNERS = {f"{kind.__module__}.{kind.__qualname__}": kind for module in MODULES for kind in exceptions(module)}


@pytest.mark.parametrize("kind", FOREIGNERS.values(), ids=FOREIGNERS.keys())
def test_no_foreign_exception_is_missed(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    error = kind.__new__(kind)  # made without its arguments: nothing may depend on them
    ours = Border("cluster2", "api:6443").ours(error)
    assert ours.message.startswith("cluster2: ")
    assert "api:6443" in ours.message


def bare(kind: type[BaseException], *args: object) -> BaseException:
    error = kind.__new__(kind, *args)
    error.args = args
    return error


def wrapped(kind: type[BaseException], inner: BaseException) -> BaseException:
    """Return an exception that was raised while another was handled, and does not name it."""
    outer = bare(kind)
    vars(outer).update(status=0, reason="x")
    outer.__context__ = inner
    return outer


PERMANENT = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
API_ERROR = kubernetes.client.exceptions.ApiException
TABLE: list[tuple[BaseException, type[ClusterError], str]] = [
    (ConnectionRefusedError(111, "Connection refused"), TransientError, "connection refused"),
    (ConnectionResetError(104, "x"), TransientError, "the connection was closed by the server"),
    (BrokenPipeError(32, "x"), TransientError, "the connection was closed by the server"),
    (http.client.RemoteDisconnected("x"), TransientError, "the connection was closed by the server"),
    (TimeoutError("x"), TransientError, "no answer in time"),
    (socket.gaierror(-2, "Name or service not known"), TransientError, "the server's name does not resolve"),
    (OSError(113, "No route to host"), TransientError, "no route to host"),
    (PERMANENT, ClusterError, "TLS: the server's certificate is not trusted"),
    (urllib3.exceptions.SSLError(PERMANENT), ClusterError, "TLS: the server's certificate is not trusted"),
    (wrapped(API_ERROR, urllib3.exceptions.SSLError(PERMANENT)), ClusterError, "TLS: the server's certificate is not"),
    (urllib3.exceptions.SSLError(ssl.SSLEOFError(8, "EOF")), TransientError, "TLS: the connection was closed"),
    (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] x"), ClusterError, "TLS: "),
    (urllib3.exceptions.ProtocolError("x", ConnectionResetError(104, "x")), TransientError, "the connection was clos"),
    (urllib3.exceptions.ProtocolError("x", http.client.IncompleteRead(b"")), TransientError, "the connection broke"),
    (bare(urllib3.exceptions.ReadTimeoutError), TransientError, "no answer in time"),
    (bare(urllib3.exceptions.ConnectTimeoutError), TransientError, "no answer in time"),
    (bare(urllib3.exceptions.NewConnectionError), TransientError, "cannot connect"),
    (wrapped(urllib3.exceptions.NewConnectionError, ConnectionRefusedError()), TransientError, "connection refused"),
    (bare(urllib3.exceptions.NameResolutionError), TransientError, "the server's name does not resolve"),
    (urllib3.exceptions.ProxyError("x", OSError("Tunnel connection failed")), TransientError, "the proxy does not let"),
    (urllib3.exceptions.LocationParseError("x"), ClusterError, "the server's or the proxy's URL cannot be used"),
    (websocket.WebSocketTimeoutException("x"), TransientError, "no answer in time"),
    (websocket.WebSocketConnectionClosedException("x"), TransientError, "the connection broke"),
    (websocket.WebSocketAddressException("x"), TransientError, "the server's name does not resolve"),
    (websocket.WebSocketPayloadException("x"), ClusterError, "WebSocketPayloadException in the client library"),
    (FileNotFoundError(2, "No such file or directory", "/k"), ClusterError, "cannot use /k: no such file or directory"),
    (kubernetes.config.ConfigException("Expected key"), ClusterError, "kubeconfig: Expected key"),
]


@pytest.mark.parametrize(("error", "kind", "text"), TABLE, ids=lambda value: type(value).__name__)
def test_causes(error: Exception, kind: type[ClusterError], text: str) -> None:
    ours = Border("cluster2", "api:6443").ours(error)
    assert type(ours) is kind
    assert ours.message.startswith(f"cluster2: {text}")
    assert ours.status == 0


def test_answers_that_come_as_exceptions_are_read_as_answers() -> None:
    body = b'{"kind": "Status", "message": "pods \\"x\\" is forbidden"}'
    headers = {"authorization": f"Bearer {TOKEN}"}
    handshake = websocket.WebSocketBadStatusException("%s %s", 403, "x", headers, body)
    answer = API_ERROR(403, "x", body=body.decode())
    for error in (handshake, answer):
        ours = Border("cluster2", "api:6443").ours(error)
        assert type(ours) is ForbiddenError
        assert ours.message == 'cluster2: forbidden: pods "x" is forbidden'


def test_bugs_are_not_hidden() -> None:
    for bug in (KeyError("x"), asyncio.CancelledError(), ZeroDivisionError()):
        with pytest.raises(type(bug)), Border("c", "a").guard():
            raise bug


# --- the same over a real connection -------------------------------------------------------------------------------
def failure(client: Client) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        client.get(THE_ISTIO)
    error = caught.value
    assert error.message.startswith("cluster2: ")
    assert TOKEN not in f"{error} {error.hint} {error.__cause__}"
    return error


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_nobody_listens(dial: Dial) -> None:
    port = free_port()
    error = failure(dial(f"https://127.0.0.1:{port}"))
    assert type(error) is TransientError
    assert error.message == f"cluster2: connection refused (127.0.0.1:{port})"
    assert error.__cause__ is not None


def test_a_name_that_does_not_resolve(dial: Dial) -> None:
    error = failure(dial("https://nowhere.invalid:6443"))
    assert type(error) is TransientError
    assert error.message == "cluster2: the server's name does not resolve (nowhere.invalid:6443)"


def test_another_clusters_certificate(dial: Dial, server: Server, authority: Authority) -> None:
    stranger = dial(server.url, **{"certificate-authority-data": None})  # the system's trust store
    error = failure(stranger)
    assert type(error) is ClusterError
    assert "certificate is not trusted: unable to get local issuer certificate" in error.message
    assert "certificate-authority" in error.hint
    assert not server.seen


def test_a_certificate_for_another_name(dial: Dial, server: Server) -> None:
    error = failure(dial(server.url, **{"tls-server-name": "other.test"}))
    assert type(error) is ClusterError
    assert "certificate is not trusted: Hostname mismatch" in error.message


def test_plain_http_where_tls_is_expected(dial: Dial) -> None:
    with serve(None) as server:
        error = failure(dial(server.url.replace("http:", "https:")))
    assert type(error) is ClusterError
    assert "TLS: " in error.message


@pytest.mark.parametrize("how", [Exchange.cut, Exchange.reset, lambda x: x.raw(b"HTTP/1.1 200 OK\r\nConte").cut()])
def test_no_answer(client: Client, server: Server, how: Answer) -> None:
    server.will(how)
    assert type(failure(client)) is TransientError


def test_half_an_answer(client: Client, server: Server) -> None:
    server.will(lambda x: x.raw(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"kind"').cut())
    error = failure(client)
    assert type(error) is TransientError
    assert "the connection broke" in error.message


def test_a_server_that_does_not_answer(authority: Authority, server: Server, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", server.url, authority, {"token": TOKEN})
    transport = log_in("west", str(config), "cluster2", None)
    server.will(Exchange.gone)
    with pytest.raises(TransientError, match="cluster2: no answer in time"):
        transport.fetch(Call("GET", "/version", read_timeout=0.2))
    transport.api.rest_client.close()


def test_a_redirect_is_not_followed(client: Client, server: Server) -> None:
    server.will(lambda x: x.reply(302, b"", Location="https://elsewhere.invalid/"))
    error = failure(client)
    assert "unexpected answer 302" in error.message
    assert len(server.seen) == 1


def test_a_page_instead_of_an_object(client: Client, server: Server) -> None:
    server.will(lambda x: x.reply(200, b"<html>Log in!</html>"), lambda x: x.reply(200, b"[]"))
    for _ in range(2):
        error = failure(client)
        assert type(error) is ClusterError
        assert error.message == "cluster2: the answer is not Kubernetes' JSON"


def test_failures_are_not_tried_again(client: Client, server: Server) -> None:
    server.will(lambda x: x.status(503, "x", "x"), lambda x: x.status(429, "x", "x", details={"retryAfterSeconds": 0}))
    failure(client)
    assert len(server.seen) == 1
    failure(client)
    assert len(server.seen) == 2
