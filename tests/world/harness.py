"""A lab of a test's own, and the command line as a user runs it: a process, with an environment and an exit code."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from meshctl.lab.control_client import ask
from meshctl.objects import Manifest, Ref
from tests.attached import attached_lab
from tests.real.controlplane import ControlPlane, control_planes, write_kubeconfig
from tests.real.pool import Planes, Pool
from tests.world.commands import Result, run
from tests.world.requests import Audit, is_write, ours

__all__ = ["MESH", "SECONDS", "LabUnderTest", "Result", "fresh_lab", "fresh_real", "lent_planes"]

SECONDS = 240
"""Nothing takes that long, however busy the machine: what does, hangs."""
MESH = ("--east", "east", "--west", "west")


@dataclass(frozen=True, slots=True)
class LabUnderTest:
    """Clusters with a folder of their own: a lab in the background, or real ones with the lab attached to them.

    What is about the lab itself (`up`, `down`, `fault`, `clear`, `asked`) is for the former only; `planes` are the
    latter's servers.
    """

    folder: Path
    planes: Planes = ()
    audits: tuple[Audit, ...] = ()

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig with the contexts east, west, west2 and so on."""
        return self.folder / "kubeconfig"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of every command: nothing of the user's own clusters."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("MESHCTL_") and k not in ("CI", "NO_COLOR")}
        state, cache = str(self.folder / "state"), str(self.folder / "kube-cache")
        places = {"MESHCTL_STATE_DIR": state, "KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": cache, "TZ": "UTC"}
        return {**own, **places}

    def up(self, *options: str) -> None:
        """Start the lab."""
        result = self.meshctl("lab", "up", "--kubeconfig", str(self.kubeconfig), *options)
        assert result.code == 0, result.said

    def down(self) -> None:
        """End the lab."""
        assert self.meshctl("lab", "down").code == 0

    def command(self, *args: str) -> list[str]:
        """Return the command line of meshctl with these arguments."""
        return [sys.executable, "-m", "meshctl", *args]

    def meshctl(self, *args: str, timeout: float = SECONDS, stdin: str = "", **environ: str) -> Result:
        """Run meshctl to its end."""
        return run(args, {**self.environ, **environ}, stdin, timeout)

    def begin(self, *args: str) -> "subprocess.Popen[str]":
        """Start meshctl and let it run; the caller ends it."""
        return subprocess.Popen(
            self.command(*args),
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def install(self, *more: str) -> Result:
        """Install on east and west."""
        return self.meshctl("install", *MESH, *more)

    def verify(self, *more: str) -> Result:
        """Verify east and west."""
        return self.meshctl("verify", *MESH, *more)

    def teardown(self, *more: str) -> Result:
        """Tear down east and west."""
        return self.meshctl("teardown", *MESH, "--yes", *more)

    def fault(self, *faults: str) -> None:
        """Put faults in force."""
        result = self.meshctl("lab", "fault", *faults)
        assert result.code == 0, result.said

    def clear(self) -> None:
        """Clear every fault."""
        assert self.meshctl("lab", "fault", "--clear").code == 0

    def kubectl(self, context: str, *args: str, stdin: str = "", code: int | None = 0) -> str:
        """Run kubectl; `code` is the exit code expected, None any."""
        program = Path(sys.executable).with_name("kubectl")
        done = subprocess.run(
            [str(program) if program.exists() else str(shutil.which("kubectl")), "--context", context, *args],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            input=stdin,
            check=False,
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def get(self, context: str, ref: Ref) -> Manifest | None:
        """Return an object, with the managers of its fields."""
        where = ("-n", ref.namespace) if ref.namespace else ()
        how = ("--ignore-not-found", "--show-managed-fields", "-o", "json")
        found = self.kubectl(context, *where, "get", ref.kind.resource, ref.name, *how)
        obj: Manifest | None = json.loads(found) if found else None
        return obj

    def objects(self, context: str, kinds: Sequence[str]) -> list[dict[str, Any]]:
        """Return every object of these kinds (as kubectl names them), in all namespaces."""
        items: list[dict[str, Any]] = json.loads(self.kubectl(context, "get", ",".join(kinds), "-A", "-o", "json"))[
            "items"
        ]
        return items

    def asked(self, question: str, since: int = 0) -> Any:
        """Ask the lab itself: `requests` or `changes`, as meshctl.lab.background does."""
        record = json.loads(next((self.folder / "state" / "lab").rglob("lab.json")).read_text())
        return ask(Path(record["socket"]), question, since=since)

    def requests(self) -> list[str]:
        """Return what meshctl has asked of the clusters so far."""
        return [f"{one['cluster']} {one['method']} {one['path']}" for one in self._requests()]

    def writes(self) -> list[str]:
        """Return what meshctl has written, or tried to, so far."""
        return [f"{one['cluster']} {one['method']} {one['path']}" for one in self._requests() if is_write(one)]

    def _requests(self) -> list[dict[str, Any]]:
        audited = [request for audit in self.audits for request in audit.requests()]
        return ours(audited if self.planes else self.asked("requests")["entries"])


@contextmanager
def fresh_lab(*options: str) -> Iterator[LabUnderTest]:
    """Run a lab with options of `meshctl lab up`; at speed 0 unless they say otherwise."""
    # A socket's path must be short, so not pytest's own folder.
    with TemporaryDirectory(prefix="mesh-") as folder:
        lab = LabUnderTest(Path(folder))
        lab.up(*(() if "--speed" in options else ("--speed", "0")), *options)
        try:
            yield lab
        finally:
            lab.down()


@contextmanager
def joined(planes: Sequence[ControlPlane]) -> Iterator[LabUnderTest]:
    """Attach the lab's controllers to real control planes."""
    with TemporaryDirectory(prefix="mesh-") as folder:
        audits = (Audit(plane.name, plane.audit_log, plane.audit_log.stat().st_size) for plane in planes)
        mesh = LabUnderTest(Path(folder), tuple(planes), tuple(audits))
        write_kubeconfig(mesh.kubeconfig, [plane.context() for plane in planes])
        with attached_lab(mesh.kubeconfig, mesh.folder):
            yield mesh


@contextmanager
def fresh_real() -> Iterator[LabUnderTest]:
    """Run two real control planes of one's own."""
    with control_planes("east", "west") as planes, joined(planes) as mesh:
        yield mesh


@contextmanager
def lent_planes(pool: Pool) -> Iterator[tuple[LabUnderTest, Planes]]:
    """Borrow two real control planes that are as good as new, for somebody who also has to do with their servers."""
    with pool.lent() as planes, joined(planes) as mesh:
        yield mesh, planes


@contextmanager
def lent_real(pool: Pool) -> Iterator[LabUnderTest]:
    """Borrow two real clusters that are as good as new."""
    with lent_planes(pool) as (mesh, _):
        yield mesh


World = Callable[[], AbstractContextManager[LabUnderTest]]


def worlds_of(pool: Pool) -> Mapping[str, World]:
    """Return where tests run that are about two clusters, whatever these are made of."""
    return {"lab": fresh_lab, "real": partial(lent_real, pool)}
