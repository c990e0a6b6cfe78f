"""What a lab in the background leaves in its folder, so that other processes find it: where, with what options."""

import fcntl
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshctl.lab.kubeconfig import write_private
from meshctl.lab.options import LabOptions, options_from
from meshctl.paths import state_dir

LONGEST_SOCKET_PATH = 100
"""A little less than the kernel allows for the address of a socket."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The folder of the lab; there is at most one lab in each."""

    path: Path

    @property
    def record(self) -> Path:
        """The file that describes the running lab."""
        return self.path / "lab.json"

    @property
    def log(self) -> Path:
        """Where the lab's process writes."""
        return self.path / "lab.log"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig, unless the user wants it elsewhere."""
        return self.path / "kubeconfig"

    def make(self) -> None:
        """Make the folder; nobody but its owner can look into it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lock(self) -> int | None:
        """Take the lock that a lab holds as long as its process lives; None when a lab has it.

        It is an open file: closing it gives the lock back.
        """
        file = os.open(self.path / "lab.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return file

    def is_locked(self) -> bool:
        """Say whether a lab lives here."""
        if not self.path.is_dir():
            return False
        lock = self.lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def socket(self) -> Path:
        """Return a path for the control socket, short enough for the kernel."""
        here = self.path / "control.sock"
        if len(os.fsencode(here)) <= LONGEST_SOCKET_PATH:
            return here
        return Path(tempfile.mkdtemp(prefix="meshctl-lab-")) / "control.sock"

    def read(self) -> "Record | None":
        """Return the record that was left here; None when there is none that can be read."""
        try:
            return _record(json.loads(self.record.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, record: "Record") -> None:
        """Leave a record."""
        write_private(self.record, json.dumps(record.plain(), indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class Record:
    """A lab in the background."""

    pid: int
    socket: Path
    kubeconfig: Path
    log: Path
    ports: Mapping[str, int]
    options: LabOptions

    def plain(self) -> dict[str, Any]:
        """Return the record as JSON-like data."""
        return {
            "pid": self.pid,
            "socket": str(self.socket),
            "kubeconfig": str(self.kubeconfig),
            "log": str(self.log),
            "ports": dict(self.ports),
            "options": self.options.plain(),
        }

    def remove_socket(self) -> None:
        """Delete the control socket, and its folder when that was made for it alone."""
        self.socket.unlink(missing_ok=True)
        if self.socket.parent != self.log.parent and self.socket.parent.is_dir():
            self.socket.parent.rmdir()


def _record(data: Mapping[str, Any]) -> Record:
    return Record(
        int(data["pid"]),
        Path(data["socket"]),
        Path(data["kubeconfig"]),
        Path(data["log"]),
        data["ports"],
        options_from(data["options"]),
    )


def lab_folder() -> Folder:
    """Return the folder of the user's lab."""
    return Folder(state_dir() / "lab")
