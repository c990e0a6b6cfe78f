"""Real API servers and kube-controller-manager, with the lab as operator, istiod, kubelets and load balancer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attached import RealMesh, attached_lab
from tests.lab.by_hand import Hand
from tests.real.controlplane import control_planes, write_kubeconfig

pytestmark = pytest.mark.real

MESH = ("--east", "east", "--west", "west", "--plain")


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[RealMesh]:
    """Two control planes of the test's own: it installs cluster-wide things."""
    with control_planes("east", "west") as planes:
        kubeconfig = write_kubeconfig(tmp_path / "config", [plane.context() for plane in planes])
        with attached_lab(kubeconfig, tmp_path) as real:
            yield real


def test_install_verify_and_teardown(mesh: RealMesh) -> None:
    for command in (("install",), ("install",), ("verify",), ("teardown", "--yes")):
        done = mesh.meshctl(*command, *MESH)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    assert "nothing is left" in done.stdout


def test_the_guides_commands(mesh: RealMesh) -> None:
    hand = Hand(mesh)
    hand.install()
    hand.gateways_ready()
    hand.sample("east", "v1")
    hand.sample("west", "v2")
    for context in ("east", "west"):
        assert set(hand.call(context)) == {"v1", "v2"}
    for context in ("east", "west"):
        done = hand.tear_down(context)
        assert done.returncode == 0, done.stderr
