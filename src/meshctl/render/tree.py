"""A run as it stands, made from its events: what the live display draws and the summary sums up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from types import MappingProxyType

from meshctl.events import Ended, Event, Finished, Outcome, Planned, Progressed, Started, StepInfo, Warned


@dataclass(frozen=True, slots=True)
class Node:
    """A step as it stands; `text` is the current reason of its wait."""

    step: StepInfo
    started: float | None = None
    text: str = ""
    finished: Finished | None = None

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self.started is not None and self.finished is None

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, if it has."""
        return self.finished.outcome if self.finished else None


@dataclass(frozen=True, slots=True)
class Tree:
    """Everything known about a run; nodes are in the plan's order."""

    title: str = ""
    began: float = 0.0
    clusters: tuple[str, ...] = ()
    nodes: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    warnings: tuple[Warned, ...] = ()
    ended: Ended | None = None

    def having(self, outcome: Outcome) -> tuple[Node, ...]:
        """Return the steps that ended so."""
        return tuple(node for node in self.nodes.values() if node.outcome is outcome)


@dataclass(frozen=True, slots=True)
class Lane:
    """One cluster's share of a run."""

    cluster: str
    nodes: tuple[Node, ...]
    warnings: tuple[Warned, ...]

    def having(self, outcome: Outcome) -> tuple[Node, ...]:
        """Return the steps that ended so."""
        return tuple(node for node in self.nodes if node.outcome is outcome)

    @property
    def running(self) -> tuple[Node, ...]:
        """The steps at work."""
        return tuple(node for node in self.nodes if node.running)

    @property
    def failed(self) -> tuple[Node, ...]:
        """The steps that failed."""
        return self.having(Outcome.FAILED)

    @property
    def waiting(self) -> tuple[Node, ...]:
        """The steps whose turn has not come."""
        return tuple(node for node in self.nodes if node.started is None and node.finished is None)

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to watch here."""
        return not self.running and not self.failed


def fold(tree: Tree, event: Event) -> Tree:
    """Return the run as it stands after `event`. A second plan begins a new tree."""
    match event:
        case Planned():
            nodes = {step.key: Node(step) for step in event.steps}
            return Tree(event.title, event.at, event.clusters, MappingProxyType(nodes))
        case Started():
            return _put(tree, replace(_node(tree, event.step), started=event.at))
        case Progressed():
            return _put(tree, replace(_node(tree, event.step), text=event.text))
        case Warned():
            return replace(tree, warnings=(*tree.warnings, event))
        case Finished():
            return _put(tree, replace(_node(tree, event.step), finished=event))
        case Ended():
            return replace(tree, ended=event)


def grown(events: Iterable[Event]) -> Tree:
    """Return the run as it stands after all these events."""
    return reduce(fold, events, Tree())


def lanes(tree: Tree) -> tuple[Lane, ...]:
    """Return the run cluster by cluster, in the plan's order."""
    by_cluster: dict[str, list[Node]] = {name: [] for name in tree.clusters}
    for node in tree.nodes.values():
        by_cluster.setdefault(node.step.cluster, []).append(node)
    return tuple(
        Lane(name, tuple(nodes), tuple(one for one in tree.warnings if one.step and one.step.cluster == name))
        for name, nodes in by_cluster.items()
    )


class Record:
    """Keeps the tree of a run beside whatever shows it, so that there is a summary even when the run breaks off."""

    def __init__(self) -> None:
        self.tree = Tree()

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        self.tree = fold(self.tree, event)


def _node(tree: Tree, step: StepInfo) -> Node:
    return tree.nodes.get(step.key) or Node(step)


def _put(tree: Tree, node: Node) -> Tree:
    return replace(tree, nodes=MappingProxyType({**tree.nodes, node.step.key: node}))
