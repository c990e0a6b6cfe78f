"""Find the Kubernetes server binaries, and compile those the machine does not have yet.

No container engine is needed: the sources come through the Go module proxy, pinned by the go.mod beside
this file. The result is kept in the user's cache directory under the Kubernetes version, so the minutes of
compiling are spent once per version and machine. `python -m tests.real.build` does it ahead of the tests.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE = Path(__file__).parent
ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}


class BuildError(Exception):
    """A server binary is missing and could not be compiled."""


@dataclass(frozen=True)
class Binaries:
    """Where the three servers of a control plane are."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path

    @property
    def folders(self) -> list[Path]:
        """The folders they are in: one, unless `KUBEBUILDER_ASSETS` holds only some of them."""
        paths = (self.etcd, self.kube_apiserver, self.kube_controller_manager)
        return list(dict.fromkeys(path.parent for path in paths))


def kubernetes_version() -> str:
    """Read the pinned release from go.mod, the one place that names it."""
    return _pinned(r"^\s*k8s\.io/kubernetes (v\d+\.\d+\.\d+)\b")


def cache_folder() -> Path:
    """Name the folder for this release; a new pin gets a new folder, so nothing stale is ever run."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "meshctl" / f"kubernetes-{kubernetes_version()}"


def ensure() -> Binaries:
    """Return all three servers, compiling what neither `KUBEBUILDER_ASSETS` nor the cache holds."""
    return Binaries(
        etcd=_ensure("etcd"),
        kube_apiserver=_ensure("kube-apiserver"),
        kube_controller_manager=_ensure("kube-controller-manager"),
    )


def main() -> int:
    """Print the folder of the servers once they are all there."""
    try:
        binaries = ensure()
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.writelines(f"{folder}\n" for folder in binaries.folders)
    return 0


def _pinned(pattern: str) -> str:
    found = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        message = f"{MODULE / 'go.mod'} has no line matching {pattern!r}"
        raise BuildError(message)
    return found[1]


def _ensure(name: str) -> Path:
    found = _find(name)
    if found is not None:
        return found
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder / ".lock"):
        # Another test process may have compiled it while this one waited for the lock.
        return _find(name) or _compile(name, folder)


def _find(name: str) -> Path | None:
    assets = os.environ.get(ASSETS_VARIABLE)
    folders = [Path(assets), cache_folder()] if assets else [cache_folder()]
    candidates = (folder / name for folder in folders)
    return next((path for path in candidates if os.access(path, os.X_OK) and path.is_file()), None)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # closing the file gives it up, also when the process is killed
        yield


def _compile(name: str, folder: Path) -> Path:
    go = _go()
    target = folder / name
    sys.stderr.write(f"building {name} for Kubernetes {kubernetes_version()} into {folder} (takes minutes, once)\n")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".building-") as scratch:
        fresh = Path(scratch) / name
        command = [go, "build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", _ldflags()]
        finished = subprocess.run(
            [*command, "-o", str(fresh), PACKAGES[name]],
            cwd=MODULE,
            # Static binaries need no C compiler; a go.work further up the tree has no say in the pins.
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            stdout=sys.stderr.fileno(),
            check=False,
        )
        if finished.returncode != 0:
            message = f"go build of {name} failed (exit {finished.returncode}); its output is above"
            raise BuildError(message)
        fresh.replace(target)  # an interrupted build leaves no half-written server behind
    return target


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        needed = _pinned(r"^go (\d+\.\d+)")
        message = (
            f"Go {needed} or newer has to be on PATH to build the Kubernetes servers (`go` was not found); "
            f"or point {ASSETS_VARIABLE} at a folder with {', '.join(PACKAGES)}"
        )
        raise BuildError(message)
    return go


def _ldflags() -> str:
    """Stamp the version as the release build does: without it /version answers v0.0.0-master."""
    version = kubernetes_version()
    major, minor, _patch = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    flags = [f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps.items()]
    return " ".join(["-s -w", *flags])


if __name__ == "__main__":
    sys.exit(main())
