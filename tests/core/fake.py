"""A cluster that is a dictionary: enough of `meshctl.cluster.Client` to perform plans on."""

import builtins
import threading
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from meshctl.cluster import ExecResult
from meshctl.names import KINDS
from meshctl.objects import Kind, Manifest, Ref

BY_TYPE = {(kind.api_version, kind.name): kind for kind in KINDS}


def ref_of(manifest: Manifest) -> Ref:
    metadata = manifest["metadata"]
    return Ref(BY_TYPE[manifest["apiVersion"], manifest["kind"]], metadata["name"], metadata.get("namespace", ""))


class FakeWatch:
    def __init__(self, client: "FakeClient", ref: Ref) -> None:
        self.client, self.ref = client, ref
        self.news: SimpleQueue[list[Manifest | None]] = SimpleQueue()
        self.trouble = ""

    def __enter__(self) -> Self:
        self.client.watches.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Manifest | None]:
        if error := self.client.broken_watches.get(self.ref):
            raise error
        yield self.client.objects.get(self.ref)
        while news := self.news.get():
            yield news[0]

    def close(self) -> None:
        if self in self.client.watches:
            self.client.watches.remove(self)
        self.news.put([])


class FakeClient:
    """`answer` replaces the answer of a call by name; a list of errors is raised one after the other first."""

    def __init__(self, cluster: str = "cluster1", objects: Sequence[Manifest] = ()) -> None:
        self.cluster = cluster
        self.objects: dict[Ref, Manifest] = {ref_of(one): deepcopy(one) for one in objects}
        self.calls: list[str] = []
        self.errors: dict[str, list[Exception]] = {}
        self.broken_watches: dict[Ref, Exception] = {}
        self.watches: list[FakeWatch] = []
        self.executed: Callable[[Sequence[str]], ExecResult] = lambda argv: ExecResult("", "", 0)
        self.held: set[Ref] = set()
        self.written: dict[tuple[str, str], list[str]] = {}
        self._lock = threading.Lock()

    def _call(self, verb: str, what: str) -> None:
        with self._lock:
            self.calls.append(f"{verb} {what}")
            waiting = self.errors.get(verb)
            error = waiting.pop(0) if waiting else None
        if error:
            raise error

    def put(self, manifest: Manifest) -> None:
        ref = ref_of(manifest)
        self.objects[ref] = deepcopy(manifest)
        self._tell(ref, self.objects[ref])

    def remove(self, ref: Ref) -> None:
        self.objects.pop(ref, None)
        self._tell(ref, None)

    def _tell(self, ref: Ref, obj: Manifest | None) -> None:
        for watch in [one for one in self.watches if one.ref == ref]:
            watch.news.put([obj])

    def get(self, ref: Ref) -> Manifest | None:
        self._call("get", str(ref))
        return deepcopy(self.objects.get(ref))

    def list(self, kind: Kind, namespace: str = "", labels: str = "") -> builtins.list[Manifest]:
        self._call("list", kind.plural)
        wanted = dict(pair.split("=", 1) for pair in labels.split(",") if pair)
        return [
            deepcopy(obj)
            for ref, obj in self.objects.items()
            if ref.kind == kind
            and (not namespace or ref.namespace == namespace)
            and wanted.items() <= (obj["metadata"].get("labels") or {}).items()
        ]

    def watch(self, ref: Ref) -> FakeWatch:
        return FakeWatch(self, ref)

    def apply(
        self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = "meshctl"
    ) -> Manifest:
        self._call("apply", str(ref_of(manifest)))
        self.put(manifest)
        return manifest

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        self._call("create", str(ref_of(manifest)))
        if not dry_run:
            self.put(manifest)
        return manifest

    def replace(self, manifest: Manifest) -> Manifest:
        self._call("replace", str(ref_of(manifest)))
        self.put(manifest)
        return manifest

    def merge(self, ref: Ref, patch: Manifest) -> Manifest:
        self._call("merge", str(ref))
        return self.objects[ref]

    def delete(self, ref: Ref, *, uid: str = "", grace_period: int | None = None) -> bool:
        self._call("delete", str(ref))
        there = ref in self.objects
        if there and ref not in self.held:
            self.remove(ref)
        return there

    def exec(self, pod: str, namespace: str, container: str, argv: Sequence[str], timeout: float) -> ExecResult:
        self._call("exec", pod)
        return self.executed(argv)

    def logs(self, pod: str, namespace: str, container: str, lines: int) -> str:
        self._call("logs", f"{pod}/{container}")
        return "".join(self.written.get((pod, container), [])[-lines:])

    def allowed(
        self, verb: str, resource: str, group: str = "", namespace: str = "", subresource: str = "", name: str = ""
    ) -> bool:
        return True

    def version(self) -> str:
        self._call("version", "")
        return "v1.34.0"

    def server(self) -> str:
        return "https://10.0.0.1:6443"

    def close(self) -> None:
        return
