"""What containers of a lab have written: a few lines each, made from what is known of them, and what tests add."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from meshctl.lab.api import ApiError
from meshctl.lab.controllers.shapes import env_of, name_of
from meshctl.lab.istiods import Istiod, Istiods
from meshctl.lab.sites import Site
from meshctl.names import POD
from meshctl.objects import Manifest, Ref, dig

CLIENT = "lab-logs"
LISTS = ("containers", "initContainers")


@dataclass(slots=True)
class ContainerLogs:
    """The logs of every container. `written` are lines that no state tells, by context, pod and container."""

    istiods: Istiods
    written: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    async def read(self, site: Site, namespace: str, pod: str, container: str) -> bytes:
        """Return what a container has written; raise 400 while it has not started, as a kubelet does."""
        found = await site.api(CLIENT).get(Ref(POD, pod, namespace))
        if found is None:
            raise ApiError(404, "NotFound", f'pods "{pod}" not found')
        started = started_at(found, container)
        if not started:
            reason = waiting_for(found, container) or "ContainerCreating"
            raise ApiError(400, "BadRequest", f'container "{container}" in pod "{pod}" is waiting to start: {reason}')
        said = [*self._told(site, found, container), *self.written[site.context, pod, container]]
        return "".join(f"{started}\tinfo\t{line}\n" for line in said).encode()

    def _told(self, site: Site, pod: Manifest, container: str) -> Iterator[str]:
        yield f"{container} of {name_of(pod)} has started"
        istiod = self.istiods.in_pod(site.context, name_of(pod)) if container == "discovery" else None
        if istiod is not None:
            yield from of_istiod(istiod)
        if container == "istio-proxy":
            proxy = next(one for which in LISTS for one in dig(pod, "spec", which) or () if one["name"] == container)
            env = env_of(proxy)
            yield f"connected to upstream XDS server: {env.get('CA_ADDR') or 'istiod.istio-system.svc:15012'}"


def of_istiod(istiod: Istiod) -> Iterator[str]:
    """Yield what an istiod says of the clusters it was told about."""
    for remote in istiod.remotes.values():
        yield f"Adding cluster\tcluster={remote.id} secret={remote.secret}"
        yield f"Cluster {remote.id} is {remote.status}"


def started_at(pod: Manifest, container: str) -> str:
    """Return when a container began to run, empty while it has not."""
    for state in _states(pod, container):
        for how in ("running", "terminated"):
            if started := dig(state, how, "startedAt"):
                return str(started)
    return ""


def waiting_for(pod: Manifest, container: str) -> str:
    """Return why a container does not run yet."""
    return next((str(dig(one, "waiting", "reason")) for one in _states(pod, container) if "waiting" in one), "")


def _states(pod: Manifest, container: str) -> list[Manifest]:
    statuses = [one for which in LISTS for one in dig(pod, "status", f"{which[:-1]}Statuses") or ()]
    return [one.get("state") or {} for one in statuses if one.get("name") == container]
