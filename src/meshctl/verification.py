"""The result of a verification as a value: who was asked, who answered, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Matrix:
    """How often each version answered requests sent from each cluster.

    `versions` names the version that runs on each cluster, in the order of `clusters`. `counts` maps (from, version) to
    answers; a pair that is not there was never seen. `requests` is how many were sent from each cluster
    (the most, where they differ). `hints` says,
    for a pair that is missing, what is likely open.
    """

    clusters: tuple[str, ...]
    versions: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]
    requests: int
    hints: Mapping[tuple[str, str], str]

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return every (from, version) that has to be seen, row by row."""
        return tuple((cluster, version) for cluster in self.clusters for version in self.versions)

    def count(self, cluster: str, version: str) -> int:
        """Return how often `version` answered `cluster`."""
        return self.counts.get((cluster, version), 0)

    def missing(self) -> tuple[tuple[str, str], ...]:
        """Return the pairs that were never seen, row by row."""
        return tuple(pair for pair in self.pairs() if self.count(*pair) == 0)

    def complete(self) -> bool:
        """Say whether every version answered every cluster; an empty matrix proves nothing."""
        return bool(self.pairs()) and not self.missing()

    def home(self, version: str) -> str:
        """Return the cluster that `version` runs on, empty when versions and clusters do not go in pairs."""
        if len(self.versions) != len(self.clusters) or version not in self.versions:
            return ""
        return self.clusters[self.versions.index(version)]
