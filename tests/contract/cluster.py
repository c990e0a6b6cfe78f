"""The cluster a test is given: who asks it, and how its objects are waited for."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from meshctl.cluster import Client
from meshctl.kube import connect
from meshctl.objects import Manifest
from tests.contract.asking import Asker
from tests.contract.worlds import MASTERS, Started
from tests.real.controlplane import write_kubeconfig

Value = TypeVar("Value")
SECONDS = 30.0
KUBECTL = Path(sys.executable).with_name("kubectl")


@dataclass(slots=True)
class Cluster:
    """One API server, seen by its administrator; `as_user` is anybody else."""

    started: Started
    folder: Path
    admin: Asker = field(init=False)
    client: Client = field(init=False)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _askers: list[Asker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin = self.as_user("admin", MASTERS)
        write_kubeconfig(self.kubeconfig, [self.started.context("admin", MASTERS)])
        self.client = connect("contract", str(self.kubeconfig))

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    def as_user(self, name: str, groups: Sequence[str] = ()) -> Asker:
        """Return another user's way in."""
        return self._kept(Asker(self.started.context(name, groups)))

    def with_token(self, token: str) -> Asker:
        """Return the way in of whoever has this token."""
        return self._kept(Asker(self.started.context("nobody", ()), token))

    def without_credentials(self) -> Asker:
        """Return the way in of anybody."""
        return self._kept(Asker(self.started.context("nobody", ()), anonymous=True))

    def client_of(self, name: str, groups: Sequence[str] = ()) -> Client:
        """Return meshctl's client as another user."""
        file = self.folder / f"kubeconfig-{name}"
        return connect("contract", str(write_kubeconfig(file, [self.started.context(name, groups)])))

    def fresh(self, prefix: str) -> str:
        """Return a name nobody has used yet."""
        return f"{prefix}-{next(self._numbers)}"

    def namespace(self, *, furnished: bool = False, **metadata: object) -> str:
        """Make a namespace; `furnished`: wait for its default service account, without which no pod is admitted."""
        name = self.fresh("ns")
        self.admin.post("/api/v1/namespaces", {"metadata": {"name": name, **metadata}}).obj()
        if furnished:
            eventually(lambda: self.admin.get(f"/api/v1/namespaces/{name}/serviceaccounts/default").status == 200)
        return name

    def kubectl(self, *args: str, stdin: str = "", code: int = 0) -> "subprocess.CompletedProcess[str]":
        """Run kubectl as the administrator; `code` is the exit code expected."""
        done = subprocess.run(
            [str(KUBECTL), "--kubeconfig", str(self.kubeconfig), *args],
            env={**os.environ, "KUBECACHEDIR": str(self.folder / "kube-cache")},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def close(self) -> None:
        """Close every connection."""
        self.client.close()
        for asker in self._askers:
            asker.close()

    def _kept(self, asker: Asker) -> Asker:
        self._askers.append(asker)
        return asker


def eventually(fetch: Callable[[], Value | None], seconds: float = SECONDS) -> Value:
    """Call until the answer is truthy: controllers work in their own time."""
    deadline = time.monotonic() + seconds
    while not (value := fetch()):
        assert time.monotonic() < deadline, f"still {value!r} after {seconds:.0f} s"
        time.sleep(0.02)
    return value


def managers(obj: Manifest) -> dict[tuple[str, str], Manifest]:
    """Return what each manager owns, by its name and operation (and subresource, if it is one's)."""
    found = {}
    for entry in obj["metadata"].get("managedFields") or ():
        subresource = entry.get("subresource")
        operation = f"{entry['operation']}/{subresource}" if subresource else entry["operation"]
        found[entry["manager"], operation] = entry["fieldsV1"]
    return found
