"""`--report`: where the time of a run went, written when it ends, however it ends."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from meshctl.cli.files import file_at, write_whole
from meshctl.render.journal import Journal

SUFFIXES = (".html", ".json")


@dataclass(frozen=True, slots=True)
class Report:
    """A file that will be written; that it can be has been tried."""

    path: Path

    def write(self, journal: Journal) -> None:
        """Write the report in one piece: whoever reads it meanwhile reads the former one, or none."""
        write_whole(self.path, FORMS[self.path.suffix](journal))


def report_at(name: str) -> Report:
    """Return the report of that name; raise SpecError when it cannot be one, or cannot be written."""
    return Report(file_at("--report", name, SUFFIXES))


def page_of(journal: Journal) -> str:
    """Return the report for people."""
    from meshctl.render.text import local_zone
    from meshctl.render.timeline import timeline
    from meshctl.render.timeline_page import timeline_page

    return timeline_page(timeline(journal), local_zone())


def document_of(journal: Journal) -> str:
    """Return the report for programs."""
    from meshctl.render.timeline import timeline
    from meshctl.render.timeline_json import document

    return json.dumps(document(timeline(journal)), indent=2) + "\n"


FORMS: Mapping[str, Callable[[Journal], str]] = {".html": page_of, ".json": document_of}
