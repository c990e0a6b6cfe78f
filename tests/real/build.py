"""Find the Kubernetes server binaries, and compile those the machine does not have yet.

No container engine is needed: the sources come through the Go module proxy, pinned by the go.mod beside
this file. The result is kept in the user's cache directory under the Kubernetes version, so the minutes of
compiling are spent once per version and machine. Nothing else is left: Go's own caches are in a folder that goes
again. `python -m tests.real.build` does it ahead of the tests.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import golang

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULE = Path(__file__).parent
UNFINISHED = ".building-"
ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}


class BuildError(Exception):
    """A server binary is missing and could not be compiled, or the folder named for it is no such folder."""


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
    """Return all three servers, compiling what neither `KUBEBUILDER_ASSETS` nor the cache holds.

    Raises BuildError, before anything is compiled, when the variable names a folder without any of them.
    """
    lacking_assets()
    if any(_find(name) is None for name in PACKAGES):
        _build(list(PACKAGES))
    found = {name: _find(name) for name in PACKAGES}
    etcd, apiserver, controllers = (found[name] for name in PACKAGES)
    if etcd is None or apiserver is None or controllers is None:
        message = f"somebody deleted servers from {cache_folder()}"
        raise BuildError(message)
    return Binaries(etcd, apiserver, controllers)


def prepare() -> Binaries:
    """Do as `ensure`, and say which servers are not from the folder that `KUBEBUILDER_ASSETS` names."""
    lacking = " and no ".join(lacking_assets())
    if lacking:
        assets = os.environ[ASSETS_VARIABLE]
        sys.stderr.write(f"{ASSETS_VARIABLE}={assets} has no {lacking}: taken from {cache_folder()}\n")
    return ensure()


def lacking_assets() -> list[str]:
    """Return the servers that the folder of `KUBEBUILDER_ASSETS` lacks, none when it is not set.

    Raises BuildError when it lacks all of them: that is a mistake.
    """
    assets = os.environ.get(ASSETS_VARIABLE)
    lacking = [name for name in PACKAGES if not _runs(Path(assets) / name)] if assets else []
    if assets and len(lacking) == len(PACKAGES):
        what = _wrong(Path(assets))
        message = f"{ASSETS_VARIABLE}={assets}: {what}; name a folder with {', '.join(PACKAGES)}, or unset it"
        raise BuildError(message)
    return lacking


def main(arguments: Sequence[str] = ()) -> int:
    """Print the folder of the servers once they are all there."""
    if arguments:
        sys.stderr.write(
            f"usage: python -m tests.real.build (no arguments; {ASSETS_VARIABLE} names a folder with servers)\n"
        )
        return 2
    signal.signal(signal.SIGTERM, _stopped)
    try:
        binaries = prepare()
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


def _wrong(assets: Path) -> str:
    if not assets.exists():
        return "there is no such folder"
    return "it holds none of the servers as an executable file" if assets.is_dir() else "it is not a folder"


def _build(names: Sequence[str]) -> None:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with _exclusive(folder / ".lock"):
        for left in folder.glob(f"{UNFINISHED}*"):  # by a build that was killed together with its supervisor
            shutil.rmtree(left, ignore_errors=True)
        # Another process may have compiled them while this one waited for the lock.
        missing = [name for name in names if _find(name) is None]
        if missing:
            with tempfile.TemporaryDirectory(dir=folder, prefix=UNFINISHED) as scratch:
                for name in missing:
                    _compile(name, folder, Path(scratch))


def _find(name: str) -> Path | None:
    assets = os.environ.get(ASSETS_VARIABLE)
    folders = [Path(assets), cache_folder()] if assets else [cache_folder()]
    candidates = (folder / name for folder in folders)
    return next(filter(_runs, candidates), None)


def _runs(path: Path) -> bool:
    return os.access(path, os.X_OK) and path.is_file()


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # closing the file gives it up, also when the process is killed
        yield


def _compile(name: str, folder: Path, scratch: Path) -> None:
    target = folder / name
    version = kubernetes_version()
    sys.stderr.write(f"building {name} for Kubernetes {version} into {folder} (takes minutes, once)\n")
    fresh = scratch / name
    try:
        golang.compile_package(MODULE, PACKAGES[name], fresh, _stamps(version), scratch)
    except golang.BuildFailedError as error:
        message = f"{name}: {error}"
        raise BuildError(message) from error
    except golang.NoGoError as error:
        message = f"{name}: {error}; or point {ASSETS_VARIABLE} at a folder with {', '.join(PACKAGES)}"
        raise BuildError(message) from error
    fresh.replace(target)  # an interrupted build leaves no half-written server behind


def _stamps(version: str) -> dict[str, str]:
    """Return what the release build stamps into the servers: without it /version answers v0.0.0-master."""
    major, minor, _patch = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "archive"}
    return {f"k8s.io/component-base/version.{name}": value for name, value in stamps.items()}


def _stopped(number: int, _frame: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
