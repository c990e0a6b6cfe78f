"""The journals of runs, kept in meshctl's folder: events are written as they come, so that a killed run leaves one too.

They are for people who look into a run later (`meshctl bundle`); no command goes by what they say. Every text in them
has passed the masking of `-o json`, and only their owner may read them.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from uuid import uuid4

from meshctl import __version__
from meshctl.events import Event
from meshctl.paths import state_dir
from meshctl.render.journal import (
    Closing,
    Journal,
    Opening,
    Place,
    closing_line,
    event_line,
    opening_line,
    read,
)
from meshctl.spec import MeshSpec

KEPT = 10  # journals
LARGEST = 4_000_000  # characters of one; what comes after them is not kept, but for how the run was left


def opening_of(command: str, mesh: MeshSpec, at: float) -> Opening:
    """Return what a command was asked for."""
    places = tuple(Place(one.name, one.context, one.network) for one in mesh.clusters)
    return Opening(at, command, mesh.mesh_id, places, __version__)


class Journaling:
    """Keeps the events of one run: in memory, and on disk from the first one on.

    A disk that is full, or a folder that cannot be written, stops no run: there is only no journal then.
    """

    def __init__(self, opening: Opening, folder: Path) -> None:
        self.opening = opening
        self.events: list[Event] = []
        self._folder = folder
        self._file: TextIO | None = None
        self._written = 0

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self.events.append(event)
        with suppress(OSError):
            self._write(event_line(event))

    def close(self, closing: Closing) -> Journal:
        """Note how the run was left, and return the whole journal. A run without events leaves no file."""
        with suppress(OSError):
            if self._file is not None:
                self._file.write(closing_line(closing) + "\n")
                self._file.close()
        return Journal(self.opening, tuple(self.events), closing)

    def _write(self, line: str) -> None:
        if self._file is None:
            self._file = opened(self._folder, self.opening)
        self._written += len(line)
        if self._written <= LARGEST:
            self._file.write(line + "\n")
            self._file.flush()


def folder_of(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where journals are."""
    return state_dir(environ) / "journals"


def opened(folder: Path, opening: Opening) -> TextIO:
    """Begin a new file for a journal, and let go of the oldest."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.jsonl"))[: -(KEPT - 1)]:
        old.unlink(missing_ok=True)
    stamp = f"{datetime.fromtimestamp(opening.at, UTC):%Y%m%dT%H%M%S.%f}"
    path = folder / f"{stamp}-{opening.command}-{uuid4().hex[:6]}.jsonl"
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    file.write(opening_line(opening) + "\n")
    return file


def last_of(mesh: MeshSpec, folder: Path) -> Journal | None:
    """Return the journal of the last run on any of these contexts, None when there is none."""
    contexts = {one.context for one in mesh.clusters}
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        with suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            found = read(file)
            if found and contexts & {one.context for one in found.opening.clusters}:
                return found
    return None
