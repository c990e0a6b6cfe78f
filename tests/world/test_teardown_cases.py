"""Teardown where something is in the way: others in the mesh, half a mesh, a cluster or an operator that is gone."""

import json

import pytest

from tests.world.conftest import NewLab
from tests.world.deeds import another_revision
from tests.world.harness import MESH, LabUnderTest

SYSTEM = ("-n", "istio-system")
OPERATOR = ("-n", "sail-operator")
BRIEF = ("--set", "timeouts.contact=1", "--set", "timeouts.delete=5")
SHOP = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "shop", "image": "registry.example/shop"}]},
        },
    },
}


@pytest.fixture
def installed(mesh: LabUnderTest) -> LabUnderTest:
    """Two clusters with a mesh on them, in every world."""
    done = mesh.install()
    assert done.code == 0, done.said
    return mesh


@pytest.fixture
def installed_lab(lab: LabUnderTest) -> LabUnderTest:
    """A lab with a mesh on it, for faults that only a lab has."""
    done = lab.install()
    assert done.code == 0, done.said
    return lab


def open_shop(lab: LabUnderTest, context: str, namespace: str) -> None:
    """Let somebody else's workload run in the mesh."""
    lab.kubectl(context, "create", "namespace", namespace)
    lab.kubectl(context, "label", "namespace", namespace, "istio-injection=enabled")
    lab.kubectl(context, "-n", namespace, "create", "-f", "-", stdin=json.dumps(SHOP))
    lab.kubectl(context, "-n", namespace, "rollout", "status", "deployment/shop")


def uids(lab: LabUnderTest, context: str, namespace: str, *kinds: str) -> dict[str, str]:
    """Return the objects of these kinds in a namespace, by name."""
    listed = json.loads(lab.kubectl(context, "-n", namespace, "get", ",".join(kinds), "-o", "json"))["items"]
    return {f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["uid"] for one in listed}


def names(lab: LabUnderTest, context: str, *what: str) -> set[str]:
    """Return what kubectl get finds."""
    return set(lab.kubectl(context, "get", *what, "-o", "name").split())


def test_a_mesh_that_others_use_stays_unless_forced(installed: LabUnderTest) -> None:
    open_shop(installed, "west", "shop")
    refused = installed.teardown()
    assert refused.code == 3, refused.said
    assert "nothing was removed, because" in refused.err
    assert "cluster2: in use by pod/shop-" in refused.err
    assert "namespace/shop (labelled for injection)" in refused.err
    assert "--force removes it all the same" in refused.err
    assert names(installed, "west", "istio") == {"istio.sailoperator.io/default"}
    before = uids(installed, "west", "shop", "deployment", "pod")
    forced = installed.teardown("--force")
    assert forced.code == 0, forced.said
    assert uids(installed, "west", "shop", "deployment", "pod") == before


def test_the_control_plane_of_another_mesh_stays_also_when_forced(installed_lab: LabUnderTest) -> None:
    installed_lab.kubectl("west", "create", "namespace", "other-mesh")
    another_revision("west", "other-mesh")(installed_lab)
    refused = installed_lab.teardown()
    assert refused.code == 3, refused.said
    assert "cluster2: in use by istiorevision/another (a control plane in other-mesh)" in refused.err
    forced = installed_lab.teardown("--force")
    assert forced.code == 0, forced.said
    assert names(installed_lab, "west", "istiorevision") == {"istiorevision.sailoperator.io/another"}
    assert names(installed_lab, "west", "istio") == set()


def test_without_a_terminal_to_ask_at_only_yes_will_do(installed_lab: LabUnderTest) -> None:
    unasked = installed_lab.meshctl("teardown", *MESH)
    assert unasked.code == 3, unasked.said
    assert "this would remove mesh mesh1 from cluster1 (east), cluster2 (west)" in unasked.err
    assert "say --yes" in unasked.err
    assert names(installed_lab, "east", "istio") == {"istio.sailoperator.io/default"}


def test_half_a_mesh_goes_as_well(lab: LabUnderTest) -> None:
    lab.fault("lb-never")
    installing = lab.begin("install", *MESH, "-o", "json")
    assert installing.stdout is not None
    for line in installing.stdout:
        event = json.loads(line)
        if event["type"] == "finished" and event["step"] == "cluster1: Create the east-west gateway":
            break
    installing.kill()
    installing.communicate()
    removed = lab.teardown()
    assert removed.code == 0, removed.said
    assert "nothing is left of the mesh" in removed.out


def test_a_cluster_that_does_not_answer_keeps_the_primary_unless_forced(installed_lab: LabUnderTest) -> None:
    installed_lab.fault("api-down@west")
    partly = installed_lab.teardown(*BRIEF)
    assert partly.code == 7, partly.said
    assert "cluster2 cannot be reached, so nothing was removed there: cluster2: no answer in time" in partly.said
    assert "run teardown again when it answers; --force goes on with the others" in partly.said
    assert "not known: what is left on cluster2, which does not answer" in partly.out
    assert names(installed_lab, "east", "istio") == {"istio.sailoperator.io/default"}

    forced = installed_lab.teardown("--force", *BRIEF)
    assert forced.code == 1, forced.said
    assert "not known: what is left on cluster2, which does not answer" in forced.out
    assert "left: cluster1" not in forced.out
    assert names(installed_lab, "east", "istio") == set()

    installed_lab.clear()
    rest = installed_lab.teardown()
    assert rest.code == 0, rest.said
    assert "nothing is left of the mesh" in rest.out


@pytest.mark.parametrize("away", ["scaled to zero", "crashing"])
def test_an_operator_that_is_gone_is_not_waited_for(installed_lab: LabUnderTest, away: str) -> None:
    (operator,) = names(installed_lab, "west", "deployment", *OPERATOR)
    if away == "crashing":
        installed_lab.fault("operator-crashing@west")
        installed_lab.kubectl("west", *OPERATOR, "wait", "--for=condition=Available=false", operator)
    else:
        installed_lab.kubectl("west", *OPERATOR, "scale", operator, "--replicas=0")
        installed_lab.kubectl(
            "west", *OPERATOR, "wait", "--for=delete", "pod", "-l", "control-plane=servicemesh-operator2"
        )
    refused = installed_lab.teardown(*BRIEF)
    assert refused.code == 3, refused.said
    assert "cluster2: no operator runs that could remove what it made" in refused.err
    assert "--force-finalizers does without" in refused.err
    assert "cluster1: no operator" not in refused.err

    released = installed_lab.teardown("--force-finalizers", *BRIEF)
    assert released.code == 0, released.said
    says = "no operator: released istiorevision/default from sailoperator.io/sail-operator"
    assert f"cluster2    WARNING   Remove Istio: {says}" in released.err
    assert "cluster2    WARNING   Remove IstioCNI: no operator: released istiocni/default" in released.err
    assert "cluster1    WARNING" not in released.err
    assert "nothing is left of the mesh" in released.out


@pytest.mark.parametrize("kept", ["--keep-certificates", "--keep-namespaces"])
def test_certificates_and_namespaces_can_stay(installed: LabUnderTest, kept: str) -> None:
    before = uids(installed, "west", "istio-system", "secret")["Secret/cacerts"]
    removed = installed.teardown(kept)
    assert removed.code == 0, removed.said
    assert "nothing is left of the mesh" in removed.out
    assert uids(installed, "west", "istio-system", "secret") == {"Secret/cacerts": before}
    assert uids(installed, "east", "istio-system", "deployment", "service", "pod", "lease") == {}
    spaces = names(installed, "west", "namespace")
    assert "namespace/istio-system" in spaces
    assert ("namespace/istio-cni" in spaces) == (kept == "--keep-namespaces")
    assert installed.install().code == 0


def test_pods_that_stop_slowly_hang_the_guides_line_and_not_teardown(new_lab: NewLab) -> None:
    lab = new_lab("--speed", "20", "--fault", "slow-stop=40")
    assert lab.install().code == 0
    assert lab.verify("--keep").code == 0
    all_at_once = (
        "istio/default",
        "istiocni/default",
        "namespace/sample",
        "namespace/istio-system",
        "namespace/istio-cni",
    )
    lab.kubectl("west", "delete", *all_at_once, "--timeout=5s", code=1)
    assert names(lab, "west", "istiocni") == set()
    hanging = uids(lab, "west", "sample", "pod")
    assert hanging

    stopped = lab.teardown()
    assert stopped.code == 7, stopped.said
    assert "cluster2: the CNI plugin is gone, and without it pods cannot end: helloworld-v2-" in stopped.said
    assert "bring it back with meshctl install, then run this again" in stopped.said

    # What cures it: the plugin, for a moment.
    assert lab.install().code == 0
    assert lab.verify("--keep").code == 0
    removed = lab.teardown()
    assert removed.code == 0, removed.said
    assert "nothing is left of the mesh" in removed.out


def test_a_second_teardown_finds_nothing_to_do(mesh: LabUnderTest) -> None:
    for _ in range(2):
        removed = mesh.teardown()
        assert removed.code == 0, removed.said
        assert "nothing is left of the mesh" in removed.out


def test_what_others_have_in_the_sample_namespace_is_left_alone(installed: LabUnderTest) -> None:
    open_shop(installed, "west", "sample")
    installed.kubectl("west", "-n", "sample", "create", "configmap", "prices")
    kinds = ("deployment", "pod", "configmap")
    before = uids(installed, "west", "sample", *kinds)
    verified = installed.verify()
    assert verified.code == 0, verified.said
    assert "namespace/sample is not meshctl's: it is used as it is" in verified.err
    assert uids(installed, "west", "sample", *kinds) == before
    removed = installed.teardown("--force")
    assert removed.code == 0, removed.said
    after = uids(installed, "west", "sample", *kinds)
    assert after == {name: uid for name, uid in before.items() if "istio-ca" not in name}


def test_what_others_have_under_the_samples_names_is_not_touched(installed: LabUnderTest) -> None:
    installed.kubectl("west", "create", "namespace", "sample")
    installed.kubectl("west", "-n", "sample", "create", "service", "clusterip", "helloworld", "--tcp=5000")
    before = uids(installed, "west", "sample", "service")
    verified = installed.verify("--timeout", "1s", *BRIEF)
    assert verified.code == 5, verified.said
    assert "not made by meshctl, and so left alone: service/helloworld in sample" in verified.said
    assert "choose another namespace: --namespace NAME" in verified.said
    assert installed.teardown().code == 0
    assert uids(installed, "west", "sample", "service") == before
