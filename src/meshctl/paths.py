"""Where meshctl keeps what outlives a process (marks of live runs, journals, the lab), and how new files get there."""

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return meshctl's folder for state, by the XDG convention; `MESHCTL_STATE_DIR` overrides it."""
    if own := environ.get("MESHCTL_STATE_DIR"):
        return Path(own)
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "meshctl"


def part_of(path: Path) -> Path:
    """Return the name under which a file is written before it takes its place: readers never see half of it."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


def why_unwritable(path: Path) -> str:
    """Return why a file cannot be written, empty when it can be: that is tried, beside it, so nothing is lost by it."""
    if path.is_dir():
        return "it is a directory"
    part = part_of(path)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        part.unlink()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""
