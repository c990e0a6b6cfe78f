"""The live picture of a run, drawn so that it always fits the terminal; pure, so that tests can look at it.

Every cluster gets a line and, below it, its failures and what it waits for. When that is too tall, clusters with
nothing to watch are folded together, then waits get one line per cluster, then failures, and what still does not fit
is counted.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import ConsoleDimensions, OverflowMethod
from rich.text import Text

from meshctl.events import Failure, Outcome
from meshctl.render.plain import block
from meshctl.render.text import count, one_line, several, span, ticking
from meshctl.render.tree import Lane, Node, Tree, lanes


@dataclass(frozen=True, slots=True)
class Marks:
    """The signs of the picture; there is a set for terminals that know no more than ASCII."""

    done: str = "✓"
    failed: str = "✗"
    skipped: str = "○"
    waiting: str = "·"
    dot: str = " · "
    spinner: str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

    def spin(self, now: float) -> str:
        """Return the spinner's face at this moment."""
        return self.spinner[int(now * 8) % len(self.spinner)]


UNICODE = Marks()
ASCII = Marks(done="+", failed="x", skipped="-", waiting=".", dot=" - ", spinner="|/-\\")

Lines = list[Text]


def draw(tree: Tree, now: float, size: ConsoleDimensions, marks: Marks = UNICODE) -> Text:
    """Return the picture of a run, empty before its plan: lower than the terminal, and cut at its width."""
    pen = _Pen(now, size.width, marks)
    if not tree.title:
        return Text()
    room = max(size.height - 2, 1)
    body: Lines = []
    for body in _drafts(lanes(tree), pen, room):
        if len(body) <= room:
            break
    overflow: OverflowMethod = "crop" if marks == ASCII else "ellipsis"  # the ellipsis is not ASCII
    return Text("\n", no_wrap=True, overflow=overflow).join([_title(tree, pen), *body[:room]])


@dataclass(frozen=True, slots=True)
class _Pen:
    now: float
    width: int
    marks: Marks


def _drafts(all_lanes: Sequence[Lane], pen: _Pen, room: int) -> Iterator[Lines]:
    """Yield ever shorter pictures."""
    yield [line for lane in all_lanes for line in _full(lane, pen)]
    busy = [lane for lane in all_lanes if not lane.quiet]
    folded = _folded([lane for lane in all_lanes if lane.quiet], pen)
    yield [line for lane in busy for line in _full(lane, pen)] + folded
    yield [line for lane in busy for line in (_full(lane, pen) if lane.failed else [_brief(lane, pen)])] + folded
    yield [_brief(lane, pen) for lane in busy] + folded
    yield _cut(busy, folded, pen, room)


def _cut(busy: Sequence[Lane], folded: Lines, pen: _Pen, room: int) -> Lines:
    """Failures first, then whoever has been at it for longest, then how many more there are."""
    urgent = sorted(busy, key=lambda lane: (not lane.failed, _since(lane, pen.now)))
    shown = urgent[: max(room - len(folded) - 1, 0)]
    more = count(len(urgent) - len(shown), "more cluster")
    return [*(_brief(lane, pen) for lane in shown), Text(f"  and {more} to watch", style="dim"), *folded]


def _since(lane: Lane, now: float) -> float:
    return min((node.started for node in lane.running if node.started is not None), default=now)


def _title(tree: Tree, pen: _Pen) -> Text:
    over = sum(node.finished is not None for node in tree.nodes.values())
    dot = pen.marks.dot
    facts = f"{dot}{ticking(pen.now - tree.began)}{dot}{over} of {count(len(tree.nodes), 'step')}"
    loose = [warning.text for warning in tree.warnings if warning.step is None]
    line = Text.assemble((one_line(tree.title), "bold"), (facts, "dim"))
    return line.append(f"{dot}warning: {one_line(loose[-1])}", style="yellow") if loose else line


def _full(lane: Lane, pen: _Pen) -> Lines:
    return [
        _head(lane, pen),
        *(Text(f"    warning: {one_line(warning.text)}", style="yellow") for warning in lane.warnings[-2:]),
        *(line for node in lane.failed for line in _failed(node, pen)),
        *(Text("    ").append_text(_running(node, pen)) for node in lane.running),
    ]


def _head(lane: Lane, pen: _Pen) -> Text:
    sizes = (
        (len(lane.having(Outcome.SUCCEEDED)), "done"),
        (len(lane.failed), "failed"),
        (len(lane.having(Outcome.SKIPPED)), "skipped"),
        (len(lane.having(Outcome.INTERRUPTED)), "stopped"),
        (len(lane.waiting), "to go"),
    )
    mark, style = _sign(lane, pen.marks)
    counts = ", ".join(f"{number} {word}" for number, word in sizes if number)
    return Text.assemble("  ", (lane.cluster, "bold"), "  ", (mark, style), f" {counts}".rstrip())


def _sign(lane: Lane, marks: Marks) -> tuple[str, str]:
    if lane.failed:
        return marks.failed, "red"
    if lane.having(Outcome.SKIPPED) or lane.having(Outcome.INTERRUPTED):
        return marks.skipped, "yellow"
    return (marks.done, "green") if lane.having(Outcome.SUCCEEDED) else (marks.waiting, "dim")


def _running(node: Node, pen: _Pen) -> Text:
    dot = pen.marks.dot
    seconds = ticking(pen.now - (pen.now if node.started is None else node.started))
    reason = f"{dot}{one_line(node.text)}" if node.text else ""
    return Text.assemble((pen.marks.spin(pen.now), "cyan"), f" {node.step.title}", (f"{dot}{seconds}{reason}", "dim"))


def _failed(node: Node, pen: _Pen) -> Lines:
    ended = node.finished
    if ended is None:
        return []
    mark = pen.marks.failed
    first = Text(f"    {mark} {node.step.title}{pen.marks.dot}failed after {span(ended.seconds)}", style="red")
    return [first, *(Text(line) for line in _explained(ended.failure, pen.width))]


def _explained(failure: Failure | None, width: int) -> list[str]:
    """Wrap an explanation, two lines for each part: all of it is in the summary."""
    indent, deeper = " " * 8, " " * 19
    return [
        line
        for part in (block(failure) if failure else ())
        for line in textwrap.wrap(
            part,
            max(width, 40),
            initial_indent=indent,
            subsequent_indent=deeper,
            max_lines=2,
            break_on_hyphens=False,  # commands are for copying
            placeholder=" ...",
        )
    ]


def _brief(lane: Lane, pen: _Pen) -> Text:
    if lane.failed:
        ended = lane.failed[0].finished
        why = ended.failure.message if ended and ended.failure else "failed"
        text = f"{pen.marks.failed} {lane.failed[0].step.title}: {one_line(why)}"
        return Text.assemble("  ", (lane.cluster, "bold"), "  ", (text, "red"))
    longest = min(lane.running, key=lambda node: node.started or 0.0)
    others = len(lane.running) - 1
    line = Text.assemble("  ", (lane.cluster, "bold"), "  ", (f"+{others} " if others else "", "dim"))
    return line.append_text(_running(longest, pen))


def _folded(quiet: Sequence[Lane], pen: _Pen) -> Lines:
    """Return a line for all clusters that are done, one for those that wait their turn, one for those given up."""
    marks = pen.marks
    groups = {marks.done: "done", marks.waiting: "waiting for others", marks.skipped: "given up"}
    kinds = [(_kind(lane, marks), lane.cluster) for lane in quiet]
    lines = []
    for mark, word in groups.items():
        names = [name for kind, name in kinds if kind == mark]
        if names:
            who = several(names, "cluster", most=4)
            lines.append(Text(f"  {mark} {who}: {word}", style="green" if mark == marks.done else "dim"))
    return lines


def _kind(lane: Lane, marks: Marks) -> str:
    if lane.waiting:
        return marks.waiting
    return _sign(lane, marks)[0] if lane.nodes else marks.done
