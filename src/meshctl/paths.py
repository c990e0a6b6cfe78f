"""Where meshctl keeps what outlives a process: marks of live runs, the journals of the last ones, and the lab."""

import os
from collections.abc import Mapping
from pathlib import Path


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return meshctl's folder for state, by the XDG convention; `MESHCTL_STATE_DIR` overrides it."""
    if own := environ.get("MESHCTL_STATE_DIR"):
        return Path(own)
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "meshctl"
