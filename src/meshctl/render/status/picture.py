"""The picture of a mesh as shapes with places, for the page: networks as frames, clusters as boxes, ways as arrows.

There are two layouts, for wide and for narrow screens; the page shows whichever fits. Units are pixels at full size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from meshctl.checks.status.model import Health
from meshctl.render.status.sketch import Arrow, Box, Branch, Sketch
from meshctl.render.text import one_line

LETTER = 7.6
"""How wide a letter of the page's font is on average."""

LINE, PAD, HEAD, MARGIN = 22, 14, 30, 8
"""Height of a line, space around text, height of a frame's name, space around a frame."""

NARROW_WIDTH, WIDE_WIDTH = 350, 940
STEM = 52
"""Where the boxes of remotes begin in the narrow picture."""

GAP = 260
"""How far apart the primary and the remotes are in the wide one."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A network (`kind` frame) or a cluster (`kind` box)."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    health: Health = Health.WELL


@dataclass(frozen=True, slots=True)
class Label:
    """A text; `kind` is name, title, row or way, `anchor` as SVG has it."""

    kind: str
    x: float
    y: float
    text: str
    health: Health = Health.WELL
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Way:
    """An arrow along corners; `head` is the triangle at its end, empty when the way is not open."""

    points: tuple[tuple[float, float], ...]
    health: Health
    head: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """All shapes, in the order in which they are drawn."""

    width: float
    height: float
    frames: tuple[Frame, ...] = ()
    ways: tuple[Way, ...] = ()
    labels: tuple[Label, ...] = ()


@dataclass(slots=True)
class _Board:
    """Shapes as they are put down."""

    frames: list[Frame] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)

    def box(self, box: Box, x: float, y: float, width: float, height: float) -> None:
        """Put down a cluster with its rows."""
        self.frames.append(Frame("box", x, y, width, height, box.health))
        letters = int((width - 2 * PAD) / LETTER)
        title = _crop(f"{MARKS[box.health]} {box.title}", int(letters * 0.8))
        self.labels.append(Label("title", x + PAD, y + PAD + 12, title, box.health))
        lines = [(Health.WELL, box.place), *((row.health, f"{row.label} {row.text}".strip()) for row in box.rows)]
        for number, (health, text) in enumerate(lines, start=1):
            where = y + PAD + 12 + number * LINE
            self.labels.append(Label("row", x + PAD, where, _crop(text, letters), health))

    def network(self, name: str, x: float, y: float, width: float, height: float) -> None:
        """Put down the frame of a network, with its name."""
        self.frames.append(Frame("frame", x + 1, y, width - 2, height))
        self.labels.append(Label("name", x + PAD, y + 20, _crop(name, int(width / LETTER) - 4)))

    def way(self, arrow: Arrow, *points: tuple[float, float]) -> None:
        """Put down an arrow; one that is not well ends in a cross."""
        (x0, _), (x, y) = points[-2:]
        step = 9 if x > x0 else -9
        fine = arrow.health in (Health.WELL, Health.WARNING)
        head = ((x, y), (x - step, y - 5), (x - step, y + 5)) if fine else ()
        self.ways.append(Way((*points[:-1], (x - step if fine else x - 2 * step, y)), arrow.health, head))
        if not fine:
            self.labels.append(Label("way", x - step, y + 5, MARKS[arrow.health], arrow.health, "middle"))

    def picture(self, width: float, height: float) -> Picture:
        """Return what was put down."""
        return Picture(width, height, tuple(self.frames), tuple(self.ways), tuple(self.labels))


MARKS = {Health.WELL: "✓", Health.WARNING: "!", Health.BROKEN: "✗", Health.UNKNOWN: "?"}


def wide(sketch: Sketch) -> Picture:
    """Return the picture for wide screens: the primary at the left, as tall as all remotes at the right."""
    board = _Board()
    side = (WIDE_WIDTH - GAP) / 2
    right = side + GAP
    y = float(MARGIN)
    for network, branches in _by_network(sketch.branches):
        top = y
        y += HEAD
        for branch in branches:
            height = _tall(branch.box)
            board.box(branch.box, right + MARGIN, y, side - 2 * MARGIN, height)
            _across(board, branch, side - MARGIN, right + MARGIN, y + height / 2)
            y += height + MARGIN
        board.network(network, right, top, side, y - top)
        y += MARGIN
    bottom = max(y - MARGIN, MARGIN + HEAD + _tall(sketch.primary) + MARGIN)
    primary = _Board()
    primary.network(sketch.primary.network, 0, MARGIN, side, bottom - MARGIN)
    primary.box(sketch.primary, MARGIN, MARGIN + HEAD, side - 2 * MARGIN, bottom - 2 * MARGIN - HEAD)
    primary.frames += board.frames
    primary.ways += board.ways
    primary.labels += board.labels
    return primary.picture(WIDE_WIDTH, bottom + MARGIN)


def _across(board: _Board, branch: Branch, left: float, right: float, y: float) -> None:
    middle = (left + right) / 2
    for arrow, height, points in (
        (branch.watch, y - 12, ((left + 6, y - 12), (right - 2, y - 12))),
        (branch.discovery, y + 22, ((right - 6, y + 22), (left + 2, y + 22))),
    ):
        board.way(arrow, *points)
        board.labels.append(Label("way", middle, height - 7, arrow.text, arrow.health, "middle"))


def narrow(sketch: Sketch) -> Picture:
    """Return the picture for narrow screens: the primary on top, and the remotes below it on a stem."""
    board = _Board()
    height = _tall(sketch.primary)
    board.network(sketch.primary.network, 0, MARGIN, NARROW_WIDTH, HEAD + height + MARGIN)
    board.box(sketch.primary, MARGIN, MARGIN + HEAD, NARROW_WIDTH - 2 * MARGIN, height)
    foot = y = 2.0 * MARGIN + HEAD + height
    for network, branches in _by_network(sketch.branches):
        y += 2 * MARGIN
        top = y
        y += HEAD
        for branch in branches:
            y += LINE
            tall = _tall(branch.box)
            _down(board, branch, foot, y)
            board.box(branch.box, STEM + MARGIN, y, NARROW_WIDTH - STEM - 2 * MARGIN, tall)
            y += tall + MARGIN
        board.network(network, STEM, top, NARROW_WIDTH - STEM, y - top)
    return board.picture(NARROW_WIDTH, y + MARGIN)


def _down(board: _Board, branch: Branch, foot: float, y: float) -> None:
    """Draw both ways of a remote whose box begins at `y`: they leave the stem, and are named above the box."""
    left = STEM + MARGIN
    for arrow, stem, height in ((branch.watch, 16, y + 20), (branch.discovery, 32, y + 46)):
        if arrow is branch.watch:
            board.way(arrow, (stem, foot), (stem, height), (left - 2, height))
        else:
            board.ways.append(Way(((stem, foot), (stem, height), (left, height)), arrow.health))
            fine = arrow.health in (Health.WELL, Health.WARNING)
            head = ((stem, foot), (stem - 5, foot + 9), (stem + 5, foot + 9)) if fine else ()
            board.ways.append(Way((), arrow.health, head))
    half = NARROW_WIDTH / 2
    board.labels.append(Label("way", left + 4, y - 7, f"↓ {branch.watch.text}", branch.watch.health))
    board.labels.append(Label("way", half + 20, y - 7, f"↑ {branch.discovery.text}", branch.discovery.health))


def _tall(box: Box) -> float:
    return max((len(box.rows) + 1) * LINE + 2 * PAD + 12, 5 * LINE)


def _by_network(branches: tuple[Branch, ...]) -> Iterator[tuple[str, list[Branch]]]:
    """Yield the remotes by network, in the order of their first; what is folded comes last and says its own place."""
    order = list(dict.fromkeys(branch.box.network for branch in branches))
    ranked = sorted(branches, key=lambda branch: (branch.box.network == "", order.index(branch.box.network)))
    for network, found in groupby(ranked, key=lambda branch: branch.box.network):
        yield network or "several networks", list(found)


def _crop(text: str, letters: int) -> str:
    plain = one_line(text)
    return plain if len(plain) <= letters else plain[: max(letters - 1, 1)] + "…"
