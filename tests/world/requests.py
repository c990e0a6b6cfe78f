"""What meshctl has asked of two clusters: from the lab's log of requests, or real API servers' audit logs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from meshctl.names import LOCK

AGENT = "meshctl"
METHODS = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}


def is_write(request: dict[str, Any]) -> bool:
    """Say whether a request changes something: dry runs, and questions about rights and tokens, do not."""
    asks = any(word in request["path"] for word in ("subject", "tokenreviews"))
    return request["method"] != "GET" and not request["query"].get("dryRun") and not asks


def is_release(request: dict[str, Any]) -> bool:
    """Say whether a request gives up the lock of a cluster, which a run does at its end."""
    return (request["method"], request["path"]) == ("DELETE", LOCK.path)


def ours(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return meshctl's own."""
    return [one for one in requests if one["agent"].startswith(AGENT)]


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log of a real API server, from some point on."""

    context: str
    path: Path
    begin: int

    def requests(self) -> Iterator[dict[str, Any]]:
        """Yield what was asked since, in the words of the lab's log."""
        with self.path.open("rb") as log:
            log.seek(self.begin)
            for line in log:
                event = json.loads(line)
                place = urlsplit(event["requestURI"])
                yield {
                    "cluster": self.context,
                    "agent": event.get("userAgent", ""),
                    "method": METHODS.get(event["verb"], "GET"),
                    "path": place.path,
                    "query": {key: values[-1] for key, values in parse_qs(place.query).items()},
                    "status": event["responseStatus"]["code"],
                }
