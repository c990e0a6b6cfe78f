"""Writing a folder that was rendered: all of it or nothing, and nothing of anybody else's.

A marker in the folder lists what was written and with what content, so that the next run knows its own files from those
of others, and those it wrote from those that were edited since.
"""

import hashlib
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import FrameType

from meshctl.errors import SpecError

MARKER = ".meshctl-render"
NOT_LOOKED_AT = frozenset({".git"})
VERSION = 1

Contents = Mapping[str, str]
"""The text of files by their path in the folder."""


def write_folder(folder: Path, files: Contents, *, force: bool) -> None:
    """Make `folder` hold these files, and no others of an earlier run.

    Raises SpecError with everything that stands in the way, and OSError; the folder is then as it was.
    """
    before = written(folder)
    problems = [] if force else list(obstacles(folder, files, before))
    if folder.exists() and not folder.is_dir():
        raise SpecError([f"--out: {folder} is not a folder"])
    if problems:
        raise SpecError(problems, hint="choose another folder, or add --force to overwrite")
    everything = {**files, MARKER: marker_text(files)}
    stale = [path for path in before if path not in files and (force or intact(folder / path, before[path]))]
    with undisturbed():
        target = folder.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".meshctl-unfinished-", dir=target if target.is_dir() else target.parent))
        try:
            _fill(staged / "new", everything)
            if target.is_dir():
                _exchange(target, staged, everything, stale)
            else:
                (staged / "new").rename(target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def obstacles(folder: Path, files: Contents, before: Mapping[str, str]) -> Iterator[str]:
    """Yield why a folder must not be written to."""
    if not folder.is_dir():
        return
    there = sorted(path.name for path in folder.iterdir() if path.name not in NOT_LOOKED_AT)
    if there and not before:
        yield f"--out: {folder} is not empty, and not a folder that meshctl has rendered"
        return
    for path in sorted({*before, *files}):
        target = folder / path
        if path not in before and target.exists():
            yield f"--out: {target} is in the way, and not of meshctl's making"
        elif path in before and target.exists() and not intact(target, before[path]):
            yield f"--out: {target} was changed since it was rendered"


def written(folder: Path) -> dict[str, str]:
    """Return the digests of the files an earlier run wrote, empty where none did."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    files = marker.get("files") if isinstance(marker, dict) and marker.get("v") == VERSION else None
    return {str(path): str(digest) for path, digest in files.items() if inside(str(path))} if files else {}


def inside(path: str) -> bool:
    """Say whether a path of a marker stays in its folder: markers come from repositories."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not PurePosixPath(path).is_absolute() and ".." not in parts


def intact(path: Path, digest: str) -> bool:
    """Say whether a file is as it was written."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def marker_text(files: Contents) -> str:
    """Return the marker of a folder."""
    digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in sorted(files.items())}
    return json.dumps({"v": VERSION, "files": digests}, indent=2) + "\n"


def _fill(folder: Path, files: Contents) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _exchange(folder: Path, staged: Path, files: Contents, stale: list[str]) -> None:
    """Put the new files in the place of the old ones, or everything back where it was."""
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        moved.append((source, target))

    try:
        for path in (*stale, *files):
            if (folder / path).exists():
                move(folder / path, staged / "old" / path)
        for path in files:
            move(staged / "new" / path, folder / path)
    except OSError:
        for source, target in reversed(moved):
            target.rename(source)
        raise
    for parent in {parent for path in stale for parent in (folder / path).parents if parent.is_relative_to(folder)}:
        _remove_if_empty(parent)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back Ctrl-C and its like for the moment it takes to write: they come right after."""
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        del frame
        came.append(number)

    before = {one: signal.signal(one, remember) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        for number in came:
            signal.raise_signal(number)
