"""What a run came to: how long its steps took, what became of every cluster, what failed, and how to go on."""

from collections.abc import Iterator

from rich.text import Text

from meshctl.errors import Exit
from meshctl.events import Outcome
from meshctl.render.critical_path import critical_path
from meshctl.render.exits import MEANINGS, NEXT
from meshctl.render.plain import block
from meshctl.render.text import count, one_line, several, span
from meshctl.render.tree import Lane, Node, Tree, lanes

LONGEST = 12
"""How many steps are listed besides the critical path: a mesh of thirty clusters has hundreds."""


def summary(tree: Tree) -> Text:
    """Return the summary; `.plain` is the same without colour."""
    parts = [_result(tree), _durations(tree), _clusters(tree), _failures(tree), _warnings(tree), _next(tree)]
    return Text("\n\n").join(Text("\n").join(lines) for lines in parts if lines)


def _result(tree: Tree) -> list[Text]:
    title = one_line(tree.title) or "The run"
    if tree.ended is None:
        return [Text(f"{title}: broke off", style="bold red")]
    code = tree.ended.exit_code
    style = "bold green" if code is Exit.DONE else "bold red"
    return [Text(f"{title}: {MEANINGS[code]} ({span(tree.ended.seconds)})", style=style)]


def _durations(tree: Tree) -> list[Text]:
    ends = {key: node.finished.at for key, node in tree.nodes.items() if node.finished and node.started is not None}
    path = critical_path({key: node.step.needs for key, node in tree.nodes.items()}, ends)
    done = [(node.finished.seconds, node) for node in tree.nodes.values() if node.finished and node.started is not None]
    longest = sorted(done, key=lambda pair: -pair[0])
    listed = [pair for place, pair in enumerate(longest) if place < LONGEST or pair[1].step.key in path]
    if not listed:
        return []
    widths = max(len(node.step.key) for _, node in listed), max(len(span(seconds)) for seconds, _ in listed)
    rows = [_duration(seconds, node, widths, marked=node.step.key in path) for seconds, node in listed]
    rest = [seconds for seconds, node in longest[LONGEST:] if node.step.key not in path]
    more = [Text(f"    and {count(len(rest), 'more step')} of at most {span(rest[0])}", style="dim")] if rest else []
    return [Text("Steps, longest first (* is the chain that decided how long it all took):"), *rows, *more]


def _duration(seconds: float, node: Node, widths: tuple[int, int], *, marked: bool) -> Text:
    mark = "*" if marked else " "
    ended = "" if node.outcome is Outcome.SUCCEEDED else f"  {node.outcome}"
    name, took = f"{node.step.key:<{widths[0]}}", f"{span(seconds):>{widths[1]}}"
    return Text.assemble(f"  {mark} {name}  {took}", (ended, "red"))


def _clusters(tree: Tree) -> list[Text]:
    found = lanes(tree)
    width = max((len(lane.cluster) for lane in found), default=0)
    rows = [_cluster(lane, width) for lane in found if lane.nodes]
    return [Text("Clusters:"), *rows] if rows else []


def _cluster(lane: Lane, width: int) -> Text:
    ended = {outcome: lane.having(outcome) for outcome in Outcome}
    if len(ended[Outcome.SUCCEEDED]) == len(lane.nodes):
        return Text.assemble(f"  {lane.cluster:<{width}}  ", ("ok", "green"), f"      {count(len(lane.nodes), 'step')}")
    titles = [f"{outcome}: {_titles(nodes)}" for outcome, nodes in ended.items() if nodes and outcome in _BAD]
    left = sum(node.outcome is None for node in lane.nodes)
    counts = [f"{len(ended[Outcome.SUCCEEDED])} of {count(len(lane.nodes), 'step')} done", *titles]
    text = "; ".join([*counts, *([f"{left} not ended"] if left else [])])
    word, style = ("FAILED", "red") if ended[Outcome.FAILED] else ("not ok", "yellow")
    return Text.assemble(f"  {lane.cluster:<{width}}  ", (word, style), f"  {text}")


_BAD = (Outcome.FAILED, Outcome.SKIPPED, Outcome.INTERRUPTED)


def _titles(nodes: tuple[Node, ...]) -> str:
    return several([node.step.title for node in nodes], "step", most=3)


def _failures(tree: Tree) -> list[Text]:
    lines = list(_explained(tree))
    return [Text("Failures:"), *lines] if lines else []


def _explained(tree: Tree) -> Iterator[Text]:
    for node in tree.having(Outcome.FAILED):
        yield Text(f"  {node.step.key}", style="red")
        if node.finished and node.finished.failure:
            yield from (Text(line) for line in block(node.finished.failure, " " * 6))


def _warnings(tree: Tree) -> list[Text]:
    texts = dict.fromkeys(
        f"  {one_line(f'{one.step.key}: {one.text}' if one.step else one.text)}" for one in tree.warnings
    )
    return [Text("Warnings:"), *(Text(text, style="yellow") for text in texts)] if texts else []


def _next(tree: Tree) -> list[Text]:
    code = Exit.FAILED if tree.ended is None else tree.ended.exit_code
    meaning = Text(f"Exit code {code.value}: {MEANINGS[code]}.", style="dim") if tree.ended else None
    lines = [Text(NEXT[code])] if code in NEXT else []
    return [*lines, meaning] if meaning and code is not Exit.DONE else lines
