"""The result of a diagnosis: every link of every chain with its state, and the findings that matter."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from meshctl.checks.catalog.check import Check
from meshctl.checks.finding import Finding
from meshctl.spec import Cluster, MeshSpec


class State(StrEnum):
    """What a link is: `broken` is the first of its chain, `consequence` a later one, `unknown` could not be judged."""

    WHOLE = "whole"
    BROKEN = "broken"
    CONSEQUENCE = "consequence"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judged:
    """One link of one chain. `finding` is there when it is broken; `why` says why it could not be judged.

    `hidden` is whether that is a matter of rights: somebody else could judge it by the same objects.
    """

    check: Check
    whole: str
    state: State
    finding: Finding | None = None
    why: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """The links of one cluster, cause before effect. That of the primary comes before that of every remote."""

    cluster: Cluster
    shared: bool
    links: tuple[Judged, ...]

    @property
    def first(self) -> Finding | None:
        """The first broken link."""
        return next((one.finding for one in self.links if one.state is State.BROKEN), None)

    def broken_before(self, code: str) -> bool:
        """Say whether a link is broken that comes before the one with this code."""
        before = takewhile(lambda one: one.check.code != code, self.links)
        return any(one.state is State.BROKEN for one in before)

    @property
    def consequences(self) -> tuple[Finding, ...]:
        """What is broken further down."""
        return tuple(one.finding for one in self.links if one.state is State.CONSEQUENCE and one.finding)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A mesh judged. `mesh` has the names that its clusters really have."""

    mesh: MeshSpec
    chains: tuple[Chain, ...]
    warnings: tuple[Finding, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether no link is broken."""
        return not any(chain.first for chain in self.chains)

    @property
    def first(self) -> tuple[Finding, ...]:
        """The first broken link: that of the shared part, or else one of each remote's chain."""
        return tuple(one for one in self._first())

    @property
    def following(self) -> tuple[Finding, ...]:
        """What else is broken, and may follow from the first."""
        first = self.first
        found = [one for chain in self.chains for one in (chain.first, *chain.consequences) if one]
        return tuple(one for one in found if one not in first)

    def _first(self) -> Iterator[Finding]:
        for chain in self.chains:
            if chain.first:
                yield chain.first
                if chain.shared:
                    return
