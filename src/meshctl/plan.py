"""The vocabulary of a plan: what can be done to clusters, as values that can be printed, compared and performed.

Nothing here talks to a cluster. Functions carried by a value (`Fact.ask`, `Probe.ask`, `Act.do`) get the clients when
the executor performs it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from meshctl.cluster import Client
from meshctl.objects import Condition, Kind, Manifest, Ref, Verdict
from meshctl.spec import Cluster, MeshSpec

FEW = 4

Clients = Mapping[str, Client]
"""A client for each cluster, by Istio's clusterName."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A question put to the clusters when a step needs the answer. `text` stands for the answer in a dry run."""

    text: str
    ask: Callable[[Clients], str]

    @property
    def stand_in(self) -> str:
        """What stands for the answer as long as it is not known."""
        return f"<{self.text.strip('<>')}>"


NO_FACTS: Mapping[str, Fact] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply the objects of a template, rendered for `about`, on the cluster `on`.

    `timeout` bounds, in seconds, how long answers that may pass (a webhook not serving yet) are tried again.
    """

    on: str
    template: str
    about: Cluster
    facts: Mapping[str, Fact] = field(default_factory=lambda: NO_FACTS)
    manager: str = "meshctl"
    timeout: float = 60


@dataclass(frozen=True, slots=True)
class Awaited:
    """One object of a wait, and what must hold of it. `link` names it in the chain that is waited for."""

    cluster: str
    ref: Ref
    condition: Condition
    link: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Watch until every condition holds at the same time; the first that does not is the reason shown."""

    what: str
    objects: tuple[Awaited, ...]
    timeout: float
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask until the verdict is met: at once, whenever a trigger changes, and otherwise every ten seconds.

    For what no object shows: an injection dry run, istiod's own view, real traffic.
    """

    what: str
    ask: Callable[[Clients], Verdict]
    timeout: float
    triggers: tuple[tuple[str, Ref], ...] = ()
    hint: str = ""
    every: float = 10.0


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete what is found and wait until it is gone; what is not there is done already.

    `find` is asked once, when the step runs: objects may be named, or chosen by what they are like.
    """

    on: str
    what: str
    find: Callable[[Clients], Sequence[Ref]]
    timeout: float
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What an act has to say."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """Anything else: a small repair, a look around; returns a note, or None when there is nothing to say.

    `foresee` says what `do` would do, where it writes: it asks the same, and writes nothing; empty means nothing.
    """

    what: str
    do: Callable[[Clients], Note | None]
    timeout: float = 60
    foresee: Callable[[Clients], str] | None = None


Action = Apply | Wait | Probe | Delete | Act


@dataclass(frozen=True, slots=True)
class Step:
    """One heading of the guide on one cluster. `key` is unique in its plan; `needs` are keys.

    A step with `always` is performed even when what it needs has failed (the sweep at the end of a teardown).
    """

    cluster: str
    title: str
    actions: tuple[Action, ...]
    needs: tuple[str, ...] = ()
    always: bool = False

    @property
    def key(self) -> str:
        """The step's name in its plan."""
        return f"{self.cluster}: {self.title}"


def step(cluster: Cluster, title: str, *actions: Action, needs: Iterable[Step] = (), always: bool = False) -> Step:
    """Make a step; reads well in a plan."""
    return Step(cluster.name, title, actions, tuple(need.key for need in needs), always)


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in the guide's order, and what they need of each other. A cycle is refused when it is made."""

    title: str
    mesh: MeshSpec
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        keys = [one.key for one in self.steps]
        unknown = {need for one in self.steps for need in one.needs} - set(keys)
        if unknown or len(set(keys)) != len(keys):
            msg = f"a plan's keys must be unique and known: {sorted(unknown) or keys}"
            raise ValueError(msg)
        try:
            TopologicalSorter(self.graph).prepare()
        except CycleError as error:
            msg = f"a plan must not go in circles: {error.args[1]}"
            raise ValueError(msg) from error

    @property
    def graph(self) -> dict[str, tuple[str, ...]]:
        """What each step needs."""
        return {one.key: one.needs for one in self.steps}


def named(mesh: MeshSpec) -> str:
    """Return the clusters of a mesh by both their names, as long as a title can hold them."""
    clusters = mesh.clusters
    if len(clusters) > FEW:
        return f"{len(clusters)} clusters"
    return ", ".join(f"{one.name} ({one.context})" for one in clusters)


def refs_of(manifests: Iterable[Manifest], kinds: Iterable[Kind]) -> tuple[Ref, ...]:
    """Return the names of manifests, whose kinds must be among `kinds`."""
    known = {(kind.api_version, kind.name): kind for kind in kinds}
    return tuple(
        Ref(known[m["apiVersion"], m["kind"]], m["metadata"]["name"], m["metadata"].get("namespace", ""))
        for m in manifests
    )
