"""What cannot be seen is not known, and never taken for broken."""

from meshctl.checks.diagnosis.case import Case
from meshctl.checks.diagnosis.judging import judge
from meshctl.checks.diagnosis.result import State
from meshctl.checks.evidence import LISTS, OBJECTS, SAMPLES, Evidence, Sight
from meshctl.errors import ClusterError
from meshctl.names import remote_secret
from meshctl.objects import Ref
from meshctl.spec import Cluster, MeshSpec

MESH = MeshSpec(
    Cluster("cluster1", "east", "network1"), (Cluster("cluster2", "it's west", "network2"),), kubeconfig="my config"
)


def blind(cluster: str) -> Sight:
    """Return what a user sees who may see nothing."""
    unseen: frozenset[Ref | str] = frozenset({*OBJECTS, *LISTS, SAMPLES, remote_secret("cluster2")})
    return Sight(cluster, "https://api", "v1.34.2", {}, {}, unseen=unseen)


def test_a_user_who_may_see_nothing_is_told_of_nothing_broken() -> None:
    evidence = Evidence({name: blind(name) for name in ("cluster1", "cluster2")}, {}, ())
    found = judge(Case(MESH, evidence, "--east east"))
    assert found.first == found.warnings == ()
    states = [link.state for chain in found.chains for link in chain.links]
    assert set(states[1:]) == {State.UNKNOWN, State.WHOLE}
    assert states.count(State.WHOLE) == len(found.chains), "only that the API servers answer is known"


def test_a_primary_that_does_not_answer_is_the_one_broken_link() -> None:
    silent = {"cluster1": ClusterError("cluster1: no answer in time")}
    found = judge(Case(MESH, Evidence({"cluster2": blind("cluster2")}, silent, ()), "--east east"))
    assert [(one.code, one.cluster, one.evidence) for one in found.first] == [
        ("MESH-201", "cluster1", ("no answer in time",))
    ]
    assert found.following == ()


def test_contexts_and_files_with_odd_names_are_quoted_for_a_shell() -> None:
    silent = {"cluster2": ClusterError("cluster2: no answer in time")}
    found = judge(
        Case(MESH, Evidence({"cluster1": blind("cluster1")}, silent, ()), "--east east --west 'it'\"'\"'s west'")
    )
    (broken,) = found.first
    assert broken.hint.endswith("kubectl --kubeconfig 'my config' --context 'it'\"'\"'s west' version")
