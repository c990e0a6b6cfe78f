"""The controllers' way to a real kube-apiserver: the `Api` protocol over HTTPS."""

import asyncio
import base64
import json
import random
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from meshctl.lab.api import ApiError, Change
from meshctl.names import KINDS, NAMESPACE
from meshctl.objects import Kind, Manifest, Ref, dig

_MERGE = "application/merge-patch+json"
_PAGE = 500
_TRIES = 5
_FIRST_PAUSE, _LAST_PAUSE = 0.05, 5.0
_WATCH_SECONDS = 300
_LINE_LIMIT = 8 * 1024 * 1024
_Key = tuple[str, str]
_Objects = list[Manifest]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API server is, and as whom to speak to it. The PEMs are texts, not files."""

    server: str
    ca_pem: str
    token: str = field(default="", repr=False)
    cert_pem: str = ""
    key_pem: str = field(default="", repr=False)


def endpoint_of(kubeconfig: Manifest, context: str, folder: Path | None = None) -> Endpoint:
    """Return the endpoint of a kubeconfig's context; relative file names in it start at `folder`."""
    names = _named(kubeconfig, "contexts", context)["context"]
    cluster = _named(kubeconfig, "clusters", names["cluster"])["cluster"]
    user = _named(kubeconfig, "users", names["user"])["user"]
    return Endpoint(
        cluster["server"],
        _pem(cluster, "certificate-authority", folder),
        user.get("token", ""),
        _pem(user, "client-certificate", folder),
        _pem(user, "client-key", folder),
    )


def _named(kubeconfig: Manifest, kind: str, name: str) -> Manifest:
    found = [entry for entry in kubeconfig.get(kind) or () if entry["name"] == name]
    if not found:
        raise KeyError(f"the kubeconfig has no {kind.removesuffix('s')} {name!r}")
    entry: Manifest = found[0]
    return entry


def _pem(entry: Manifest, name: str, folder: Path | None) -> str:
    data, path = entry.get(f"{name}-data"), entry.get(name)
    if data:
        return base64.b64decode(data).decode()
    return Path(folder or Path(), path).read_text("ascii") if path else ""


def _context(endpoint: Endpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=endpoint.ca_pem or None)
    if endpoint.cert_pem:
        with tempfile.TemporaryDirectory(prefix="meshctl-lab-") as folder:
            path = Path(folder, "client.pem")
            path.touch(mode=0o600)
            path.write_text(endpoint.key_pem + endpoint.cert_pem)
            context.load_cert_chain(path)
    return context


@dataclass(frozen=True, slots=True)
class Remote:
    """A connection pool to one API server, from which clients with their own field managers come."""

    endpoint: Endpoint
    session: aiohttp.ClientSession

    def api(self, manager: str) -> "RemoteApi":
        """Return a client that acts as this field manager."""
        return RemoteApi(self.endpoint.server.rstrip("/"), self.session, manager)


@asynccontextmanager
async def connect(endpoint: Endpoint) -> AsyncIterator[Remote]:
    """Yield a connection pool; close it in the end."""
    headers = {"Authorization": f"Bearer {endpoint.token}"} if endpoint.token else {}
    connector = aiohttp.TCPConnector(ssl=_context(endpoint), limit=0)
    timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=timeout, read_bufsize=_LINE_LIMIT
    ) as session:
        yield Remote(endpoint, session)


@dataclass(frozen=True, slots=True)
class RemoteApi:
    """One client of one cluster, with its own field manager."""

    server: str
    session: aiohttp.ClientSession
    manager: str

    async def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None when it (or its kind) is not there."""
        try:
            return await self._ask("GET", ref.path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def list(self, kind: Kind, namespace: str = "", labels: Mapping[str, str] | None = None) -> list[Manifest]:
        """Return the objects of a kind; raise 404 when the kind is not served."""
        items, _ = await self._pages(kind, namespace, labels)
        return items

    async def watch(self, kind: Kind, namespace: str = "") -> AsyncIterator[Change]:
        """Yield what is there now, then every change; list again whenever the stream ends or breaks."""
        known: dict[_Key, Manifest] = {}
        pause = _FIRST_PAUSE
        while True:
            try:
                items, version = await self._pages(kind, namespace, None)
                for change in _catch_up(known, items):
                    yield change
                async for change in self._stream(kind, namespace, version):
                    _remember(known, change)
                    yield change
                    pause = _FIRST_PAUSE
            except ApiError:
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, _LAST_PAUSE)

    async def create(self, obj: Manifest) -> Manifest:
        """Create; raise 409 AlreadyExists."""
        metadata = obj["metadata"]
        kind = _kind_of(obj)
        namespace = metadata.get("namespace") or ("default" if kind.namespaced else "")
        return await self._ask("POST", kind.path(namespace), body=obj)

    async def update(self, obj: Manifest) -> Manifest:
        """Replace; raise 409 Conflict when metadata.resourceVersion is given and stale."""
        ref = _ref_of(obj)
        if ref.kind == NAMESPACE and "deletionTimestamp" in obj["metadata"] and not dig(obj, "spec", "finalizers"):
            return await self._ask("PUT", f"{ref.path}/finalize", body=obj)
        return await self._replace(ref, obj, "")

    async def update_status(self, obj: Manifest) -> Manifest:
        """Replace the status subresource only."""
        return await self._replace(_ref_of(obj), obj, "/status")

    async def merge(self, ref: Ref, patch: Manifest, *, status: bool = False) -> Manifest:
        """JSON merge patch, of the object or of its status subresource; raise ApiError 404."""
        path = f"{ref.path}/status" if status else ref.path
        return await self._ask("PATCH", path, body=patch, media=_MERGE)

    async def delete(self, ref: Ref, *, uid: str = "", grace: int | None = None) -> bool:
        """Delete; False when it is not there (or the uid differs)."""
        options: Manifest = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            await self._ask("DELETE", ref.path, body=options)
        except ApiError as error:
            if error.code in (404, 409):
                return False
            raise
        return True

    async def _replace(self, ref: Ref, obj: Manifest, part: str) -> Manifest:
        """Replace; some kinds demand a resourceVersion for that: without one, take the newest."""
        if obj["metadata"].get("resourceVersion"):
            return await self._ask("PUT", ref.path + part, body=obj)
        for attempt in range(_TRIES):
            live = await self._ask("GET", ref.path)
            version = live["metadata"]["resourceVersion"]
            newest = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
            try:
                return await self._ask("PUT", ref.path + part, body=newest)
            except ApiError as error:
                if error.reason != "Conflict" or attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    async def _pages(self, kind: Kind, namespace: str, labels: Mapping[str, str] | None) -> tuple[_Objects, str]:
        query = {"limit": str(_PAGE)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
        items: _Objects = []
        while True:
            page = await self._ask("GET", kind.path(namespace), query=query)
            envelope = {"apiVersion": kind.api_version, "kind": kind.name}
            items += [{**envelope, **item} for item in page.get("items") or ()]
            rest = page["metadata"].get("continue")
            if not rest:
                return items, page["metadata"].get("resourceVersion", "")
            query["continue"] = rest

    async def _stream(self, kind: Kind, namespace: str, version: str) -> AsyncIterator[Change]:
        """Yield the changes after a version until the stream ends; raise ApiError when it breaks."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=_WATCH_SECONDS + 30)
        try:
            async with self.session.get(self.server + kind.path(namespace), params=query, timeout=timeout) as answer:
                if answer.status != 200:
                    raise _refusal(answer.status, await answer.read())
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _refusal(event["object"].get("code", 500), json.dumps(event["object"]).encode())
                    if event["type"] != "BOOKMARK":
                        yield Change(event["type"], event["object"])
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _unreachable(error) from error

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Manifest | None = None,
        media: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Send one request; what is safe to repeat is repeated a few times when the server does not answer."""
        params = dict(query or {})
        if method in ("POST", "PUT", "PATCH"):
            params["fieldManager"] = self.manager
        data = None if body is None else json.dumps(body).encode()
        pause = _FIRST_PAUSE
        for attempt in range(_TRIES):
            try:
                return await self._once(method, self.server + path, params, data, media)
            except ApiError as error:
                if attempt == _TRIES - 1 or not _repeatable(method, error):
                    raise
            await asyncio.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    async def _once(self, method: str, url: str, params: Mapping[str, str], data: bytes | None, media: str) -> Manifest:
        headers = {"Content-Type": media} if data is not None else {}
        try:
            async with self.session.request(method, url, params=params, data=data, headers=headers) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unreachable(error) from error
        if answer.status >= 400:
            raise _refusal(answer.status, content)
        found: Manifest = json.loads(content)
        return found


def _repeatable(method: str, error: ApiError) -> bool:
    return error.code == 429 or (method == "GET" and error.code >= 500)


def _unreachable(error: Exception) -> ApiError:
    return ApiError(503, "ServiceUnavailable", f"the API server does not answer: {error or type(error).__name__}")


def _refusal(code: int, content: bytes) -> ApiError:
    try:
        status: Any = json.loads(content)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        return ApiError(code, "", content.decode(errors="replace").strip())
    return ApiError(code, status.get("reason", ""), status.get("message", ""))


def _key(obj: Manifest) -> _Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _remember(known: dict[_Key, Manifest], change: Change) -> None:
    if change.type == "DELETED":
        known.pop(_key(change.obj), None)
    else:
        known[_key(change.obj)] = change.obj


def _catch_up(known: dict[_Key, Manifest], items: list[Manifest]) -> Iterator[Change]:
    """Yield what has happened between what was known and what is there now, and know it."""
    present = {_key(item): item for item in items}
    for key in [key for key in known if key not in present]:
        yield Change("DELETED", known.pop(key))
    for key, item in present.items():
        before = known.get(key)
        known[key] = item
        if before is None:
            yield Change("ADDED", item)
        elif before["metadata"]["uid"] != item["metadata"]["uid"]:
            yield Change("DELETED", before)
            yield Change("ADDED", item)
        elif before["metadata"].get("resourceVersion") != item["metadata"].get("resourceVersion"):
            yield Change("MODIFIED", item)


def _kind_of(obj: Manifest) -> Kind:
    for kind in KINDS:
        if (kind.api_version, kind.name) == (obj.get("apiVersion"), obj.get("kind")):
            return kind
    raise ApiError(404, "NotFound", "the server could not find the requested resource")


def _ref_of(obj: Manifest) -> Ref:
    kind, metadata = _kind_of(obj), obj["metadata"]
    return Ref(kind, metadata["name"], metadata.get("namespace") or ("default" if kind.namespaced else ""))
