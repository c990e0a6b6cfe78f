"""`--report`: where the time of a run went, written when it ends, however it ends."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from meshctl.errors import SpecError
from meshctl.render.journal import Journal

SUFFIXES = (".html", ".json")


@dataclass(frozen=True, slots=True)
class Report:
    """A file that will be written; that it can be has been tried."""

    path: Path

    def write(self, journal: Journal) -> None:
        """Write the report in one piece: whoever reads it meanwhile reads the former one, or none."""
        part = part_of(self.path)
        try:
            part.write_text(FORMS[self.path.suffix](journal), encoding="utf-8")
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)


def report_at(name: str) -> Report:
    """Return the report of that name; raise SpecError when it cannot be one, or cannot be written."""
    path = Path(name).expanduser()
    if path.suffix not in SUFFIXES:
        raise SpecError([f"--report: {name!r} ends in none of {', '.join(SUFFIXES)}"])
    if path.is_dir():
        raise SpecError([f"--report: {name!r} is a directory"])
    try:
        # A name beside it, for a run may take long, and what is to be replaced must not be lost if it breaks off.
        part = part_of(path)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        part.unlink()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise SpecError([f"--report: cannot write {name!r}: {why}"]) from error
    return Report(path)


def part_of(path: Path) -> Path:
    """Return the name under which a file is written before it takes its place."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


def html(journal: Journal) -> str:
    """Return the report for people."""
    from meshctl.render.text import local_zone
    from meshctl.render.timeline import timeline
    from meshctl.render.timeline_page import timeline_page

    return timeline_page(timeline(journal), local_zone())


def json(journal: Journal) -> str:
    """Return the report for programs."""
    from json import dumps

    from meshctl.render.timeline import timeline
    from meshctl.render.timeline_json import document

    return dumps(document(timeline(journal)), indent=2) + "\n"


FORMS: dict[str, Callable[[Journal], str]] = {".html": html, ".json": json}
