"""What reading does not show, tried: dry runs, reviews of tokens, ports from the other side. Nothing is stored."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from meshctl.checks.probes import injection_works
from meshctl.cluster import Client
from meshctl.errors import MeshctlError, StoppedError
from meshctl.names import TOKEN_REVIEW
from meshctl.objects import Manifest, Verdict, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Trials:
    """What was tried, by cluster; what is missing was not tried, or could not be.

    `addresses` are the IPs that lead to a cluster's gateway, hostnames resolved. `injections` are dry runs of a gateway
    pod. `tokens` says whether a remote accepts the token in its remote secret.
    """

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    injections: Mapping[str, Verdict] = field(default_factory=dict)
    tokens: Mapping[str, bool] = field(default_factory=dict)


def tried(work: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Do all of it at the same time; what cannot be tried is left out."""

    def one(do: Callable[[], T]) -> T | MeshctlError:
        try:
            return do()
        except StoppedError:
            raise
        except MeshctlError as error:
            return error

    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        answers = dict(zip(work, pool.map(one, work.values()), strict=True))
    return {name: answer for name, answer in answers.items() if not isinstance(answer, MeshctlError)}


def inject(clients: Clients, cluster: Cluster) -> Callable[[], Verdict]:
    """Return the dry run of a gateway pod."""
    return lambda: injection_works(clients, cluster)


def review(client: Client, token: str) -> Callable[[], bool]:
    """Return the question to a cluster whether it accepts a token."""
    asked: Manifest = {"apiVersion": TOKEN_REVIEW.api_version, "kind": TOKEN_REVIEW.name, "spec": {"token": token}}
    return lambda: dig(client.create(asked), "status", "authenticated") is True
