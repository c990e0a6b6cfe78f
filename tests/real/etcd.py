"""Take what an etcd holds back to what it held before: new clusters in a moment, without starting servers anew.

An API server and its controllers learn of it by their watches, as of any other change.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

REGISTRY: Final = "/registry/"
REGISTRY_END: Final = "/registry0"  # "0" comes after "/"
HEARTBEATS: Final = "/registry/leases/kube-system/"
"""What API servers write every few seconds to say that they live."""
REQUEST_SECONDS: Final = 30.0
CALM_SECONDS: Final = 0.2
PASSES: Final = 50


class EtcdError(Exception):
    """An etcd did not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key's content, encoded as etcd's JSON interface does, and the revision that wrote it."""

    value: str
    revision: int


Content = dict[str, Entry]
"""Entries by their keys, which are encoded too."""


class Etcd:
    """An etcd on a Unix socket, by its JSON interface."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def content(self) -> Content:
        """Return all that API servers have stored, but for their heartbeats."""
        return dict(self._range(keys_only=False))

    def settled(self) -> Content:
        """Return the same, once nobody writes any more and all namespaces have what each is born with."""
        before = self.content()
        for _ in range(PASSES):
            time.sleep(CALM_SECONDS)
            now = self.content()
            if now == before and furnished(now):
                return now
            before = now
        message = f"somebody still writes after {PASSES} looks"
        raise EtcdError(message)

    def restore(self, wanted: Content) -> None:
        """Bring back `wanted` and delete everything else, until nobody writes any more."""
        for _ in range(PASSES):
            changes = list(differences(dict(self._range(keys_only=True)), wanted))
            if not changes:
                return
            header = self._ask("txn", {"success": changes})["header"]
            for change in changes:
                if "request_put" in change:
                    key = change["request_put"]["key"]
                    wanted[key] = Entry(wanted[key].value, int(header["revision"]))
            time.sleep(CALM_SECONDS)  # a controller may be at work on what has just gone
        message = f"somebody still writes after {PASSES} passes"
        raise EtcdError(message)

    def compact(self) -> None:
        """Forget what was before now, as API servers have it done every few minutes: who asks for that gets 410."""
        revision = self._ask("range", {"key": encoded(REGISTRY)})["header"]["revision"]
        self._ask("compaction", {"revision": revision, "physical": True})

    def _range(self, *, keys_only: bool) -> Iterator[tuple[str, Entry]]:
        question = {"key": encoded(REGISTRY), "range_end": encoded(REGISTRY_END), "keys_only": keys_only}
        for one in self._ask("range", question).get("kvs", ()):
            if not base64.b64decode(one["key"]).startswith(HEARTBEATS.encode()):
                yield one["key"], Entry(one.get("value", ""), int(one["mod_revision"]))

    def _ask(self, what: str, question: Mapping[str, object]) -> dict[str, Any]:
        connection = UnixConnection(self._path)
        try:
            connection.request("POST", f"/v3/kv/{what}", json.dumps(question))
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.client.OK:
            message = f"etcd answers {response.status} to {what}: {answer.get('message', '')}"
            raise EtcdError(message)
        return answer


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=REQUEST_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(REQUEST_SECONDS)
        self.sock.connect(str(self._path))


def differences(now: Content, wanted: Content) -> Iterator[dict[str, Any]]:
    """Return the operations that make `wanted` of `now`."""
    for key in now.keys() - wanted.keys():
        yield {"request_delete_range": {"key": key}}
    for key, entry in wanted.items():
        if key not in now or now[key].revision != entry.revision:
            yield {"request_put": {"key": key, "value": entry.value}}


def kept(content: Content, prefixes: Iterable[str]) -> Content:
    """Return the entries whose keys begin with one of the prefixes."""
    beginnings = tuple(prefix.encode() for prefix in prefixes)
    return {key: entry for key, entry in content.items() if base64.b64decode(key).startswith(beginnings)}


def furnished(content: Content) -> bool:
    """Say whether the controllers have been through all namespaces."""
    spaces = [base64.b64decode(key).decode().rpartition("/")[2] for key in kept(content, [f"{REGISTRY}namespaces/"])]
    born = ("serviceaccounts/{}/default", "configmaps/{}/kube-root-ca.crt")
    return all(encoded(REGISTRY + one.format(space)) in content for space in spaces for one in born)


def encoded(key: str) -> str:
    """Return a key as etcd's JSON interface takes it."""
    return base64.b64encode(key.encode()).decode("ascii")
