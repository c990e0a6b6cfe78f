"""Labs for tests: a lab in a thread of the test's own process, and the programs that are pointed at it.

A thread starts faster than a process, and a test can reach into the lab. A program in a subprocess sees no difference.
"""

import asyncio
import http.client
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from meshctl.lab import kubeconfig
from meshctl.lab.options import LabOptions
from meshctl.lab.world import Lab, running_lab
from meshctl.objects import Kind, Manifest, Ref

T = TypeVar("T")

KUBECTL = Path(sys.executable).with_name("kubectl")
START_SECONDS = 30.0
PROGRAM_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an API server answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class ThreadLab:
    """A running lab. `environ` makes any program in a subprocess use it."""

    lab: Lab
    loop: asyncio.AbstractEventLoop
    folder: Path
    _stopping: asyncio.Event = field(repr=False)

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig, with a context for every cluster."""
        return self.folder / "kubeconfig"

    @property
    def environ(self) -> dict[str, str]:
        """The environment for a program that is to use this lab."""
        source = str(Path(__file__).parents[1] / "src")
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kube-cache"),
            "MESHCTL_STATE_DIR": str(self.folder / "state"),
            "PYTHONPATH": source,
        }

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the lab and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_SECONDS)

    # --- its faults and its memory ------------------------------------------------------------------------------------
    def set_faults(self, *texts: str) -> None:
        """Put faults in force, besides those that are; they have taken effect when this returns."""
        self.call(self.lab.add_faults(texts))

    def clear_faults(self, *names: str) -> None:
        """End the named faults, or all."""
        self.call(self.lab.clear_faults(names))

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the requests to the API servers: time, cluster, user, agent, method, path, query, status, seconds."""
        return self.lab.logbook.requests.since(since)

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the changes of objects: time (same clock), cluster, type, kind, namespace, name, parts, state."""
        return self.lab.logbook.changes.since(since)

    def marks(self) -> tuple[int, int]:
        """Return where the next request and the next change will be, for `since`."""
        return self.lab.logbook.requests.next, self.lab.logbook.changes.next

    # --- its objects, past HTTP and faults --------------------------------------------------------------------------
    def get(self, context: str, ref: Ref) -> Manifest | None:
        """Return an object of a cluster."""
        return self.call(self.lab.world.site(context).api("test").get(ref))

    def all_of(self, context: str, kind: Kind, namespace: str = "") -> list[Manifest]:
        """Return the objects of a kind."""
        return self.call(self.lab.world.site(context).api("test").list(kind, namespace))

    def create(self, context: str, obj: Manifest) -> Manifest:
        """Create an object."""
        return self.call(self.lab.world.site(context).api("test").create(obj))

    def merge(self, context: str, ref: Ref, patch: Manifest) -> Manifest:
        """Merge a patch into an object."""
        return self.call(self.lab.world.site(context).api("test").merge(ref, patch))

    def delete(self, context: str, ref: Ref) -> bool:
        """Delete an object."""
        return self.call(self.lab.world.site(context).api("test").delete(ref))

    def objects(self, context: str) -> list[Manifest]:
        """Return every object of a cluster."""
        store = self.lab.clusters[context].store
        return [snapshot.obj for _, snapshot in store.contents()]

    def http(self, context: str, path: str) -> Answer:
        """Send one GET request as the user, once."""
        entry = next(entry for entry in self.lab.entries if entry.context == context)
        place = urlsplit(entry.server)
        trust = ssl.create_default_context(cadata=entry.authority)
        connection = http.client.HTTPSConnection(str(place.hostname), place.port, context=trust, timeout=START_SECONDS)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {entry.token}"})
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    # --- programs -----------------------------------------------------------------------------------------------------
    def kubectl(self, context: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl against one cluster."""
        return self.run([str(KUBECTL), "--context", context, *arguments], stdin=stdin)

    def meshctl(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run the command line in a process of its own."""
        return self.run([sys.executable, "-m", "meshctl", *arguments], stdin=stdin)

    def run(self, command: Sequence[str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run a program that uses this lab."""
        return subprocess.run(
            command,
            input=stdin,
            env=self.environ,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
            check=False,
        )


class _Thread(threading.Thread):
    """Runs one lab until it is told to stop; keeps what it crashed of."""

    def __init__(self, options: LabOptions, folder: Path) -> None:
        super().__init__(name="lab", daemon=True)
        self._options = options
        self._folder = folder
        self.ready = threading.Event()
        self.lab: ThreadLab | None = None
        self.crash: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as crash:
            self.crash = crash
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        async with running_lab(self._options) as lab:
            self.lab = ThreadLab(lab, asyncio.get_running_loop(), self._folder, asyncio.Event())
            kubeconfig.write(self.lab.kubeconfig, lab.entries)
            self.ready.set()
            await self.lab._stopping.wait()

    def stop(self) -> None:
        if self.lab is not None and self.is_alive():
            self.lab.loop.call_soon_threadsafe(self.lab._stopping.set)
        self.join(START_SECONDS)


@contextmanager
def thread_lab(options: LabOptions, folder: Path) -> Iterator[ThreadLab]:
    """Run a lab in a thread; a part of it that crashes fails the test."""
    folder.mkdir(parents=True, exist_ok=True)
    thread = _Thread(options, folder)
    thread.start()
    try:
        assert thread.ready.wait(START_SECONDS), "the lab did not come up"
        if thread.lab is None:
            raise thread.crash or RuntimeError("the lab ended without a word")
        yield thread.lab
    finally:
        thread.stop()
    if thread.crash is not None:
        raise thread.crash
