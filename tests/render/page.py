"""What the reference page promises to programs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"


def rows(heading: str) -> list[list[str]]:
    """The first table below a heading, without its head."""
    section = re.split(rf"^#+ {re.escape(heading)}$", PAGE.read_text(), flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def documented(heading: str) -> set[str]:
    """The keys that the table below a heading names."""
    return {row[0].strip("`") for row in rows(heading)}
