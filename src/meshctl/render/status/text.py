"""A status report on one screen: the verdict, the picture, the tables, and, last, what is wrong and what to do."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace

from rich.text import Text

from meshctl.certs.material import Severity
from meshctl.checks.finding import Finding
from meshctl.checks.status.model import Health, StatusReport
from meshctl.render.status.paper import Pen
from meshctl.render.status.sketch import sketch
from meshctl.render.status.tables import Cell, Table, tables
from meshctl.render.status.topology import drawing
from meshctl.render.status.words import STYLES, heading, unjudged, verdict
from meshctl.render.text import one_line

BETWEEN = "  "
NARROW_LAST = 24
"""How narrow a last column may be wrapped; below that a row becomes a list."""


def status_text(report: StatusReport, pen: Pen, height: int = 0) -> Text:
    """Return the screen; `.plain` is the same without colour. Only a long word is wider than the paper.

    A `height` leaves out as many tables as it takes to be no taller: the picture and the problems matter most.
    """
    head = Text.assemble((pen.mark(report.overall), STYLES[report.overall]), " ", (verdict(report), "bold"))
    above = [_wrapped(head, pen), drawing(sketch(report), pen) if report.installed else []]
    below = [list(_notes(report, pen)), list(_problems(report, pen)), list(_next(report, pen))]
    between = [_table(table, pen) for table in tables(report)] if report.installed else []
    while between and 0 < height < _height([*above, *between, *below]):
        between.pop()
    return Text("\n\n").join(Text("\n").join(lines) for lines in (*above, *between, *below) if lines)


def _height(parts: list[list[Text]]) -> int:
    return sum(len(lines) + 1 for lines in parts if lines) - 1


def _wrapped(text: Text, pen: Pen) -> list[Text]:
    if len(text.plain) <= pen.width:
        return [text]
    return [Text(line, style="bold") for line in textwrap.wrap(text.plain, pen.width, subsequent_indent="  ")]


def _table(table: Table, pen: Pen) -> list[Text]:
    texts = [[one_line(cell.text) for cell in row] for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.heads, *texts, strict=True)]
    room = pen.width - 2 - sum(width + len(BETWEEN) for width in widths[:-1])
    title = Text(table.title, style="bold")
    if room < min(NARROW_LAST, widths[-1]):
        return [title, *(line for row in table.rows for line in _listed(table.heads, row, pen))]
    heads = tuple(Cell(head) for head in table.heads)
    head = _row(heads, widths, room)[0]
    head.stylize("dim")
    return [title, head, *(line for row in table.rows for line in _row(row, widths, room))]


def _row(row: tuple[Cell, ...], widths: list[int], room: int) -> list[Text]:
    *cells, last = row
    line = Text("  ")
    for cell, width in zip(cells, widths, strict=False):
        line.append(one_line(cell.text).ljust(width) + BETWEEN, style=_style(cell))
    first, *more = textwrap.wrap(one_line(last.text), room, break_on_hyphens=False) or [""]
    indent = " " * len(line.plain)
    line.append(first, style=_style(last))
    return [_trimmed(line), *(Text(indent).append(text, style=_style(last)) for text in more)]


def _listed(heads: tuple[str, ...], row: tuple[Cell, ...], pen: Pen) -> Iterator[Text]:
    """Yield a row as a list: what a terminal is too narrow for in columns."""
    yield Text(f"  {pen.crop(row[0].text, pen.width - 2)}", style=_style(row[0]))
    for head, cell in zip(heads[1:], row[1:], strict=True):
        text = f"{head.lower()}: {one_line(cell.text)}"
        for line in _folded(text, pen.width, "    "):
            yield Text(line, style=_style(cell))


def _style(cell: Cell) -> str:
    return "" if cell.health is Health.WELL else STYLES[cell.health]


def _trimmed(line: Text) -> Text:
    line.rstrip()
    return line


def _notes(report: StatusReport, pen: Pen) -> Iterator[Text]:
    for cluster in report.clusters:
        for text in cluster.hidden:
            yield from (Text(line, style="dim") for line in _folded(f"not seen: {text}", pen.width))
    for text in unjudged(report):
        lines = _folded(f"{pen.mark(Health.UNKNOWN)} {text}", pen.width, "", "  ")
        yield from (Text(line, style=STYLES[Health.UNKNOWN]) for line in lines)


def _problems(report: StatusReport, pen: Pen) -> Iterator[Text]:
    if report.problems:
        yield Text(heading(report), style="bold")
    for one in report.problems:
        bad = one.severity is Severity.ERROR
        mark, style = (pen.mark(Health.BROKEN), "red") if bad else (pen.mark(Health.WARNING), "yellow")
        yield from _finding(one, mark, style, pen)


def _finding(one: Finding, mark: str, style: str, pen: Pen) -> Iterator[Text]:
    where = f"{one.cluster}: " if one.cluster else ""
    for number, line in enumerate(_folded(f"{mark} {where}{one.text}", pen.width, "  ", "    ")):
        yield Text(line, style=style if number == 0 else "")
    for advice in (one.hint, one.command):
        yield from (Text(line) for line in _folded(advice, pen.width, "      ") if advice)


def _next(report: StatusReport, pen: Pen) -> Iterator[Text]:
    if report.broken:
        each = " of each remote" if len(report.broken) > 1 else ""
        yield Text(f"The first broken link{each}", style="bold")
        for one in report.broken:
            yield from _link(one, pen)
        yield from (
            Text(line) for line in _folded(f"why: meshctl diagnose {report.options}", pen.width, "  ", "      ")
        )
    elif not report.installed and not any(one.silence for one in report.clusters):
        yield from (Text(line) for line in _folded(f"next: meshctl install {report.options}", pen.width, "", "      "))


def _link(one: Finding, pen: Pen) -> Iterator[Text]:
    """Yield a broken link: what is wrong, what shows it, and the command that mends it as it is to be typed."""
    yield from _finding(replace(one, command=""), f"{pen.mark(Health.BROKEN)} {one.code}".strip(), "red", pen)
    for line in one.evidence:
        yield from (Text(text, style="dim") for text in _folded(f"seen: {line}", pen.width, "      "))
    if one.command:
        yield Text(f"      {one_line(one.command)}", style="bold")


def _folded(text: str, width: int, indent: str = "", deeper: str | None = None) -> list[str]:
    return textwrap.wrap(
        one_line(text),
        max(width, 20),
        initial_indent=indent,
        subsequent_indent=indent if deeper is None else deeper,
        break_on_hyphens=False,  # commands are for copying
        break_long_words=False,
    )
