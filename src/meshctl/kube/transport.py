"""One request to one API server: built and sent by the official client, observed, and its refusals raised as ours."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ssl import SSLContext
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urlsplit

from kubernetes.client import ApiClient
from urllib3 import HTTPResponse

from meshctl.cluster import Request
from meshctl.errors import ClusterError, TransientError
from meshctl.kube.complaints import complaints
from meshctl.kube.errors import Border
from meshctl.kube.status import redact, refusal
from meshctl.objects import Manifest

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 35.0
"""A little more than an API server waits for the slowest webhook: its sentence is better than our silence."""

UNAUTHORIZED = 401

JSON = "application/json"
ANYTHING = "application/json, */*"
"""For what is no object: a refusal is JSON all the same."""
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask: everything of a request but the server and the credentials."""

    method: str
    path: str
    query: Query = ()
    body: Manifest | None = None
    content: str = JSON
    accept: str = JSON
    read_timeout: float = READ_TIMEOUT

    def __str__(self) -> str:
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")


class Transport:
    """The official client of one cluster, made safe for many threads."""

    def __init__(
        self, api: ApiClient, tls: SSLContext, cluster: str, observe: Callable[[Request], None] | None
    ) -> None:
        self.api = api
        self.tls = tls
        self.cluster = cluster
        self.host: str = api.configuration.host
        self.border = Border(cluster, urlsplit(self.host).netloc.rpartition("@")[2])
        self._observe = observe
        self._credentials = Lock()
        self._complaint = ""

    def fetch(self, call: Call) -> Manifest:
        """Return the object that answers the call."""
        response = self._perform(call, whole=True)
        if not response.data:
            raise TransientError(f"{self.cluster}: the answer is empty", status=response.status)
        try:
            answer = json.loads(response.data)
        except ValueError as error:
            raise self._nonsense(response.status) from error
        if not isinstance(answer, dict):
            raise self._nonsense(response.status)
        return answer

    def text(self, call: Call) -> str:
        """Return the text that answers the call, whatever bytes are in it."""
        return bytes(self._perform(call, whole=True).data or b"").decode("utf-8", "replace")

    def stream(self, call: Call) -> HTTPResponse:
        """Return the answer with its body still to come; the caller closes it."""
        return self._perform(call, whole=False)

    def serialize(self, call: Call) -> tuple[str, str, dict[str, str], Any]:
        """Return method, URL, headers (with credentials) and body of a call."""
        headers = {"Accept": call.accept}
        if call.body is not None:
            headers["Content-Type"] = call.content
        # Expired credentials are fetched anew in here, perhaps by a program that asks a person: once, not per thread.
        with self._credentials, complaints() as heard:
            method, url, sent, body, _ = self.api.param_serialize(
                call.method,
                call.path,
                query_params=list(call.query),
                header_params=headers,
                body=call.body,
                auth_settings=["BearerToken"],
            )
        self._complaint = redact("; ".join(heard))
        return method, url, sent, body

    def report(self, call: Call, status: int, started: float) -> None:
        """Tell the observer about a request that began at `started`."""
        if self._observe is not None:
            took = (time.perf_counter() - started) * 1000
            self._observe(Request(self.cluster, call.method, str(call), status, took))

    def _perform(self, call: Call, *, whole: bool) -> HTTPResponse:
        status = 0
        started = time.perf_counter()
        try:
            with self.border.guard():
                method, url, headers, body = self.serialize(call)
                timeout = (CONNECT_TIMEOUT, call.read_timeout)
                answer = self.api.call_api(method, url, headers, body, _request_timeout=timeout)
                response: HTTPResponse = answer.response
                status = response.status
                success = 200 <= status < 300
                if whole or not success:
                    response.read(cache_content=True)
        finally:
            self.report(call, status, started)
        if not success:
            error = refusal(self.cluster, status, response.data, response.headers)
            if status == UNAUTHORIZED and self._complaint:
                error.hint = f"the credential plugin failed: {self._complaint}"
            raise error
        return response

    def _nonsense(self, status: int) -> ClusterError:
        hint = "is there a proxy or a login page in between?"
        return ClusterError(f"{self.cluster}: the answer is not Kubernetes' JSON", hint=hint, status=status)
