"""What verify says when one piece of a mesh is missing: each is taken away alone, named, and brought back."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.world.deeds import (
    GATEWAY,
    SECRET,
    annotate_late,
    deleted,
    fault,
    injecting,
    patch,
    remote_secret,
    scaled,
    unlabelled,
)
from tests.world.harness import LabUnderTest, World
from tests.world.lending import Loan

BRIEF = ("--timeout", "1s", "--set", "timeouts.samples=2s", "--set", "timeouts.delete=5s")
SAMPLE = ("-n", "sample")
NETWORK = "topology.istio.io/network"


@pytest.fixture(scope="module")
def loan(request: pytest.FixtureRequest, worlds: Mapping[str, World]) -> Iterator[Loan]:
    with ExitStack() as stack:
        yield Loan(stack, worlds[request.param])


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: how to take it away, what verify says then, and how to bring back what install does not."""

    name: str
    take: Callable[[LabUnderTest], object]
    says: str
    verify: tuple[str, ...] = ()
    restore: Callable[[LabUnderTest], object] = lambda lab: None


def keep_samples(lab: LabUnderTest) -> None:
    kept = lab.verify("--keep")
    assert kept.code == 0, kept.said


def without_service(lab: LabUnderTest) -> None:
    keep_samples(lab)
    lab.kubectl("west", *SAMPLE, "delete", "service", "helloworld")


def without_sidecar(lab: LabUnderTest) -> None:
    keep_samples(lab)
    bare = {"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}}}
    patch(lab, "west", "deployment/helloworld-v2", bare, *SAMPLE)
    lab.kubectl("west", *SAMPLE, "rollout", "status", "deployment/helloworld-v2")


def delete_samples(lab: LabUnderTest) -> None:
    for context in ("east", "west"):
        lab.kubectl(context, "delete", "namespace", "sample", "--ignore-not-found")


PIECES = (
    Piece(
        "network label of East's gateway Service",
        unlabelled("east"),
        f"the gateway Service of cluster1 lacks the label {NETWORK}=network1",
    ),
    Piece(
        "network label of West's gateway Service",
        unlabelled("west"),
        f"the gateway Service of cluster2 lacks the label {NETWORK}=network2",
    ),
    Piece(
        "gateway Service",
        deleted("west", "service", GATEWAY),
        "MESH-221: cluster2 has no east-west gateway Service: meshctl repair --east east --west west",
    ),
    Piece(
        "remote secret",
        deleted("east", "secret", SECRET),
        "MESH-235: istiod has no remote secret for cluster2: meshctl repair --east east --west west",
    ),
    Piece(
        "expose-services",
        deleted("east", "gateways.networking.istio.io", "cross-network-gateway"),
        "MESH-230: cluster1 does not expose the services: meshctl repair --east east --west west",
    ),
    Piece(
        "expose-istiod",
        deleted("east", "gateways.networking.istio.io", "istiod-gateway"),
        "MESH-229: cluster1 does not expose istiod: meshctl repair --east east --west west",
    ),
    Piece(
        "East's gateway",
        scaled("east", GATEWAY, 0),
        "MESH-227: the east-west gateway of cluster1 is not available: meshctl repair",
    ),
    Piece(
        "West's gateway",
        scaled("west", GATEWAY, 0),
        "MESH-227: the east-west gateway of cluster2 is not available: meshctl repair",
    ),
    Piece(
        "West's gateway Deployment",
        deleted("west", "deployment", GATEWAY),
        "MESH-225: cluster2 has no east-west gateway Deployment: meshctl repair",
    ),
    Piece(
        "annotation before the secret",
        annotate_late,
        "MESH-242: istiod took up cluster2 before istio-system was annotated there",
    ),
    Piece(
        "injection label",
        lambda lab: lab.kubectl("west", "create", "namespace", "sample"),
        "namespace sample on cluster2 is not labelled istio-injection=enabled",
        restore=lambda lab: lab.kubectl("west", "delete", "namespace", "sample"),
    ),
    Piece(
        "sample Service on one side",
        without_service,
        "there is no Service helloworld on cluster2",
        verify=("--as-is",),
    ),
    Piece(
        "sidecar",
        without_sidecar,
        "helloworld on cluster2 has no sidecar",
        verify=("--as-is",),
        restore=delete_samples,
    ),
    Piece(
        "port 15443",
        fault("data-blocked@west"),
        "MESH-252: cluster1 does not reach port 15443 of cluster2's gateway at 172.18.101.1: packets are dropped",
        restore=LabUnderTest.clear,
    ),
    Piece(
        "port 15012",
        fault("xds-blocked"),
        "MESH-251: cluster2 does not reach port 15012 of cluster1's gateway at 172.18.100.1: packets are dropped",
        restore=LabUnderTest.clear,
    ),
    Piece(
        "port 15017",
        fault("webhook-blocked"),
        "MESH-241: cluster2 does not reach port 15017 of cluster1's gateway at 172.18.100.1: packets are dropped",
        restore=LabUnderTest.clear,
    ),
    Piece(
        "right name of the cluster in the remote secret",
        lambda lab: remote_secret(lab, SECRET, "cluster9"),
        "MESH-237: istiod knows cluster2 as cluster9: meshctl repair --east east --west west",
        restore=deleted("east", "secret", SECRET),
    ),
    Piece(
        "right name of the remote secret",
        lambda lab: remote_secret(lab, "istio-remote-secret-cluster9", "cluster9"),
        "MESH-237: istiod knows cluster2 as cluster9: meshctl repair --east east --west west",
        restore=deleted("east", "secret", "istio-remote-secret-cluster9"),
    ),
    Piece(
        "right injection path",
        injecting("/inject/cluster/cluster9/net/network2"),
        "MESH-231: pods of cluster2 are injected for another cluster, by /inject/cluster/cluster9/net/network2",
        restore=injecting("/inject/cluster/cluster2/net/network2"),
    ),
    Piece(
        "istiod",
        scaled("east", "istiod", 0),
        "MESH-208: istiod on cluster1 is not available: kubectl --context east -n istio-system scale",
        restore=scaled("east", "istiod", 1),
    ),
)


ON_REAL_SERVERS = frozenset({"remote secret", "network label of East's gateway Service", "sidecar"})
"""One piece of each sort: what istiod reads, what a gateway is found by, what a webhook does."""

ON_ONE_WORKER = (pytest.mark.real, pytest.mark.xdist_group("missing pieces"))
"""They share a mesh."""

CASES = [
    *(pytest.param("lab", piece, id=f"lab-{piece.name}") for piece in PIECES),
    *(
        pytest.param("real", piece, id=f"real-{piece.name}", marks=ON_ONE_WORKER)
        for piece in PIECES
        if piece.name in ON_REAL_SERVERS
    ),
]


@pytest.mark.parametrize(("loan", "piece"), CASES, indirect=["loan"])
def test_verify_names_the_piece_that_is_missing_and_install_brings_it_back(loan: Loan, piece: Piece) -> None:
    with loan.lab() as lab:
        piece.take(lab)
        broken = lab.verify(*BRIEF, *piece.verify)
        assert broken.code == 5, broken.said
        assert piece.says in " ".join(broken.out.split()), broken.said
        piece.restore(lab)
        healed = lab.install()
        assert healed.code == 0, healed.said
        verified = lab.verify()
        assert verified.code == 0, verified.said
