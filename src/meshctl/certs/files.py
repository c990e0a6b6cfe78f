"""The directory of `meshctl certs generate`: one root, and one folder per cluster with what its `cacerts` holds.

    DIR/root-cert.pem  DIR/root-key.pem
    DIR/<cluster>/ca-cert.pem  ca-key.pem  root-cert.pem  cert-chain.pem

Nothing is ever overwritten and nothing appears half-written: everything is made in memory, written to a folder beside
its place, and moved there. Keys are created with mode 0600.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from meshctl.certs.check import check_root
from meshctl.certs.material import (
    CA_CERT,
    CA_KEY,
    CERT_CHAIN,
    ROOT_CERT,
    ROOT_KEY,
    TLS_CERT,
    TLS_KEY,
    TLS_ROOT,
    KeyPair,
    KeyType,
    Material,
    from_parts,
)
from meshctl.errors import MeshctlError, SpecError

PARTS = (CA_CERT, CA_KEY, ROOT_CERT, CERT_CHAIN)
TLS_PARTS = (TLS_CERT, TLS_KEY, TLS_ROOT)
KEYS = (CA_KEY, ROOT_KEY)
UNFINISHED = ".unfinished-"
CLUSTER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Generated:
    """What was made: the folder of each cluster, and whether the root was there before."""

    directory: Path
    clusters: tuple[str, ...]
    root_reused: bool


def generate(directory: Path, clusters: Sequence[str], *, now: datetime, key: KeyType = KeyType.RSA_4096) -> Generated:
    """Make an intermediate for each cluster, and the root unless `directory` has one with its key.

    Raises SpecError with every reason not to, before anything is written.
    """
    from meshctl.certs.authority import make_material, make_root

    try:
        root = _refuse_or_root(directory, clusters, now)
        reused = root is not None
        root = root or make_root(now=now, key=key)
        made = {name: make_material(root, name, now=now, key=key).parts for name in clusters}
        _write(directory, None if reused else root, made)
    except OSError as error:
        raise _failed(error, directory) from error
    return Generated(directory, tuple(clusters), root_reused=reused)


def load(directory: Path, clusters: Sequence[str]) -> dict[str, Material]:
    """Return the material of each cluster; raise SpecError with every file that is missing or cannot be read."""
    found: dict[str, Material] = {}
    problems: list[str] = []
    for name in clusters:
        parts, wrong = _read_parts(directory / name)
        found[name] = from_parts(parts)
        problems += wrong
    if problems:
        raise SpecError(problems, hint=f"make them with: meshctl certs generate --out {directory}")
    return found


def stored_clusters(directory: Path) -> tuple[str, ...]:
    """Return the names of the clusters that have a folder with certificates in `directory`."""
    try:
        folders = [path for path in directory.iterdir() if CLUSTER_NAME.fullmatch(path.name) and path.is_dir()]
        return tuple(
            sorted(path.name for path in folders if any(os.path.lexists(path / part) for part in (*PARTS, TLS_CERT)))
        )
    except OSError as error:
        raise _failed(error, directory) from error


def _refuse_or_root(directory: Path, clusters: Sequence[str], now: datetime) -> KeyPair | None:
    root, root_problems = _existing_root(directory, now)
    problems = [*_bad_names(clusters), *_unfit_directory(directory), *root_problems]
    for name in dict.fromkeys(clusters):
        problems += _existing_cluster(directory / name)
    if problems:
        raise SpecError(
            problems,
            hint="nothing was written; name only clusters that have no files yet, or choose another directory",
        )
    return root


def _bad_names(clusters: Sequence[str]) -> Iterator[str]:
    if not clusters:
        yield "no cluster was named"
    for name in dict.fromkeys(clusters):
        if not CLUSTER_NAME.fullmatch(name):
            yield f"{name!r} is not a cluster name: lower-case letters, digits and dashes are"
        if clusters.count(name) > 1:
            yield f"{name} is named twice"


def _unfit_directory(directory: Path) -> Iterator[str]:
    if os.path.lexists(directory) and not directory.is_dir():
        yield f"{directory} exists and is not a directory"
    beside, prefix = _staging(directory)
    if beside.is_dir():
        for path in sorted(path for path in beside.iterdir() if path.name.startswith(prefix)):
            yield f"{path} was left by a run that was interrupted, and holds keys that nothing uses: remove it"


def _existing_root(directory: Path, now: datetime) -> tuple[KeyPair | None, list[str]]:
    present = [directory / name for name in (ROOT_CERT, ROOT_KEY) if os.path.lexists(directory / name)]
    if not present:
        return None, []
    if len(present) == 1:
        missing = ROOT_KEY if present[0].name == ROOT_CERT else ROOT_CERT
        return None, [f"{present[0]} exists without {missing}: bring that back, or choose another directory"]
    pems, problems = _read(present)
    if problems:
        return None, problems
    pair = KeyPair(pems[ROOT_CERT], pems[ROOT_KEY])
    return pair, [f"{directory}: {problem.text}" for problem in check_root(pair.cert, pair.key, now)]


def _existing_cluster(folder: Path) -> list[str]:
    if not os.path.lexists(folder):
        return []
    if not folder.is_dir():
        return [f"{folder} exists and is not a directory"]
    present = [name for name in PARTS if os.path.lexists(folder / name)]
    missing = [name for name in PARTS if name not in present]
    if present and missing:
        return [f"{folder} is incomplete: it has {', '.join(present)}, but not {', '.join(missing)}"]
    return [f"{folder / name} exists" for name in present] or [f"{folder} exists"]


def _read_parts(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    names = TLS_PARTS if os.path.lexists(folder / TLS_CERT) else PARTS
    return _read([folder / name for name in names])


def _read(paths: Sequence[Path]) -> tuple[dict[str, bytes], list[str]]:
    found: dict[str, bytes] = {}
    problems: list[str] = []
    for path in paths:
        try:
            found[path.name] = path.read_bytes()
        except OSError as error:
            problems.append(f"{path}: {error.strerror}")
    return found, problems


def _write(directory: Path, root: KeyPair | None, clusters: Mapping[str, Mapping[str, bytes]]) -> None:
    """Write beside the final place, then move; a directory that is new appears all at once."""
    beside, prefix = _staging(directory)
    beside.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=prefix, dir=beside))  # mode 0700
    try:
        if root is not None:
            _write_folder(staged, {ROOT_KEY: root.key, ROOT_CERT: root.cert})
        for name, parts in clusters.items():
            (staged / name).mkdir(mode=0o700)
            _write_folder(staged / name, parts)
        if beside == directory:
            move_into(directory, staged, [*((ROOT_KEY, ROOT_CERT) if root else ()), *clusters])
        else:
            staged.rename(directory)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _staging(directory: Path) -> tuple[Path, str]:
    """Return where files are written first, on the same file system, and how the name of that folder begins."""
    if directory.is_dir():
        return directory, UNFINISHED
    return directory.parent, f".{directory.name}{UNFINISHED}"


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        mode = 0o600 if name in KEYS else 0o644
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)


def move_into(directory: Path, staged: Path, names: Sequence[str]) -> None:
    """Move all, or take back what was moved; never over something that came to be there meanwhile."""
    moved: list[Path] = []
    try:
        for name in names:
            source, target = staged / name, directory / name
            if source.is_dir():
                source.rename(target)  # refuses a folder with content
            else:
                os.link(source, target)  # unlike a rename, refuses an existing file
            moved.append(target)
    except BaseException:
        for target in moved:
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        raise


def _failed(error: OSError, directory: Path) -> MeshctlError:
    return MeshctlError(f"{error.filename2 or error.filename or directory}: {error.strerror}")
