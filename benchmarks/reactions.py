"""How fast a change in a cluster leads to the request that was waiting for it, read from the lab's own two logs.

Both logs carry the same clock. For each pair it is said exactly which change lets a step go on, and which request is
the first write (or question) of what comes next; everything in between, such as facts that are asked for, counts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from meshctl.names import GATEWAY_DEPLOYMENT, GATEWAY_SERVICE, READER_ACCOUNT, READER_TOKEN, THE_ISTIO, remote_secret
from meshctl.objects import Ref

Entry = Mapping[str, Any]
"""An entry of one of the lab's logs."""

PODS = "/api/v1/namespaces/istio-system/pods"


@dataclass(frozen=True, slots=True)
class Pair:
    """A change, and the request that it is the last condition for. `last` takes the last such change, not the first."""

    what: str
    cause: Callable[[Entry], bool]
    effect: Callable[[Entry], bool]
    last: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """How long one request took to follow its change."""

    what: str
    seconds: float


def change(context: str, ref: Ref, parts: str = "", state: str = "") -> Callable[[Entry], bool]:
    """Return what recognizes a change of an object: of this part of it, to this state."""

    def matches(entry: Entry) -> bool:
        who = (entry["cluster"], entry["kind"], entry["namespace"], entry["name"])
        same = who == (context, ref.kind.name, ref.namespace, ref.name) and entry["type"] != "DELETED"
        return same and (not parts or parts in entry["parts"]) and (not state or entry["state"] == state)

    return matches


def request(context: str, method: str, path: str, *query: str) -> Callable[[Entry], bool]:
    """Return what recognizes a request of meshctl's; `query` are parameters that it must have."""

    def matches(entry: Entry) -> bool:
        mine = str(entry["agent"]).startswith("meshctl")
        return (
            mine
            and (entry["cluster"], entry["method"], entry["path"]) == (context, method, path)
            and all(parameter in entry["query"] for parameter in query)
        )

    return matches


def pairs(remotes: Sequence[str]) -> Iterator[Pair]:
    """Yield what is to be measured in an install on a lab with these remotes, in the order of their names."""
    yield Pair(
        "the primary's Istio is ready → a pod is tried",
        change("east", THE_ISTIO, "status", "Healthy"),
        request("east", "POST", PODS, "dryRun"),
    )
    yield gateway("east")
    for number, west in enumerate(remotes, 2):
        secret = remote_secret(f"cluster{number}")
        yield Pair(
            "the primary's gateway has an address → a remote's Istio is applied",
            change("east", GATEWAY_SERVICE, "status"),
            request(west, "PATCH", THE_ISTIO.path),
            last=True,
        )
        yield Pair(
            "the reader account is there → its token is asked for",
            change(west, READER_ACCOUNT),
            request(west, "PATCH", READER_TOKEN.path),
        )
        yield Pair(
            "the token is filled in → the remote secret is applied",
            change(west, READER_TOKEN, "data"),
            request("east", "PATCH", secret.path),
            last=True,
        )
        yield Pair(
            "a remote's Istio is ready → a pod is tried",
            change(west, THE_ISTIO, "status", "Healthy"),
            request(west, "POST", PODS, "dryRun"),
        )
        yield gateway(west)


def gateway(context: str) -> Pair:
    """Return the pair of a gateway that has become available."""
    return Pair(
        "a gateway is available → its pods are looked at",
        change(context, GATEWAY_DEPLOYMENT, "status"),
        request(context, "GET", PODS, "labelSelector"),
        last=True,
    )


def reactions(wanted: Iterable[Pair], changes: Sequence[Entry], requests: Sequence[Entry]) -> list[Reaction]:
    """Return how long each request took to follow; raise when a change or its request is not in the logs."""
    return [reaction(pair, changes, requests) for pair in wanted]


def reaction(pair: Pair, changes: Sequence[Entry], requests: Sequence[Entry]) -> Reaction:
    """Return how long the request of a pair took to follow."""
    causes = [float(entry["time"]) for entry in changes if pair.cause(entry)]
    if not causes:
        raise LookupError(f"no such change: {pair.what}")
    cause = causes[-1] if pair.last else causes[0]
    followed = [float(entry["time"]) for entry in requests if pair.effect(entry) and float(entry["time"]) >= cause]
    if not followed:
        raise LookupError(f"no request followed: {pair.what}")
    return Reaction(pair.what, followed[0] - cause)
