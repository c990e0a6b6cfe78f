"""The guide's own commands on real API servers, with the lab as operator, istiod, kubelets and load balancer."""

from pathlib import Path

import pytest

from tests.attached import attached_lab
from tests.lab.by_hand import Hand
from tests.real.controlplane import write_kubeconfig
from tests.real.pool import Pool

pytestmark = pytest.mark.real


def test_the_guides_commands(pool: Pool, tmp_path: Path) -> None:
    with pool.lent() as planes:
        kubeconfig = write_kubeconfig(tmp_path / "config", [plane.context() for plane in planes])
        with attached_lab(kubeconfig, tmp_path) as mesh:
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
