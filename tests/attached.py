"""The lab's controllers on real API servers, in a thread of the test's own process."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meshctl.lab.attach import AttachOptions, attached
from tests.labs import KUBECTL, PROGRAM_SECONDS

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class RealMesh:
    """Real API servers with the lab's parts at work on them; programs in subprocesses use them."""

    folder: Path
    kubeconfig: Path

    def kubectl(self, context: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run kubectl against one cluster."""
        return self._run(str(KUBECTL), "--context", context, *arguments, stdin=stdin)

    def meshctl(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line in a process of its own."""
        return self._run(sys.executable, "-m", "meshctl", *arguments)

    def _run(self, *command: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        own = {"KUBECONFIG": str(self.kubeconfig), "MESHCTL_STATE_DIR": str(self.folder / "state")}
        cache = {"KUBECACHEDIR": str(self.folder / "kube-cache")}
        return subprocess.run(
            command,
            input=stdin,
            env={**os.environ, **own, **cache},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )


class _Thread(threading.Thread):
    """Runs the controllers until it is told to stop; keeps what they crashed of."""

    def __init__(self, options: AttachOptions) -> None:
        super().__init__(name="attached", daemon=True)
        self._options = options
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self.ready = threading.Event()
        self.crash: BaseException | None = None

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as crash:
            self.crash = crash
        finally:
            self.ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with attached(self._options):
            self.ready.set()
            await self._stopping.wait()

    def stop(self) -> None:
        if self._loop is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(START_SECONDS)


@contextmanager
def attached_lab(kubeconfig: Path, folder: Path) -> Iterator[RealMesh]:
    """Attach the lab to the contexts east and west; a part of it that crashes fails the test."""
    thread = _Thread(AttachOptions(kubeconfig, ("east", "west"), speed=0))
    thread.start()
    try:
        assert thread.ready.wait(START_SECONDS), "the controllers did not come up"
        if thread.crash is None:
            yield RealMesh(folder, kubeconfig)
    finally:
        thread.stop()
    if thread.crash is not None:
        raise thread.crash
