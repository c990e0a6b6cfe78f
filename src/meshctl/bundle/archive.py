"""The archive itself: one folder in a .tar.gz, which says nothing of who made it but the time."""

import io
import tarfile
from collections.abc import Mapping

OWNERS = 0o600
"""The mode of the archive, and of everything in it."""


def packed(folder: str, files: Mapping[str, str], at: float) -> bytes:
    """Return an archive of texts by path below one top folder."""
    packing = io.BytesIO()
    with tarfile.open(fileobj=packing, mode="w:gz", compresslevel=6) as archive:
        for name, text in files.items():
            data = text.encode("utf-8", "replace")
            archive.addfile(_member(f"{folder}/{name}", len(data), at), io.BytesIO(data))
    return packing.getvalue()


def _member(name: str, size: int, at: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(at), OWNERS
    return member
