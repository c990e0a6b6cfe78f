"""The HTTPS server of one cluster: who asks, may they, what spoils it, and which handler answers."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter

from meshctl.lab.api import ApiError
from meshctl.lab.apiserver import answers, discovery, paths
from meshctl.lab.apiserver.asking import Asking
from meshctl.lab.apiserver.handlers import handle
from meshctl.lab.apiserver.hooks import Answered, Asked, Disturbance, Seen, User
from meshctl.lab.apiserver.plane import Plane
from meshctl.lab.apiserver.rbac import refusal
from meshctl.lab.apiserver.status import StatusError, internal, unauthorized, unknown_resource

_LOG = logging.getLogger(__name__)
_BODY_LIMIT = 8 * 1024 * 1024
_HEALTH = ("/readyz", "/livez", "/healthz")
_STOP_WITHIN = 0.5
_GLANCE = 0.1
LATE_LOOKS, LATE_PAUSE = 100, 0.05


class _CutError(Exception):
    """The connection is to be cut without an answer."""


class Server:
    """Listens for one control plane."""

    def __init__(self, plane: Plane, context: ssl.SSLContext) -> None:
        self.plane = plane
        self._context = context
        self._http: web.Server | None = None
        self._socket: asyncio.Server | None = None
        self._late: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1; port 0 means any free one."""
        loop = asyncio.get_running_loop()
        self._http = web.Server(
            self._serve, request_factory=_request, handler_cancellation=True, access_log=None, keepalive_timeout=300.0
        )
        self._socket = await loop.create_server(
            self._http, "127.0.0.1", port, ssl=self._context, ssl_shutdown_timeout=1.0
        )
        self.port = int(self._socket.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """End every request and stop listening."""
        if self._socket is not None:
            self._socket.close()
        if self._http is not None:
            transports = [connection.transport for connection in self._http.connections]
            await self._http.shutdown(_STOP_WITHIN)
            # A polite end of TLS waits for the client, and the event loop may not live that long.
            for transport in transports:
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0)
            self._late = asyncio.create_task(_abort_late(self._http))
        self._socket = self._http = None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        began = asyncio.get_running_loop().time()
        user, noted = User(""), list[int]()

        def note(code: int) -> None:
            if not noted:
                noted.append(code)
                self._note(request, user, code, began)

        try:
            user = self._user(request)
            await self._disturb(request, user)
            response = await self._answer(request, user, lambda: note(200))
        except _CutError:
            note(0)
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        except ApiError as error:
            response = answers.refusal(error)
        note(response.status)
        return self._dated(response)

    def _user(self, request: web.BaseRequest) -> User:
        certificate = request.get_extra_info("peercert")
        user = self.plane.auth.user(request.headers.get("Authorization", ""), certificate)
        wanted = request.headers.get("Impersonate-User", "")
        return self._impersonated(user, wanted, request.headers.getall("Impersonate-Group", [])) if wanted else user

    def _impersonated(self, user: User, wanted: str, groups: list[str]) -> User:
        """Return the user that this one asks to be (`kubectl --as`)."""
        named = [("users", wanted), *(("groups", group) for group in groups)]
        for plural, name in named:
            asked = Asked(self.plane.name, user.name, "impersonate", resource=plural, name=name)
            if not self.plane.rbac.allowed(user, asked):
                raise refusal(user, asked, None)
        return User(wanted, (*groups, "system:authenticated"))

    async def _disturb(self, request: web.BaseRequest, user: User) -> None:
        agent = request.headers.get("User-Agent", "")
        seen = Seen(self.plane.name, user.name, request.method, request.path, request.query, agent)
        spoilt = self.plane.hooks.disturb(seen)
        while spoilt is not None and spoilt.hang:
            # Like a process that was stopped: it answers once it goes on.
            await asyncio.sleep(_GLANCE)
            spoilt = self.plane.hooks.disturb(seen)
        if spoilt is None:
            return
        if spoilt.delay > 0:
            await asyncio.sleep(spoilt.delay)
        if spoilt.reset:
            raise _CutError
        if spoilt.status == 403 and not spoilt.message:
            raise self._forbidden(request, user)
        if spoilt.status:
            raise _spoilt_answer(spoilt)

    def _forbidden(self, request: web.BaseRequest, user: User) -> StatusError:
        path = paths.parse(request.path)
        asked = self._asked(request, user, path)
        resource = self.plane.catalog.find(path.group, path.version, path.plural) if path else None
        return refusal(user, asked, resource)

    def _asked(self, request: web.BaseRequest, user: User, path: paths.ResourcePath | None) -> Asked:
        if path is None:
            return Asked(self.plane.name, user.name, request.method.lower(), path=request.path)
        watching = request.query.get("watch", "") in ("1", "true")
        namespace = path.name if path.plural == "namespaces" and path.name else path.namespace
        verb = paths.verb(request.method, path, watch=watching)
        return Asked(self.plane.name, user.name, verb, path.group, path.plural, path.subresource, namespace, path.name)

    async def _answer(self, request: web.BaseRequest, user: User, begun: Callable[[], None]) -> web.StreamResponse:
        path = paths.parse(request.path)
        asked = self._asked(request, user, path)
        if not self.plane.rbac.allowed(user, asked):
            raise self._forbidden(request, user)
        if path is None:
            return self._information(request)
        asking = Asking(request, user, paths.target(self.plane.catalog, path))
        if asked.verb == "watch":
            begun()
        try:
            return await handle(self.plane, asking)
        except (ApiError, ConnectionError):
            raise
        except Exception as error:
            _LOG.exception("%s: %s %s", self.plane.name, request.method, request.path)
            raise internal(f"the API server of the lab has a bug: {type(error).__name__}") from error

    def _information(self, request: web.BaseRequest) -> web.StreamResponse:
        path, catalog = request.path, self.plane.catalog
        if path.startswith(_HEALTH):
            return answers.raw(b"ok", media="text/plain")
        if path.rstrip("/") == "/version":
            return answers.json_answer(discovery.version(self.plane.hooks.version()))
        if path == "/openapi/v3":
            return answers.json_answer(discovery.openapi_index(catalog))
        if path.startswith("/openapi/v3/"):
            return answers.json_answer(discovery.openapi(path.removeprefix("/openapi/v3/"), catalog))
        if path.split("/")[1] in ("api", "apis"):
            aggregated = "apidiscovery.k8s.io;v=v2;" in request.headers.get("Accept", "") + ";"
            found = discovery.api(path, catalog, aggregated=aggregated)
            whole = aggregated and path.strip("/") in ("api", "apis")
            return answers.json_answer(found, media=discovery.AGGREGATED if whole else answers.JSON)
        raise unknown_resource()

    def _dated(self, response: web.StreamResponse) -> web.StreamResponse:
        skew = self.plane.hooks.clock_skew()
        if skew and not response.prepared:
            shown = datetime.now(UTC) + timedelta(seconds=skew)
            response.headers["Date"] = format_datetime(shown, usegmt=True)
        return response

    def _note(self, request: web.BaseRequest, user: User, code: int, began: float) -> None:
        seconds = asyncio.get_running_loop().time() - began
        agent = request.headers.get("User-Agent", "")
        self.plane.hooks.answered(
            Answered(
                began, self.plane.name, user.name, request.method, request.path, code, seconds, request.query, agent
            )
        )


def _spoilt_answer(spoilt: Disturbance) -> StatusError:
    match spoilt.status:
        case 401:
            return unauthorized()
        case 429:
            seconds = 1 if spoilt.retry_after is None else spoilt.retry_after
            text = spoilt.message or "Too many requests, please try again later."
            return StatusError(429, "TooManyRequests", text, {"retryAfterSeconds": seconds})
        case 500:
            return internal(spoilt.message or "an error on the server has prevented the request from succeeding")
        case 403:
            return StatusError(403, "Forbidden", spoilt.message)
        case _:
            text = spoilt.message or "the server is currently unable to handle the request"
            return StatusError(spoilt.status, "ServiceUnavailable", text)


def _request(
    message: Any,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_BODY_LIMIT)


async def _abort_late(http: web.Server) -> None:
    """Abort connections that were in the middle of their TLS handshake when the server stopped, as they come in."""
    for _ in range(LATE_LOOKS):
        for connection in list(http.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(LATE_PAUSE)
