"""One Kubernetes control plane in this process: store, rules, HTTPS server and credentials put together."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from meshctl.lab.apiserver import bootstrap, crds
from meshctl.lab.apiserver.auth import Authenticator
from meshctl.lab.apiserver.hooks import Changed, Hooks, User
from meshctl.lab.apiserver.local import LocalApi
from meshctl.lab.apiserver.objects import Objects, objects_of
from meshctl.lab.apiserver.plane import Plane
from meshctl.lab.apiserver.rbac import Authorizer
from meshctl.lab.apiserver.removal import Removal
from meshctl.lab.apiserver.resources import Catalog
from meshctl.lab.apiserver.server import Server
from meshctl.lab.apiserver.store import Event, Store
from meshctl.lab.apiserver.tls import Authority, new_authority
from meshctl.names import CRD


class EmbeddedCluster:
    """A cluster that exists as soon as it is made, and is reachable over HTTPS between `start` and `stop`."""

    def __init__(self, name: str, hooks: Hooks | None = None, *, addresses: Sequence[str] = ()) -> None:
        self.name = name
        self.hooks = hooks or Hooks()
        self.store = Store()
        self.catalog = Catalog()
        self.objects: Objects = objects_of(self.store, self.catalog, self.hooks.call_webhook, self._now)
        self.removal = Removal(self.objects)
        self.authority: Authority = new_authority(f"{name}-ca")
        self.auth = Authenticator(name, self.store, self.hooks.expired)
        self.rbac = Authorizer(name, self.store, self.hooks.denied)
        self.store.listen(self._follow)
        bootstrap.fill(self.store, self.objects.addresses, self._now())
        plane = Plane(name, self.hooks, self.objects, self.removal, self.auth, self.rbac)
        self.server = Server(plane, self.authority.context(addresses))

    def _now(self) -> str:
        shown = datetime.now(UTC) + timedelta(seconds=self.hooks.clock_skew())
        return shown.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def port(self) -> int:
        """The port on 127.0.0.1, once started."""
        return self.server.port

    @property
    def url(self) -> str:
        """The server's address as a kubeconfig has it."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_pem(self) -> str:
        """The certificate authority of the API server, which also signs client certificates."""
        return self.authority.pem

    def api(self, manager: str) -> LocalApi:
        """Return a client that acts as this field manager."""
        return LocalApi(self.objects, self.removal, manager)

    def add_user_token(self, token: str, user: str, groups: Sequence[str] = ("system:masters",)) -> None:
        """Accept a bearer token."""
        self.auth.add_token(token, User(user, (*groups, "system:authenticated")))

    def client_certificate(self, user: str, groups: Sequence[str] = ("system:masters",)) -> tuple[str, str]:
        """Return the PEM of a client certificate and its key."""
        return self.authority.client(user, groups)

    async def start(self, port: int = 0) -> None:
        """Listen on 127.0.0.1."""
        await self.server.start(port)

    async def stop(self) -> None:
        """Stop listening and end every request."""
        await self.server.stop()

    def _follow(self, resource: str, event: Event) -> None:
        """Serve what definitions define; let definitions go; tell the world of the change."""
        if resource == CRD.resource:
            self._follow_definition(event)
        self.removal.follow(resource, event)
        namespace, name = event.snapshot.key
        found = self.catalog.by_key(resource)
        if found is None:
            return
        before = event.before.obj if event.before else None
        after = None if event.type == "DELETED" else event.snapshot.obj
        self.hooks.changed(Changed(_clock(), self.name, event.type, found.kind, namespace, name, before, after))

    def _follow_definition(self, event: Event) -> None:
        spec = event.snapshot.obj["spec"]
        if event.type == "DELETED":
            self.catalog.remove(spec["group"], spec["names"]["plural"])
        else:
            resource = crds.resource_of(event.snapshot.obj)
            self.catalog.add(resource)
            self.store.begin(resource.key)


def _clock() -> float:
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return 0.0
