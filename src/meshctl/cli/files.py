"""Files that a command writes for its user: tried before anything long begins, and written in one piece."""

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from meshctl.errors import SpecError


def file_at(option: str, name: str, suffixes: Sequence[str] = ()) -> Path:
    """Return the path of a file to write; raise SpecError when it has none of the suffixes, or cannot be written.

    Without suffixes any will do.
    """
    path = Path(name).expanduser()
    if suffixes and not path.name.endswith(tuple(suffixes)):
        raise SpecError([f"{option}: {name!r} ends in none of {', '.join(suffixes)}"])
    if path.is_dir():
        raise SpecError([f"{option}: {name!r} is a directory"])
    try:
        # A name beside it, for a run may take long, and what is to be replaced must not be lost if it breaks off.
        part = part_of(path)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        part.unlink()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SpecError([f"{option}: cannot write {name!r}: {why}"]) from error
    return path


def write_whole(path: Path, content: str | bytes, mode: int = 0o666) -> None:
    """Write a file in one piece: whoever reads it meanwhile reads the former one, or none.

    `mode` is who may read it, less what the user's umask takes away.
    """
    part = part_of(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    """Return the name under which a file is written before it takes its place."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
