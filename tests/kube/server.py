"""An HTTPS server whose every answer the test writes, down to the byte where a stream breaks off."""

import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Exchange:
    """One request and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        self._handler = handler
        self.seen = seen

    def raw(self, data: bytes) -> Self:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()
        return self

    def reply(self, status: int, body: bytes, **headers: str) -> Self:
        lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.raw("\r\n".join([*lines, "", ""]).encode() + body)
        return self

    def json(self, body: Json, status: int = 200, **headers: str) -> Self:
        self.reply(status, json.dumps(body).encode(), Content_Type="application/json", **headers)
        return self

    def status(self, code: int, reason: str, message: str, **more: Any) -> Self:
        self.json({"kind": "Status", "code": code, "reason": reason, "message": message, **more}, code)
        return self

    def begin(self) -> Self:
        self.raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        return self

    def chunk(self, data: bytes) -> Self:
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))
        return self

    def event(self, kind: str, obj: Json) -> Self:
        self.chunk(json.dumps({"type": kind, "object": obj}).encode() + b"\n")
        return self

    def end(self) -> Self:
        self.raw(b"0\r\n\r\n")
        return self

    def cut(self) -> Self:
        """Close without a word of farewell."""
        self._handler.close_connection = True
        return self

    def reset(self) -> Self:
        """Close so that the other side gets ECONNRESET."""
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._handler.connection.close()
        self._handler.close_connection = True
        return self

    def gone(self) -> bool:
        """Wait until the client has closed the connection."""
        try:
            return self._handler.rfile.read(1) == b""
        except OSError:
            return True

    def upgrade(self, protocol: str) -> Self:
        key = self.seen.headers["sec-websocket-key"]
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
        )
        return self

    def frame(self, data: bytes, opcode: int = 2) -> Self:
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack("!H", len(data))
        self.raw(bytes([0x80 | opcode]) + size + data)
        return self


Answer = Callable[[Exchange], object]


@dataclass
class Server:
    url: str
    seen: list[Seen] = field(default_factory=list)
    answers: "SimpleQueue[Answer]" = field(default_factory=SimpleQueue)
    connections: int = 0

    def will(self, *answers: Answer) -> None:
        """Answer the next requests so, in this order."""
        for answer in answers:
            self.answers.put(answer)


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            server.connections += 1

        def handle_request(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            query = parse_qsl(url.query, keep_blank_values=True)
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen = Seen(self.command, url.path, query, headers, body)
            server.seen.append(seen)
            exchange = Exchange(self, seen)
            try:
                answer = server.answers.get_nowait()
            except Empty:
                exchange.status(500, "InternalError", "the test did not expect this request")
                return
            answer(exchange)

        def log_message(self, *args: Any) -> None: ...

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "CONNECT"):
        setattr(Handler, f"do_{method}", Handler.handle_request)
    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.tls is not None:
            request = self.tls.wrap_socket(request, server_side=True)
        try:
            super().finish_request(request, client_address)
        finally:
            request.close()

    def handle_error(self, request: Any, client_address: Any) -> None: ...


@contextmanager
def serve(tls: ssl.SSLContext | None) -> Iterator[Server]:
    server = Server("")
    http = _Quiet(("127.0.0.1", 0), _handler(server))
    http.tls = tls
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
