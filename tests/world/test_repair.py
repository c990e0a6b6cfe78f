"""`meshctl repair`: mends what is safe to mend, waits for the effect, and leaves the rest to its user."""

from meshctl.names import CONTROL_PLANE_CLUSTERS, GATEWAY_SERVICE, NETWORK_LABEL
from tests.world.conftest import NewLab
from tests.world.harness import MESH, LabUnderTest


def test_the_effect_of_a_repair_is_waited_for(new_lab: NewLab) -> None:
    lab = new_lab("--speed", "5")  # an operator's probe does not come at once, as in real life
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "service", GATEWAY_SERVICE.name)
    done = lab.meshctl("repair", *MESH)
    assert done.code == 0, done.said
    assert lab.meshctl("diagnose", *MESH).code == 0


def test_several_broken_links_are_mended_in_one_run(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "gateways.networking.istio.io", "cross-network-gateway")
    lab.kubectl("west", "annotate", "namespace", "istio-system", f"{CONTROL_PLANE_CLUSTERS}-")
    lab.kubectl("west", "-n", "istio-system", "label", "service", GATEWAY_SERVICE.name, f"{NETWORK_LABEL}-")
    done = lab.meshctl("repair", *MESH)
    assert done.code == 0, done.said

    nothing = lab.meshctl("repair", *MESH)
    assert nothing.code == 0, nothing.said
    assert "nothing is broken" in nothing.out


def test_a_dry_run_shows_the_repair_and_writes_nothing(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.kubectl("east", "-n", "istio-system", "delete", "gateways.networking.istio.io", "cross-network-gateway")
    before = len(lab.writes())
    shown = lab.meshctl("repair", *MESH, "--dry-run")
    assert shown.code == 1, shown.said
    assert "expose-services.yaml" in shown.said
    assert len(lab.writes()) == before


def test_what_lies_outside_of_the_clusters_is_left_to_the_user(lab: LabUnderTest) -> None:
    assert lab.install().code == 0
    lab.fault("data-blocked")
    left = lab.meshctl("repair", *MESH)
    assert left.code == 1, left.said
    assert "open TCP 15443" in left.out
