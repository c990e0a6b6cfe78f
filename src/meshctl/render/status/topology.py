"""The picture of a mesh in a terminal: two boxes side by side where there is room, else a tree below the primary."""

import textwrap
from collections.abc import Iterator
from dataclasses import replace

from rich.text import Text

from meshctl.checks.status.model import Health
from meshctl.render.status.paper import Pen
from meshctl.render.status.sketch import Arrow, Box, Branch, Row, Sketch
from meshctl.render.status.words import STYLES
from meshctl.render.text import one_line

GAP, NARROWEST, WIDEST = 17, 30, 44
"""Columns between two boxes, and of a box."""


def drawing(sketch: Sketch, pen: Pen) -> list[Text]:
    """Return the picture, no line of it wider than the paper."""
    branches = sketch.branches
    if len(branches) == 1 and pen.width >= 2 * NARROWEST + GAP:
        return list(_side_by_side(sketch.primary, branches[0], pen))
    width = min(pen.width, WIDEST)
    return [*_boxed(sketch.primary, width, pen, stem=bool(branches)), *_tree(branches, pen)]


def _side_by_side(left: Box, branch: Branch, pen: Pen) -> Iterator[Text]:
    width = min((pen.width - GAP) // 2, WIDEST)
    tall = max(len(left.rows), len(branch.box.rows))
    one, other = (_boxed(_as_tall(box, tall), width, pen) for box in (left, branch.box))
    ways = [Text(" " * GAP)] * len(one)
    ways[2] = _way(branch.watch, pen, forward=True)
    ways[min(3, len(one) - 1)] = _way(branch.discovery, pen, forward=False)
    for first, way, second in zip(one, ways, other, strict=True):
        yield Text.assemble(first, way, second)


def _as_tall(box: Box, rows: int) -> Box:
    return replace(box, rows=(*box.rows, *(Row("", "") for _ in range(rows - len(box.rows)))))


def _way(arrow: Arrow, pen: Pen, *, forward: bool) -> Text:
    """Return an arrow of GAP columns with its text in the middle; one that is not well has no head, but a cross."""
    dash, right, left = pen.lines[1], pen.lines[7], pen.lines[8]
    fine = arrow.health in (Health.WELL, Health.WARNING)
    head = (right if forward else left) if fine else pen.mark(arrow.health)
    line = f" {pen.crop(arrow.text, GAP - 6)} ".center(GAP - 3, dash)
    text = f" {line}{head} " if forward else f" {head}{line} "
    return Text(text, style=STYLES[arrow.health])


def _boxed(box: Box, width: int, pen: Pen, *, stem: bool = False) -> list[Text]:
    corner = pen.lines
    title = pen.crop(box.title, width - 7)
    head = Text.assemble(
        f"{corner[0]}{corner[1]} ",
        (pen.mark(box.health), STYLES[box.health]),
        " ",
        (title, "bold"),
        f" {corner[1] * (width - len(title) - 7)}{corner[2]}",
    )
    foot = corner[4] + corner[1] * (width - 2) + corner[5]
    if stem:
        foot = foot[:3] + corner[9] + foot[4:]
    return [head, *(_line(row, width, pen) for row in (Row("", box.place), *box.rows)), Text(foot)]


def _line(row: Row, width: int, pen: Pen) -> Text:
    side = pen.lines[3]
    label = f"{row.label:<8}" if row.label else ""
    text = pen.crop(row.text, width - 4 - len(label))
    style = "" if row.health is Health.WELL else STYLES[row.health]
    return Text.assemble(f"{side} ", (label, "dim"), (text.ljust(width - 4 - len(label)), style), f" {side}")


def _tree(branches: tuple[Branch, ...], pen: Pen) -> Iterator[Text]:
    longest = max((len(branch.watch.text) for branch in branches), default=0)
    for number, branch in enumerate(branches):
        yield from _twig(branch, longest, pen, last=number == len(branches) - 1)


def _twig(branch: Branch, longest: int, pen: Pen, *, last: bool) -> Iterator[Text]:
    dash, down, tee = pen.lines[1], pen.lines[3], pen.lines[4 if last else 6]
    fine = branch.watch.health in (Health.WELL, Health.WARNING)
    head = pen.lines[7] if fine else pen.mark(branch.watch.health)
    arrow = f"{dash} {branch.watch.text} ".ljust(longest + 3, dash) + dash + head
    box = branch.box
    name = pen.crop(f"{pen.mark(box.health)} {box.title}", pen.width - 10 - longest)
    first, *more = _wrapped(_said(branch), len(name) + 3, 7 + longest, pen)
    yield Text.assemble(
        f"   {tee}", (arrow, STYLES[branch.watch.health]), " ", (name, STYLES[box.health]), f"  {first}".rstrip()
    )
    for text in more:
        yield Text(f"   {' ' if last else down}{' ' * (longest + 6)}{text}")


def _said(branch: Branch) -> str:
    rows = [f"{row.label} {row.text}".strip() for row in branch.box.rows if row.label != "API"]
    way = "" if branch.discovery.health in (Health.WELL, Health.UNKNOWN) else f"; istiod: {branch.discovery.text}"
    return f"{branch.box.place}; {'; '.join(rows)}{way}"


def _wrapped(text: str, taken: int, indent: int, pen: Pen) -> list[str]:
    """Wrap the text behind a name: the first line has less room by what the name takes."""
    room = max(pen.width - 4 - indent, 16)
    lines = textwrap.wrap("x" * min(taken, room - 1) + " " + one_line(text), room, break_on_hyphens=False)
    first, *rest = lines or [""]
    return [first.lstrip("x").strip() if first.startswith("x") else first, *rest]
