"""What nodes do: they take pods, start them, report on them, and let them go."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from meshctl.lab.api import Api, ApiError, Change
from meshctl.lab.controllers import kubelet_status as stages
from meshctl.lab.controllers import nodes
from meshctl.lab.controllers.journal import Journal
from meshctl.lab.controllers.kubelet_gates import Gates, Obstacle, has_sidecar, is_cni, is_istiod
from meshctl.lab.controllers.reconciling import follow
from meshctl.lab.controllers.shapes import (
    deleting,
    name_of,
    namespace_of,
    pod_ready,
    ref_to,
    stamp,
    uid_of,
)
from meshctl.lab.delays import Delays
from meshctl.lab.istiods import Bell, Istiods, Proxy, roots_in
from meshctl.lab.network import injected
from meshctl.lab.sites import Site, World
from meshctl.names import CONFIG_MAP, DAEMON_SET, NODE, POD
from meshctl.objects import Kind, Manifest, dig

HEARTBEAT = 10.0
LOOK_AGAIN = 1.0
BREATH = 0.02
"""The least time between two looks at the same obstacle, however often something changes."""

CRASH_BACKOFF = 10.0
CRASH_BACKOFF_LAST = 300.0
STARTED = 0.75
"""The part of a proxy's start after which its container runs."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from a pod's creation until its containers run, and until it is ready."""

    running: float
    ready: float


def pace(pod: Manifest, delays: Delays) -> Pace:
    """Return how fast a pod starts."""
    if is_istiod(pod):
        return Pace(delays.of(delays.istiod_start), delays.of(delays.istiod_start + delays.istiod_ready))
    if is_cni(pod):
        return Pace(delays.of(delays.cni_ready), delays.of(delays.cni_ready))
    if injected(pod):
        return Pace(delays.of(delays.proxy_start * STARTED), delays.of(delays.proxy_start))
    return Pace(delays.of(delays.pod_start), delays.of(delays.pod_start))


@dataclass(slots=True)
class _Kubelet:
    world: World
    site: Site
    istiods: Istiods
    api: Api
    gates: Gates
    journal: Journal
    bell: Bell = field(default_factory=Bell)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    dying: set[str] = field(default_factory=set)
    addresses: Counter[str] = field(default_factory=Counter)
    load: Counter[str] = field(default_factory=Counter)

    # --- which pods there are ---------------------------------------------------------------------------------
    async def watch_pods(self, group: asyncio.TaskGroup) -> None:
        async for change in follow(self.api, POD):
            self._note(change, group)
            self.bell.ring()

    def _note(self, change: Change, group: asyncio.TaskGroup) -> None:
        pod, uid = change.obj, uid_of(change.obj)
        if change.type == "DELETED":
            self._stop(uid)
            self.dying.discard(uid)
            self.istiods.proxies.pop(uid, None)
            self.gates.left(pod)
            self.load[str(dig(pod, "spec", "nodeName"))] -= 1
        elif deleting(pod):
            if uid not in self.dying:
                self._stop(uid)
                self.dying.add(uid)
                self.tasks[uid] = group.create_task(self._guard(pod, self._end))
        elif uid not in self.tasks:
            self.tasks[uid] = group.create_task(self._guard(pod, self._live))

    def _stop(self, uid: str) -> None:
        task = self.tasks.pop(uid, None)
        if task is not None:
            task.cancel()

    async def _guard(self, pod: Manifest, act: Callable[[Manifest], Awaitable[None]]) -> None:
        """Act until it is done; a pod that has gone meanwhile is nobody's problem."""
        while True:
            try:
                await act(pod)
            except ApiError as error:
                log.debug("%s/%s: %s", namespace_of(pod), name_of(pod), error)
                await asyncio.sleep(LOOK_AGAIN)
                found = await self.api.get(ref_to(POD, pod))
                if found is not None and uid_of(found) == uid_of(pod):
                    pod = found
                    continue
            return

    # --- a pod's life -----------------------------------------------------------------------------------------
    async def _live(self, pod: Manifest) -> None:
        born = asyncio.get_running_loop().time()
        speed = pace(pod, self.world.delays)
        if pod_ready(pod):
            self.load[str(dig(pod, "spec", "nodeName"))] += 1
            self._take_address(pod)
            await self._expire(pod)
            return
        node = await self._bind(pod)
        where = stages.Address(self._take_address(pod), nodes.address_of(node))
        if any(c.get("image") == "auto" for c in dig(pod, "spec", "containers") or ()):
            await self._report(pod, stages.unpullable(pod), where)
            await self.journal.tell(POD, pod, "Failed", 'Error: ErrImagePull "auto"')
            return
        await self._report(pod, stages.creating(), where)
        await self._clear(pod, self.gates.starting)
        await _sleep_until(born + speed.running)
        restarts = await self._crash(pod, where)
        if has_sidecar(pod):
            await self._report(pod, stages.initializing(pod), where)
        else:
            simple = not (injected(pod) or is_istiod(pod) or is_cni(pod))
            await self._report(pod, stages.running(pod, ready=simple, restarts=restarts), where)
        await _sleep_until(born + speed.ready)
        await self._clear(pod, self.gates.answering)
        await self._connect(pod)
        await self._report(pod, stages.running(pod, ready=True, restarts=restarts), where)
        await self._expire(pod)

    async def _expire(self, pod: Manifest) -> None:
        """End a pod that may only live for so long; these seconds are no delay, and pass as slowly in every lab."""
        seconds = dig(pod, "spec", "activeDeadlineSeconds")
        if seconds is not None:
            await asyncio.sleep(float(seconds))
            await self.api.merge(ref_to(POD, pod), {"status": stages.expired(pod, stamp())}, status=True)

    async def _connect(self, pod: Manifest) -> None:
        if injected(pod):
            istiod = await self.gates.istiod_of(pod)
            if istiod is not None:
                self.istiods.proxies[uid_of(pod)] = Proxy(istiod.site, roots_in(istiod.root))

    async def _bind(self, pod: Manifest) -> Manifest:
        told = ""
        while True:
            known = await self.api.list(NODE)
            bound = dig(pod, "spec", "nodeName")
            node = nodes.choose(pod, known, self.load) if not bound else None
            if bound:
                node = next((n for n in known if name_of(n) == bound), {"metadata": {"name": bound}})
            if node is not None:
                break
            told = await self._unschedulable(pod, len(known), told)
            await self.bell.wait(LOOK_AGAIN)
        self.load[name_of(node)] += 1
        if not bound:
            await self._assign(pod, name_of(node))
        return node

    async def _unschedulable(self, pod: Manifest, known: int, told: str) -> str:
        text = f"0/{known} nodes are available: {known} node(s) didn't match Pod's node affinity/selector."
        if text != told:
            await self.api.merge(ref_to(POD, pod), {"status": stages.unschedulable(pod, text, stamp())}, status=True)
            await self.journal.tell(POD, pod, "FailedScheduling", text)
        return text

    async def _assign(self, pod: Manifest, node: str) -> None:
        """Bind a pod to a node; a real API server lets nobody but a Binding do that."""
        try:
            await self.api.merge(ref_to(POD, pod), {"spec": {"nodeName": node}})
        except ApiError as error:
            if error.code not in (403, 422):
                raise
            target = {"apiVersion": "v1", "kind": "Node", "name": node}
            meta = {"name": name_of(pod), "namespace": namespace_of(pod)}
            await self.api.create({"apiVersion": "v1", "kind": "Binding", "metadata": meta, "target": target})
        pod["spec"]["nodeName"] = node

    def _take_address(self, pod: Manifest) -> str:
        node = str(dig(pod, "spec", "nodeName"))
        present = dig(pod, "status", "podIP")
        if present:
            third, last = (int(part) for part in str(present).split(".")[2:])
            self.addresses[node] = max(self.addresses[node], (third // 2) * 254 + last)
            return str(present)
        self.addresses[node] += 1
        number = self.addresses[node] - 1
        third = (0 if node.endswith("control-plane") else 1) + 2 * (number // 254)
        return f"10.244.{third}.{number % 254 + 1}"

    async def _report(self, pod: Manifest, stage: stages.Stage, where: stages.Address) -> None:
        state = stages.status(pod, stage, where, stamp())
        pod["status"] = (await self.api.merge(ref_to(POD, pod), {"status": state}, status=True))["status"]

    async def _clear(self, pod: Manifest, ask: Callable[[Manifest], Awaitable[Obstacle | None]]) -> None:
        """Wait until nothing is in the way; say what is, once."""
        told = None
        while (obstacle := await ask(pod)) is not None:
            if obstacle != told:
                await self.journal.tell(POD, pod, obstacle.reason, obstacle.message)
            told = obstacle
            await self.bell.wait(LOOK_AGAIN)
            await asyncio.sleep(BREATH)

    async def _crash(self, pod: Manifest, where: stages.Address) -> int:
        """Restart a process that ends at once until it does not; return how often."""
        restarts, delays = 0, self.world.delays
        while message := await self.gates.crashing(pod):
            restarts += 1
            stage = stages.crashed(pod, restarts=restarts, message=message, now=stamp())
            await self._report(pod, stage, where)
            await self.journal.tell(POD, pod, "BackOff", stage.message)
            pause = min(CRASH_BACKOFF * 2 ** min(restarts - 1, 8), CRASH_BACKOFF_LAST)
            await asyncio.sleep(delays.of(pause) or LOOK_AGAIN)
        return restarts

    async def _end(self, pod: Manifest) -> None:
        delays, faults = self.world.delays, self.world.faults
        seconds = delays.pod_stop + faults.number("slow-stop", self.site.context)
        granted = dig(pod, "metadata", "deletionGracePeriodSeconds")
        if granted is not None:
            seconds = min(seconds, float(granted))
        await asyncio.sleep(delays.of(seconds))
        while await self.gates.ending(pod, seconds) is not None:
            await self.bell.wait(LOOK_AGAIN)
            await asyncio.sleep(BREATH)
        await self.api.delete(ref_to(POD, pod), uid=uid_of(pod), grace=0)


async def _ring(api: Api, kind: Kind, bell: Bell) -> None:
    async for _ in follow(api, kind):
        bell.ring()


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


async def run(world: World, site: Site, istiods: Istiods) -> None:
    """Be the nodes of a site."""
    api = site.api("kubelet")
    kubelet = _Kubelet(world, site, istiods, api, Gates(world, site, istiods, api), Journal(api, "kubelet"))
    await nodes.register(api, site)

    async def beat() -> None:
        names = [name_of(node) for node in nodes.nodes(site.context, site.node_address)]
        while True:
            try:
                await nodes.heartbeat(api, names)
            except ApiError as error:
                log.debug("heartbeat: %s", error)
            await asyncio.sleep(HEARTBEAT)

    async with asyncio.TaskGroup() as group:
        group.create_task(beat())
        for kind in (CONFIG_MAP, DAEMON_SET, NODE):
            group.create_task(_ring(api, kind, kubelet.bell))
        group.create_task(kubelet.watch_pods(group))
