"""An admission webhook on loopback, for API servers of both worlds."""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from meshctl.certs.authority import make_api_authority, make_serving
from meshctl.objects import Manifest

Decide = Callable[[Manifest], Manifest]
"""From the `request` of an AdmissionReview to the `response`, without its uid."""


@dataclass(slots=True)
class Webhook:
    """Where it listens, whose certificate it has, and what it was asked."""

    url: str
    authority: bytes
    asked: list[Manifest]

    def client_config(self, path: str = "/inject") -> Manifest:
        """Return the clientConfig of a webhook configuration."""
        return {"url": self.url + path, "caBundle": base64.b64encode(self.authority).decode()}


@contextmanager
def serving(folder: Path, decide: Decide) -> Iterator[Webhook]:
    """Answer AdmissionReviews until the block ends."""
    authority = make_api_authority("webhook-ca", now=datetime.now(UTC))
    pair = make_serving(authority, ("127.0.0.1",), now=datetime.now(UTC))
    file = folder / "webhook.pem"
    file.write_bytes(pair.key + pair.cert)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(file)
    asked: list[Manifest] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(decide, asked))
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    webhook = Webhook(f"https://127.0.0.1:{server.server_port}", authority.cert, asked)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(decide: Decide, asked: list[Manifest]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review: Any = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            request = review["request"]
            asked.append(request)
            response = {"uid": request["uid"], **decide(request)}
            body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep quiet."""

    return Handler


def patch_of(*operations: Manifest) -> Manifest:
    """Return a response that allows with a JSON patch."""
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": encoded}
