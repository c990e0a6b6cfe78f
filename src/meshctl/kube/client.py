"""The verbs of one cluster over HTTPS, as `meshctl.cluster.Client` names them."""

import builtins
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from types import MappingProxyType
from weakref import WeakSet

from meshctl.cluster import ExecResult
from meshctl.errors import NotFoundError, StaleError, UnknownKindError
from meshctl.kube.execute import Command, run
from meshctl.kube.transport import ANYTHING, APPLY, MERGE, Call, Query, Transport
from meshctl.kube.watch import ObjectWatch
from meshctl.names import ACCESS_REVIEW, FIELD_MANAGER, KINDS, POD
from meshctl.objects import Kind, Manifest, Ref, dig

PAGE = 500
LOG_BYTES = 4_000_000
"""How much of a container's last lines is asked for: they may be of any length."""
PROMPT = 5.0  # how long a server may take for what costs it nothing, before it counts as not answering
GONE = 410

_KINDS: Mapping[tuple[str, str], Kind] = MappingProxyType({(kind.api_version, kind.name): kind for kind in KINDS})


class KubeClient:
    """One cluster, as one user."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._lock = Lock()
        self._watches: WeakSet[ObjectWatch] = WeakSet()

    @property
    def cluster(self) -> str:
        """The cluster's name, which every error begins with."""
        return self._transport.cluster

    def get(self, ref: Ref) -> Manifest | None:
        """Return the object, or None when it is not there."""
        try:
            return self._transport.fetch(Call("GET", ref.path))
        except UnknownKindError:
            raise
        except NotFoundError:
            return None

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> builtins.list[Manifest]:
        """Return the objects of a kind, page by page."""
        query = [("labelSelector", labels)] if labels else []
        try:
            return builtins.list(self._pages(kind, namespace, [*query, ("limit", str(PAGE))]))
        except NotFoundError as error:
            if error.status != GONE:
                raise
            # The list took longer than the server keeps its snapshot: take it in one piece.
            return builtins.list(self._pages(kind, namespace, query))

    def watch(self, ref: Ref) -> ObjectWatch:
        """Follow one object."""
        watch = ObjectWatch(self._transport, ref)
        with self._lock:
            self._watches.add(watch)
        return watch

    def apply(
        self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = FIELD_MANAGER
    ) -> Manifest:
        """Server-side apply."""
        query = [("fieldManager", manager), ("force", "true" if force else "false"), *_writing(dry_run=dry_run)]
        path = _ref(manifest).path
        return self._transport.fetch(Call("PATCH", path, query, manifest, APPLY))

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create; a `generateName` will do for a name."""
        ref = _ref(manifest)
        query = [("fieldManager", FIELD_MANAGER), *_writing(dry_run=dry_run)]
        return self._transport.fetch(Call("POST", ref.kind.path(ref.namespace), query, manifest))

    def replace(self, manifest: Manifest) -> Manifest:
        """Put the whole object."""
        query = [("fieldManager", FIELD_MANAGER), *_writing(dry_run=False)]
        return self._transport.fetch(Call("PUT", _ref(manifest).path, query, manifest))

    def merge(self, ref: Ref, patch: Manifest) -> Manifest:
        """JSON merge patch."""
        return self._transport.fetch(Call("PATCH", ref.path, [("fieldManager", FIELD_MANAGER)], patch, MERGE))

    def delete(self, ref: Ref, *, uid: str = "", grace_period: int | None = None) -> bool:
        """Ask for deletion; False when the object (the one with this uid) is not there."""
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        try:
            self._transport.fetch(Call("DELETE", ref.path, body=options))
        except NotFoundError:
            return False
        except StaleError:
            if not uid:
                raise
            return False
        return True

    def exec(self, pod: str, namespace: str, container: str, argv: Sequence[str], timeout: float) -> ExecResult:
        """Run a command in a container."""
        return run(self._transport, Command(namespace, pod, container, tuple(argv), timeout))

    def logs(self, pod: str, namespace: str, container: str, lines: int) -> str:
        """Return the last lines that a container has written."""
        query = [("container", container), ("tailLines", str(lines)), ("limitBytes", str(LOG_BYTES))]
        path = f"{Ref(POD, pod, namespace).path}/log"
        return self._transport.text(Call("GET", path, query, accept=ANYTHING))

    def allowed(
        self, verb: str, resource: str, group: str = "", namespace: str = "", subresource: str = "", name: str = ""
    ) -> bool:
        """Say whether this user may do that."""
        asked = {"verb": verb, "resource": resource, "group": group, "namespace": namespace}
        asked |= {"subresource": subresource, "name": name}
        review: Manifest = {
            "apiVersion": ACCESS_REVIEW.api_version,
            "kind": ACCESS_REVIEW.name,
            "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
        }
        answer = self._transport.fetch(Call("POST", ACCESS_REVIEW.path(), body=review))
        return dig(answer, "status", "allowed") is True

    def version(self) -> str:
        """Return the server's version, like `v1.34.2`."""
        call = Call("GET", "/version", read_timeout=PROMPT)
        return str(self._transport.fetch(call).get("gitVersion") or "")

    def server(self) -> str:
        """Return the API server's URL."""
        return self._transport.host

    def close(self) -> None:
        """Close the idle connections and end the watches that are still open."""
        with self._lock:
            watches = builtins.list(self._watches)
        for watch in watches:
            watch.close()
        self._transport.api.rest_client.close()

    def _pages(self, kind: Kind, namespace: str, query: Query) -> Iterator[Manifest]:
        token = ""
        while True:
            more = [("continue", token)] if token else []
            page = self._transport.fetch(Call("GET", kind.path(namespace), [*query, *more]))
            # The items of a list of built-in kinds do not say what they are.
            yield from ({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page.get("items") or ())
            token = dig(page, "metadata", "continue") or ""
            if not token:
                return


def _writing(*, dry_run: bool) -> list[tuple[str, str]]:
    """Return the query of a write: unknown fields are refused, as kubectl does, not dropped."""
    return [("fieldValidation", "Strict"), *([("dryRun", "All")] if dry_run else [])]


def _ref(manifest: Manifest) -> Ref:
    kind = _KINDS[str(manifest.get("apiVersion")), str(manifest.get("kind"))]
    name, namespace = dig(manifest, "metadata", "name"), dig(manifest, "metadata", "namespace")
    if kind.namespaced and not namespace:
        raise ValueError(f"{kind.name} {name} names no namespace")
    return Ref(kind, name or "", namespace or "")
