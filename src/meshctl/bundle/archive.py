"""The archive itself: one folder in a .tar.gz that only its owner may read, put in its place in one piece."""

import io
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path

from meshctl.paths import part_of

OWNERS = 0o600


def write(path: Path, folder: str, files: Mapping[str, str], at: float) -> int:
    """Write the texts by path below one top folder; return the archive's size in bytes. Raises OSError."""
    part = part_of(path)
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNERS)
        with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz", compresslevel=6) as archive:
            for name, text in files.items():
                archive.addfile(*_member(f"{folder}/{name}", text.encode("utf-8", "replace"), at))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path.stat().st_size


def _member(name: str, data: bytes, at: float) -> tuple[tarfile.TarInfo, io.BytesIO]:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), int(at), OWNERS
    return member, io.BytesIO(data)
