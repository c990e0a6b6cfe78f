"""The faults of an API server itself: what they do to the requests of users, never to those of the lab's own parts."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from meshctl.lab.apiserver.hooks import Asked, Disturbance, Seen
from meshctl.lab.faults import Faults

WATCH_LIFE = 1.0
HEALTH_PATHS = ("/readyz", "/livez", "/healthz")


@dataclass(frozen=True, slots=True)
class Disturber:
    """Spoils the requests to one cluster as the faults in force say; `chance` draws from [0, 1)."""

    faults: Faults
    cluster: str
    chance: Callable[[], float] = random.random

    def disturb(self, seen: Seen) -> Disturbance | None:
        """Say how to spoil a request."""
        if self.faults.on("api-down", self.cluster):
            return Disturbance(hang=True)
        if seen.path in HEALTH_PATHS:
            return None
        if self.faults.on("expired-token", self.cluster):
            return Disturbance(status=401, message="Unauthorized")
        delay = self.faults.number("api-slow", self.cluster)
        if self._hit("api-reset"):
            return Disturbance(delay=delay, reset=True)
        if self._hit("api-429"):
            text = "Too many requests, please try again later."
            return Disturbance(delay=delay, status=429, message=text, retry_after=1)
        if self._hit("api-500"):
            text = "etcdserver: request timed out"
            return Disturbance(delay=delay, status=500, message=text)
        return Disturbance(delay=delay) if delay else None

    def denied(self, asked: Asked) -> bool:
        """Say whether a right is refused whatever the roles grant."""
        resource = self.faults.value("rbac-denied", self.cluster)
        if not resource:
            return False
        # Whoever lacks one right does not have them all either.
        return asked.resource == "*" or resource in (asked.resource, f"{asked.resource}.{asked.group}")

    def watch_lifetime(self) -> float | None:
        """Return after how many seconds a watch ends with 410 Gone."""
        return WATCH_LIFE if self.faults.on("watch-gone", self.cluster) else None

    def version(self) -> str:
        """Return the version that the API server says it is, nothing for its own."""
        return self.faults.value("old-kubernetes", self.cluster) or ""

    def clock_skew(self) -> float:
        """Return by how many seconds the clock is off."""
        return self.faults.number("clock-skew", self.cluster)

    def _hit(self, name: str) -> bool:
        return self.chance() < self.faults.number(name, self.cluster)
