"""The clusters as the lab's controllers see them: a way to their API, and how they reach each other."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from meshctl.lab.api import Api
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Faults


class Flavour(StrEnum):
    """Whose Sail operator runs: the platform vendor's build, or the upstream project's."""

    VENDOR = "vendor"
    UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class Site:
    """One cluster. `api` makes a client that acts as the given field manager.

    `context` is its name in the kubeconfig (east, west, west2 ...); `node_address` the InternalIP of its control-plane
    node: `https://<node_address>:6443` is its API server as pods of other clusters reach it.
    """

    context: str
    node_address: str
    api: Callable[[str], Api]


@dataclass(frozen=True, slots=True)
class World:
    """Everything a controller may know besides the APIs. No site is special: roles follow from the objects."""

    sites: tuple[Site, ...]
    delays: Delays
    faults: Faults
    flavour: Flavour = Flavour.VENDOR

    def site(self, context: str) -> Site:
        """Return the site of that context."""
        return next(site for site in self.sites if site.context == context)
