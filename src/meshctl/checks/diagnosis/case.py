"""What the links of the chain are judged by: the mesh, what was seen and tried, and how commands name it all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import join, split

from meshctl.checks.evidence import Evidence, IstiodView, Sight
from meshctl.checks.trials import Trials
from meshctl.errors import MeshctlError
from meshctl.names import ISTIO_SYSTEM
from meshctl.objects import Manifest, Ref
from meshctl.spec import Cluster, MeshSpec


class UnseenError(Exception):
    """What a link asks for could not be seen, so nothing can be said of it; carries why, as a sentence."""


class HiddenError(UnseenError):
    """What a link asks for is kept from this user by his rights."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken link at hand: what is wrong, what shows it, and the line for a shell that mends it, if there is one.

    `hint` says what to do where no line can.
    """

    text: str
    evidence: tuple[str, ...] = ()
    command: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One mesh to judge. Everything in `evidence` and `trials` is by the names of `mesh`.

    `options` are the words that name this mesh on a command line of meshctl, ready for a shell.
    """

    mesh: MeshSpec
    evidence: Evidence
    options: str
    trials: Trials = field(default_factory=Trials)

    @property
    def primary(self) -> Cluster:
        """The cluster that runs istiod."""
        return self.mesh.primary

    def is_remote(self, cluster: Cluster) -> bool:
        """Say whether istiod runs elsewhere."""
        return cluster != self.mesh.primary

    def sight(self, cluster: Cluster) -> Sight:
        """Return what was seen of a cluster; raise UnseenError when it does not answer."""
        seen = self.evidence.sights.get(cluster.name)
        if seen is None:
            raise UnseenError(f"{cluster.name} does not answer")
        return seen

    def get(self, cluster: Cluster, ref: Ref) -> Manifest | None:
        """Return an object, None when it is not there; raise UnseenError when it may not be seen."""
        seen = self.sight(cluster)
        if ref in seen.unseen:
            raise HiddenError(f"{ref} on {cluster.name} may not be read")
        return seen.get(ref)

    def all(self, cluster: Cluster, question: str) -> tuple[Manifest, ...]:
        """Return a collection; raise UnseenError when it may not be seen."""
        seen = self.sight(cluster)
        if question in seen.unseen:
            raise HiddenError(f"the {question} of {cluster.name} may not be listed")
        return seen.all(question)

    def istiods(self) -> tuple[IstiodView, ...]:
        """Return the views of every istiod that answers; raise UnseenError when none does."""
        views = tuple(view for view in self.evidence.istiods if not view.trouble)
        if not views:
            trouble = next((view.trouble for view in self.evidence.istiods), "no istiod runs")
            raise UnseenError(f"no istiod tells what it knows: {trouble}")
        return views

    def silence(self, cluster: Cluster) -> MeshctlError | None:
        """Return why a cluster does not answer, None when it does."""
        return self.evidence.silent.get(cluster.name)

    def kubectl(self, cluster: Cluster, *words: str) -> str:
        """Return a line of kubectl, ready for a shell."""
        kubeconfig = cluster.kubeconfig or self.mesh.kubeconfig
        where = ("--kubeconfig", kubeconfig) if kubeconfig else ()
        return join(["kubectl", *where, "--context", cluster.context, *words])

    def system(self, cluster: Cluster, *words: str) -> str:
        """Return a line of kubectl that is about istio-system."""
        return self.kubectl(cluster, "-n", ISTIO_SYSTEM, *words)

    def meshctl(self, command: str, *more: str) -> str:
        """Return a line of meshctl about this mesh, ready for a shell."""
        return join(["meshctl", command, *split(self.options), *more])

    @property
    def repair(self) -> str:
        """The line that lets meshctl mend it."""
        return self.meshctl("repair")

    @property
    def install(self) -> str:
        """The line that puts back what is missing."""
        return self.meshctl("install")


def renamed(evidence: Evidence, names: Mapping[str, str]) -> Evidence:
    """Return the evidence by other names: `names` leads from those it was gathered by to those of the mesh."""
    return Evidence(
        {names.get(name, name): one for name, one in evidence.sights.items()},
        {names.get(name, name): one for name, one in evidence.silent.items()},
        evidence.istiods,
    )
