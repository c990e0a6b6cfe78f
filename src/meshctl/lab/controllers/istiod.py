"""istiod: one process for every istiod pod that runs, from its start to its end."""

import asyncio
import logging
from dataclasses import dataclass, field

from meshctl.lab.api import ApiError, Change
from meshctl.lab.controllers.istiod_authority import read_root
from meshctl.lab.controllers.istiod_leading import MANAGER, Leading
from meshctl.lab.controllers.istiod_remotes import Remotes
from meshctl.lab.controllers.kubelet_gates import is_istiod
from meshctl.lab.controllers.reconciling import follow
from meshctl.lab.controllers.shapes import container_of, deleting, env_of, name_of, namespace_of, uid_of
from meshctl.lab.istiods import Istiod, Istiods
from meshctl.lab.sites import Site, World
from meshctl.names import POD
from meshctl.objects import Manifest, dig

START_AGAIN = 1.0

log = logging.getLogger(__name__)


def serving(pod: Manifest) -> bool:
    """Say whether istiod's process runs in a pod."""
    states = dig(pod, "status", "containerStatuses") or ()
    running = any(s.get("name") == "discovery" and dig(s, "state", "running") is not None for s in states)
    return is_istiod(pod) and running and not deleting(pod)


def process(site: str, pod: Manifest) -> Istiod:
    """Return a new istiod as its pod's environment wants it."""
    env = env_of(container_of(pod, "discovery"))
    return Istiod(
        site=site,
        namespace=namespace_of(pod),
        pod=name_of(pod),
        uid=uid_of(pod),
        cluster_id=env.get("CLUSTER_ID") or "Kubernetes",
        revision=env.get("REVISION") or "default",
        external=env.get("EXTERNAL_ISTIOD") == "true",
    )


async def _always() -> bool:
    return True


@dataclass(slots=True)
class _Processes:
    world: World
    site: Site
    istiods: Istiods
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def note(self, change: Change, group: asyncio.TaskGroup) -> None:
        """Start and end processes with their pods."""
        uid = uid_of(change.obj)
        alive = change.type != "DELETED" and serving(change.obj)
        if alive and uid not in self.tasks:
            self.tasks[uid] = group.create_task(self._work(process(self.site.context, change.obj)))
        elif not alive and uid in self.tasks:
            self.tasks.pop(uid).cancel()
            self.istiods.ended(uid)

    async def _work(self, istiod: Istiod) -> None:
        """Be one process; an API server that refuses something is asked again."""
        while True:
            try:
                await self._serve(istiod)
            except* ApiError as errors:
                log.debug("istiod %s: %s", istiod.pod, errors.exceptions)
            await asyncio.sleep(START_AGAIN)

    async def _serve(self, istiod: Istiod) -> None:
        api = self.site.api(MANAGER)
        istiod.root = istiod.root or await read_root(api, istiod.namespace)
        self.istiods.started(istiod)
        async with asyncio.TaskGroup() as group:
            group.create_task(Leading(istiod, api, _always).local())
            group.create_task(Remotes(self.world, istiod, api).run())


async def run(world: World, site: Site, istiods: Istiods) -> None:
    """Be every istiod of a site."""
    processes = _Processes(world, site, istiods)
    async with asyncio.TaskGroup() as group:
        async for change in follow(site.api(MANAGER), POD):
            processes.note(change, group)
