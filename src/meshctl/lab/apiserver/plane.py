"""The parts of one control plane that its HTTP side works with."""

from dataclasses import dataclass

from meshctl.lab.apiserver.auth import Authenticator
from meshctl.lab.apiserver.hooks import Hooks
from meshctl.lab.apiserver.objects import Objects
from meshctl.lab.apiserver.rbac import Authorizer
from meshctl.lab.apiserver.removal import Removal
from meshctl.lab.apiserver.resources import Catalog
from meshctl.lab.apiserver.store import Store


@dataclass(frozen=True, slots=True)
class Plane:
    """One control plane."""

    name: str
    hooks: Hooks
    objects: Objects
    removal: Removal
    auth: Authenticator
    rbac: Authorizer

    @property
    def store(self) -> Store:
        """The objects and their history."""
        return self.objects.store

    @property
    def catalog(self) -> Catalog:
        """What is served."""
        return self.objects.catalog
