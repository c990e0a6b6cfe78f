"""The controllers' way to a real Kubernetes API server: the same `Api`, over HTTPS."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from meshctl.lab.api import ApiError, Change, EventType
from meshctl.names import KINDS
from meshctl.objects import Kind, Manifest, Ref, dig

log = logging.getLogger(__name__)

BINDING = Kind("Binding", "bindings")
MERGE = "application/merge-patch+json"
JSON = "application/json"
REQUEST_SECONDS = 40.0
WATCH_SECONDS = 300
QUIET_SECONDS = WATCH_SECONDS + 30.0
AGAIN = 1.0
GONE = 410
PASSING = (429, 503)
"""What an API server answers while it takes up a new kind, and what stands here for an answer that did not come."""

READS, READ_AGAIN = 4, 0.25
LONGEST_LINE = 1 << 22
"""An object in a watch is one line; the largest are CRDs."""

Found = tuple[list[Manifest], str]
"""The objects of a listing, and the version from which a watch goes on."""

Disguise = Callable[[Manifest], Manifest]


def as_it_is(obj: Manifest) -> Manifest:
    """Change nothing."""
    return obj


@dataclass(frozen=True, slots=True)
class Connection:
    """One API server: its address and an HTTP session that knows its credentials.

    Some objects have to look different there from what the controllers write: `outgoing` and `incoming` translate.
    """

    server: str
    session: ClientSession
    outgoing: Disguise = as_it_is
    incoming: Disguise = as_it_is

    async def send(
        self, method: str, path: str, manager: str, body: Manifest | None = None, *, content: str = JSON, **query: str
    ) -> Manifest:
        """Send one request and return the answer; raise ApiError.

        A read that fails for a reason that may pass is repeated, as client-go does when it is told to come back.
        """
        tries = READS if method == "GET" else 1
        while True:
            tries -= 1
            try:
                return await self._sent(method, path, manager, body, content=content, **query)
            except ApiError as error:
                if not tries or error.code not in PASSING:
                    raise
                log.warning("%s %s: %s", method, path, error)
            await asyncio.sleep(READ_AGAIN)

    async def _sent(
        self, method: str, path: str, manager: str, body: Manifest | None, *, content: str, **query: str
    ) -> Manifest:
        asked = {**query, **({"fieldManager": manager} if method in ("POST", "PUT", "PATCH") else {})}
        headers = {"Accept": JSON, "Content-Type": content, "User-Agent": manager}
        data = None if body is None else json.dumps(body)
        timeout = ClientTimeout(total=REQUEST_SECONDS)
        try:
            async with self.session.request(
                method, self.server + path, params=asked, data=data, headers=headers, timeout=timeout
            ) as response:
                answer = await response.json(content_type=None)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(503, "ServiceUnavailable", f"{method} {path}: {error or type(error).__name__}") from error
        if response.status >= 400:
            raise refusal(answer, response.status)
        return answer if isinstance(answer, dict) else {}

    async def stream(self, path: str, manager: str, **query: str) -> AsyncIterator[Manifest]:
        """Yield the events of a watch until the server ends it; raise ApiError."""
        headers = {"Accept": JSON, "User-Agent": manager}
        timeout = ClientTimeout(total=None, sock_read=QUIET_SECONDS)
        try:
            async with self.session.get(self.server + path, params=query, headers=headers, timeout=timeout) as response:
                if response.status >= 400:
                    raise refusal(await response.json(content_type=None), response.status)
                async for line in response.content:
                    yield json.loads(line)
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise ApiError(503, "ServiceUnavailable", f"watch of {path}: {error or type(error).__name__}") from error


def refusal(answer: Any, code: int) -> ApiError:
    """Return the error that a `v1 Status` describes."""
    status = answer if isinstance(answer, dict) else {}
    return ApiError(int(status.get("code") or code), str(status.get("reason", "")), str(status.get("message", answer)))


def kind_of(obj: Manifest) -> Kind:
    """Return the kind of a manifest."""
    wanted = (obj["apiVersion"], obj["kind"])
    known = (*KINDS, BINDING)
    found = next((kind for kind in known if (kind.api_version, kind.name) == wanted), None)
    if found is None:
        raise ApiError(404, "NotFound", f"no controller of the lab writes {obj['kind']} of {obj['apiVersion']}")
    return found


def namespace_of(kind: Kind, obj: Manifest) -> str:
    """Return the namespace that an object belongs into."""
    return str(obj["metadata"].get("namespace") or "default") if kind.namespaced else ""


@dataclass(slots=True)
class _Seen:
    """What a watch has told of, so that a listing anew tells only what is new."""

    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)

    def listed(self, objects: list[Manifest]) -> list[Change]:
        """Return the changes that lead from what was known to a listing."""
        now = {_key(obj): obj for obj in objects}
        changes = [Change("DELETED", obj) for key, obj in self.objects.items() if key not in now]
        for key, obj in now.items():
            before = self.objects.get(key)
            if before is None or _version(before) != _version(obj):
                changes.append(Change("ADDED" if before is None else "MODIFIED", obj))
        self.objects = now
        return changes

    def told(self, what: EventType, obj: Manifest) -> Change:
        """Return one change."""
        if what == "DELETED":
            self.objects.pop(_key(obj), None)
        else:
            self.objects[_key(obj)] = obj
        return Change(what, obj)


def _key(obj: Manifest) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _version(obj: Manifest) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


@dataclass(frozen=True, slots=True)
class RemoteApi:
    """One client of one real cluster, with its own field manager."""

    connection: Connection
    manager: str

    async def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None when it is not there."""
        try:
            return self._read(await self._send("GET", ref.path))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """Return the objects of a kind; raise ApiError 404 when the kind is not served."""
        objects, _ = await self._list(kind, namespace, labels)
        return objects

    async def _list(self, kind: Kind, namespace: str, labels: Mapping[str, str] | None = None) -> Found:
        path, wanted = kind.path(namespace), ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        answer = await self.connection.send("GET", path, self.manager, labelSelector=wanted)
        head = {"apiVersion": kind.api_version, "kind": kind.name}
        return [self._read({**head, **item}) for item in answer.get("items") or ()], _version(answer)

    async def watch(self, kind: Kind, namespace: str = "") -> AsyncIterator[Change]:
        """Yield what is there now, then every change. A kind that is not served yet has no objects yet."""
        seen = _Seen()
        while True:
            try:
                objects, version = await self._list(kind, namespace)
                for change in seen.listed(objects):
                    yield change
                async for change in self._follow(kind, namespace, version, seen):
                    yield change
            except ApiError:
                await asyncio.sleep(AGAIN)

    async def _follow(self, kind: Kind, namespace: str, version: str, seen: _Seen) -> AsyncIterator[Change]:
        """Yield changes after a listing, over as many streams as it takes, until one is told to list again."""
        while True:
            query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
            path = kind.path(namespace)
            async for event in self.connection.stream(path, self.manager, timeoutSeconds=str(WATCH_SECONDS), **query):
                if event["type"] == "ERROR":
                    raise refusal(event["object"], GONE)
                version = _version(event["object"])
                if event["type"] != "BOOKMARK":
                    yield seen.told(event["type"], self._read(event["object"]))

    async def create(self, obj: Manifest) -> Manifest:
        """Create; raise ApiError 409 AlreadyExists."""
        kind = kind_of(obj)
        return self._read(await self._send("POST", kind.path(namespace_of(kind, obj)), self._written(obj)))

    async def update(self, obj: Manifest) -> Manifest:
        """Replace; raise ApiError 409 Conflict when metadata.resourceVersion is given and stale."""
        return self._read(await self._send("PUT", self._path(obj), self._written(obj)))

    async def update_status(self, obj: Manifest) -> Manifest:
        """Replace the status subresource only."""
        return self._read(await self._send("PUT", f"{self._path(obj)}/status", self._written(obj)))

    async def merge(self, ref: Ref, patch: Manifest, *, status: bool = False) -> Manifest:
        """JSON merge patch, of the object or of its status subresource; raise ApiError 404."""
        head = {"apiVersion": ref.kind.api_version, "kind": ref.kind.name}
        body = {key: value for key, value in self._written({**head, **patch}).items() if key not in head}
        path = f"{ref.path}/status" if status else ref.path
        return self._read(await self.connection.send("PATCH", path, self.manager, body, content=MERGE))

    async def delete(self, ref: Ref, *, uid: str = "", grace: int | None = None) -> bool:
        """Delete; False when it is not there (or the uid differs)."""
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options.update({"preconditions": {"uid": uid}} if uid else {})
        options.update({} if grace is None else {"gracePeriodSeconds": grace})
        try:
            await self._send("DELETE", ref.path, options)
        except ApiError as error:
            if error.code in (404, 409):
                return False
            raise
        return True

    async def _send(self, method: str, path: str, body: Manifest | None = None) -> Manifest:
        return await self.connection.send(method, path, self.manager, body)

    def _path(self, obj: Manifest) -> str:
        kind = kind_of(obj)
        return Ref(kind, obj["metadata"]["name"], namespace_of(kind, obj)).path

    def _written(self, obj: Manifest) -> Manifest:
        return self.connection.outgoing(obj)

    def _read(self, obj: Manifest) -> Manifest:
        return self.connection.incoming(obj) if dig(obj, "kind") != "Status" else obj
