"""The HTTP answers: JSON, statuses, lists, tables."""

from collections.abc import Iterable, Sequence

from aiohttp import web

from meshctl.lab.api import ApiError
from meshctl.lab.apiserver.status import NO_RESOURCE, StatusError, status
from meshctl.lab.apiserver.store import Snapshot, encode
from meshctl.lab.apiserver.tables import partial, table
from meshctl.lab.apiserver.targets import Target
from meshctl.objects import Manifest

JSON = "application/json"
_NO_CACHE = "no-cache, private"


def raw(body: bytes, code: int = 200, media: str = JSON, warnings: Iterable[str] = ()) -> web.Response:
    """Answer with bytes."""
    response = web.Response(body=body, status=code)
    response.headers["Content-Type"] = media
    response.headers["Cache-Control"] = _NO_CACHE
    for text in warnings:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


def json_answer(obj: object, code: int = 200, media: str = JSON, warnings: Iterable[str] = ()) -> web.Response:
    """Answer with JSON."""
    return raw(encode(obj) + b"\n", code, media, warnings)


def refusal(error: ApiError) -> web.Response:
    """Answer with a Status; a path that does not exist has none."""
    if error.message == NO_RESOURCE and not (isinstance(error, StatusError) and error.details == {}):
        return raw(b"404 page not found\n", 404, "text/plain; charset=utf-8")
    response = json_answer(status(error), error.code)
    details = error.details if isinstance(error, StatusError) else {}
    if seconds := (details or {}).get("retryAfterSeconds"):
        response.headers["Retry-After"] = str(seconds)
    return response


def one(
    target: Target, snapshot: Snapshot, form: str = "", include: str = "", code: int = 200, warnings: Iterable[str] = ()
) -> web.Response:
    """Answer with one object."""
    if form == "Table":
        obj = snapshot.served(target.api_version)
        return json_answer(table(target.resource, [obj], str(snapshot.revision), include or "Metadata"))
    if form == "PartialObjectMetadata":
        return json_answer(partial(snapshot.obj))
    return raw(snapshot.json(target.api_version), code, warnings=warnings)


def many(
    target: Target, snapshots: Sequence[Snapshot], revision: int, form: str, include: str, rest: tuple[str, int]
) -> web.Response:
    """Answer with a list; `rest` is the continue token and how many remain."""
    token, remaining = rest
    if form == "Table":
        objects = [snapshot.served(target.api_version) for snapshot in snapshots]
        return json_answer(table(target.resource, objects, str(revision), include or "Metadata", token))
    metadata: Manifest = {"resourceVersion": str(revision)}
    if target.resource.custom:
        metadata["continue"] = ""
    if token:
        metadata.update({"continue": token, "remainingItemCount": remaining})
    kind, version = f"{target.resource.kind.name}List", target.api_version
    if form == "PartialObjectMetadataList":
        kind, version = form, "meta.k8s.io/v1"
        items = [encode(partial(snapshot.obj)) for snapshot in snapshots]
    else:
        items = [_item(target, snapshot) for snapshot in snapshots]
    head = encode({"kind": kind, "apiVersion": version, "metadata": metadata})[:-1]
    return raw(b"".join((head, b',"items":[', b",".join(items), b"]}\n")))


def _item(target: Target, snapshot: Snapshot) -> bytes:
    """Return an item of a list: built-in kinds leave apiVersion and kind out there."""
    data = snapshot.json(target.api_version)
    if target.resource.custom:
        return data
    head = encode({"apiVersion": target.api_version, "kind": target.resource.kind.name})[:-1]
    return b"{" + data[len(head) + 1 :]
