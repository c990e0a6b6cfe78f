"""The border: whatever the libraries beneath raise becomes one of our errors here, and nowhere else.

Sentences are our own, made from the kind of failure and the server's address: what the libraries say contains URLs,
headers, bodies and memory addresses.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kubernetes.client.exceptions import ApiException, OpenApiException
from kubernetes.config import ConfigException
from urllib3 import exceptions as urllib3
from urllib3.util.ssl_match_hostname import CertificateError
from websocket import (
    WebSocketAddressException,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
    WebSocketProxyException,
    WebSocketTimeoutException,
)

from meshctl.errors import ClusterError, TransientError
from meshctl.kube.status import redact, refusal

FOREIGN: tuple[type[Exception], ...] = (
    OpenApiException,
    ConfigException,
    urllib3.HTTPError,
    urllib3.ProxySchemeUnsupported,
    CertificateError,
    WebSocketException,
    http.client.HTTPException,
    OSError,
)
"""The roots of everything that the libraries beneath raise."""

TRUST_HINT = (
    "the kubeconfig's certificate-authority and server must belong to the same cluster; was the cluster created anew?"
)
CREDENTIAL_HINT = "the server may not accept this context's client certificate; try `kubectl get namespaces`"
PROXY_HINT = "see HTTPS_PROXY, NO_PROXY and the kubeconfig's proxy-url"


@dataclass(frozen=True, slots=True)
class Border:
    """One cluster's name, and its address as errors may show it."""

    cluster: str
    address: str

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn what the libraries raise into our errors."""
        try:
            yield
        except FOREIGN as error:
            raise self.ours(error) from error

    def ours(self, error: Exception) -> ClusterError:
        """Return our error for one of theirs."""
        chain = list(_chain(error))
        for inner in chain:
            status, body = _answer(inner)
            if status:
                return refusal(self.cluster, status, body)
        for rule in _RULES:
            for inner in chain:
                if isinstance(inner, rule.types):
                    text = rule.text(inner) if callable(rule.text) else rule.text
                    return rule.error(f"{self.cluster}: {text} ({self.address})", hint=rule.hint)
        return ClusterError(f"{self.cluster}: {type(error).__name__} in the client library ({self.address})")


def _answer(error: BaseException) -> tuple[int, bytes]:
    """Return status and body of an answer that came as an exception; 0 when it is none."""
    if isinstance(error, WebSocketBadStatusException):
        return getattr(error, "status_code", 0), bytes(getattr(error, "resp_body", None) or b"")
    if isinstance(error, ApiException):
        return getattr(error, "status", 0), str(getattr(error, "body", None) or "").encode()
    return 0, b""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and everything it wraps: the libraries put the cause in args, in attributes or behind them."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        here = waiting.pop(0)
        if not isinstance(here, BaseException) or id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        waiting += [*here.args, getattr(here, "reason", None), getattr(here, "original_error", None)]
        waiting += [here.__cause__, here.__context__]


@dataclass(frozen=True, slots=True)
class _Rule:
    types: tuple[type[BaseException], ...]
    error: type[ClusterError]
    text: str | Callable[[BaseException], str]
    hint: str = ""


def _trust(error: BaseException) -> str:
    why = getattr(error, "verify_message", "") or "it does not belong to this server"
    return f"TLS: the server's certificate is not trusted: {why}"


def _tls(error: BaseException) -> str:
    why = str(getattr(error, "reason", None) or "handshake failed").replace("_", " ").lower()
    return f"TLS: {why}"


def _os(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or "connection failed").lower()


def _file(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f"cannot use {name}: {_os(error)}" if name else _os(error)


def _config(error: BaseException) -> str:
    return f"kubeconfig: {redact(str(error))}"


_RULES: tuple[_Rule, ...] = (
    _Rule((ConfigException,), ClusterError, _config),
    _Rule((ssl.SSLCertVerificationError, CertificateError), ClusterError, _trust, TRUST_HINT),
    _Rule(
        (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError, ssl.SSLWantReadError, ssl.SSLWantWriteError),
        TransientError,
        "TLS: the connection was closed by the server",
    ),
    _Rule((ssl.SSLError, urllib3.SSLError), ClusterError, _tls, CREDENTIAL_HINT),
    _Rule(
        (socket.gaierror, socket.herror, urllib3.NameResolutionError, WebSocketAddressException),
        TransientError,
        "the server's name does not resolve",
    ),
    _Rule((ConnectionRefusedError,), TransientError, "connection refused"),
    _Rule((ConnectionError,), TransientError, "the connection was closed by the server"),
    _Rule(
        (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError),
        ClusterError,
        _file,
    ),
    _Rule((TimeoutError,), TransientError, "no answer in time"),
    _Rule((urllib3.ProxyError,), TransientError, "the proxy does not let us through", PROXY_HINT),
    _Rule(
        (urllib3.LocationValueError, urllib3.ProxySchemeUnsupported, http.client.InvalidURL),
        ClusterError,
        "the server's or the proxy's URL cannot be used",
        PROXY_HINT,
    ),
    # Before the time-outs: urllib3 derives "cannot connect" from "took too long".
    _Rule((OSError,), TransientError, _os),
    _Rule((urllib3.NewConnectionError,), TransientError, "cannot connect"),
    _Rule((urllib3.TimeoutError, WebSocketTimeoutException), TransientError, "no answer in time"),
    _Rule(
        (
            urllib3.ProtocolError,
            urllib3.IncompleteRead,
            urllib3.InvalidChunkLength,
            urllib3.DecodeError,
            urllib3.PoolError,
            http.client.HTTPException,
            WebSocketConnectionClosedException,
            WebSocketProxyException,
        ),
        TransientError,
        "the connection broke",
    ),
)
