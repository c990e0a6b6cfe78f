"""Ports of gateways tried from the other side: curl in a gateway pod, which istio's own image brings along.

An image without curl (distroless) leaves the answer open; nothing is installed anywhere to get one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from meshctl.checks.probes import is_injected, running
from meshctl.cluster import Client
from meshctl.conditions import condition_of
from meshctl.names import ISTIO_SYSTEM
from meshctl.objects import Manifest, dig
from meshctl.spec.addresses import bracketed

XDS_PORT, WEBHOOK_PORT, DATA_PORT, HEALTH_PORT = 15012, 15017, 15443, 15021
MARK = "port"
SECONDS = 3
REFUSED_CODE, TIMEOUT_CODE = 7, 28
UNTOLD = frozenset({2, 3, 6})
"""curl's exit codes that tell nothing of a port: a command line or URL it does not take, a name it cannot resolve."""


class Knock(StrEnum):
    """What became of an attempt to connect."""

    REACHED = "reached"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Door:
    """One port of one cluster's gateway."""

    cluster: str
    address: str
    port: int

    @property
    def url(self) -> str:
        """What curl asks for; all ports but that of the gateway's health speak TLS."""
        host = bracketed(self.address)
        return (
            f"http://{host}:{self.port}/healthz/ready" if self.port == HEALTH_PORT else f"https://{host}:{self.port}/"
        )


def knock(client: Client, pod: str, doors: Iterable[Door]) -> dict[Door, Knock]:
    """Try all doors at the same time from a gateway pod; what it could not tell is left out."""
    by_url = {door.url: door for door in doors}
    answer = client.exec(pod, ISTIO_SYSTEM, "istio-proxy", command(by_url), SECONDS * 3.0)
    return {by_url[url]: found for url, found in parse(answer.stdout).items() if url in by_url}


def command(urls: Iterable[str]) -> tuple[str, ...]:
    """Return the command line: no certificate is checked, for whoever answers is good enough."""
    told = rf"\n{MARK} %{{url}} %{{exitcode}} %{{time_connect}}\n"
    limits = ("--connect-timeout", str(SECONDS), "--max-time", str(SECONDS + 1))
    return ("curl", "-s", "-k", "-Z", *limits, "-w", told, *urls)


def parse(text: str) -> Mapping[str, Knock]:
    """Read what curl said of each URL."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 4 and words[0] == MARK and words[2].isdecimal() and int(words[2]) not in UNTOLD:
            found[words[1]] = outcome(int(words[2]), connected=words[3].strip("0.") != "")
    return found


def outcome(code: int, *, connected: bool) -> Knock:
    """Return what an exit code of curl means for the port: a connection that TLS or HTTP fail on is a connection."""
    if connected or code not in (REFUSED_CODE, TIMEOUT_CODE):
        return Knock.REACHED
    return Knock.REFUSED if code == REFUSED_CODE else Knock.DROPPED


def vantage(pods: Iterable[Manifest]) -> str:
    """Return the gateway pod to try from: a ready one if there is one, empty when none runs."""
    candidates = [pod for pod in running(pods) if is_injected(pod)]
    candidates.sort(key=lambda pod: condition_of(pod, "Ready").get("status") != "True")
    return str(dig(candidates[0], "metadata", "name")) if candidates else ""
