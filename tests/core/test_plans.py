"""The plans as data: what is needed before what, and that nothing is forgotten."""

import pytest

from meshctl.manifests import render, version_of
from meshctl.names import KINDS
from meshctl.plan import Apply, Plan, refs_of
from meshctl.plans.facts import Circumstances
from meshctl.plans.install import install
from meshctl.plans.teardown import Removal, teardown
from meshctl.plans.verify import Tally, verify
from meshctl.spec import Cluster, GatewayOptions, ImageOptions, MeshSpec

EAST = Cluster("cluster1", "east", "network1")


def mesh(remotes: int = 1) -> MeshSpec:
    names = range(2, 2 + remotes)
    return MeshSpec(EAST, tuple(Cluster(f"cluster{n}", f"west{n}", f"network{n}") for n in names))


def found(**more: object) -> Circumstances:
    servers = {f"cluster{n}": f"https://192.0.2.{n}:6443" for n in range(2, 40)}
    return Circumstances(lambda _: [], servers, old_kernel=bool(more.get("old_kernel")))


def before(plan: Plan, key: str) -> set[str]:
    """Everything a step needs, directly or not."""
    needs = set(plan.graph[key])
    return needs.union(*(before(plan, need) for need in needs)) if needs else needs


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("cluster1: Create the namespaces", "cluster1: Install Istio"),
        ("cluster1: Prove that injection works", "cluster1: Create the east-west gateway"),
        ("cluster1: Ask for the gateway's address", "cluster2: Install Istio"),
        # The annotation before the secret: istiod looks only once.
        ("cluster2: Create the namespaces", "cluster2: Install the remote secret on the primary"),
        ("cluster2: Install Istio", "cluster2: Get a token for istiod"),
        ("cluster1: Expose the control plane", "cluster2: Wait for Istio to be ready"),
        ("cluster2: Wait for Istio to be ready", "cluster2: Create the east-west gateway"),
        ("cluster1: Expose the services", "cluster2: Check that the mesh reaches it"),
    ],
)
def test_install_does_this_before_that(first: str, then: str) -> None:
    assert first in before(install(mesh(), found()), then)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cluster1: Install IstioCNI", "cluster1: Create the east-west gateway"),
        ("cluster1: Ask for the gateway's address", "cluster1: Create the east-west gateway"),
        ("cluster1: Install Istio", "cluster2: Install Istio"),
        ("cluster2: Check that the mesh reaches it", "cluster3: Check that the mesh reaches it"),
        ("cluster2: Ask for the gateway's address", "cluster2: Create the east-west gateway"),
    ],
)
def test_install_does_not_wait_where_it_need_not(one: str, other: str) -> None:
    plan = install(mesh(2), found())
    assert one not in before(plan, other)
    assert other not in before(plan, one)


def test_no_remote_needs_another() -> None:
    plan = install(mesh(3), found())
    for step in plan.steps:
        clusters = {need.split(":")[0] for need in before(plan, step.key)}
        assert clusters <= {"cluster1", step.cluster}


def test_old_kernels_get_their_step_before_any_gateway() -> None:
    adapt = "cluster1: Adapt the gateway template to old kernels"
    assert adapt not in install(mesh(), found()).graph
    plan = install(mesh(), found(old_kernel=True))
    assert adapt in before(plan, "cluster1: Create the east-west gateway")
    assert adapt in before(plan, "cluster2: Create the east-west gateway")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("cluster2: Remove the samples", "cluster2: Remove IstioCNI"),
        ("cluster2: Remove the samples", "cluster2: Remove the remote secret from the primary"),
        ("cluster2: Remove the remote secret from the primary", "cluster2: Remove Istio"),
        ("cluster2: Remove Istio", "cluster1: Remove the gateway and what it exposes"),
        ("cluster1: Remove Istio", "cluster1: Remove IstioCNI"),
        ("cluster2: Remove IstioCNI", "cluster2: Remove the namespaces"),
    ],
)
def test_teardown_does_this_before_that(first: str, then: str) -> None:
    assert first in before(teardown(mesh(), Removal()), then)


def test_an_unreachable_remote_keeps_the_primary_unless_forced() -> None:
    gone = {"cluster2": "no route"}
    primary = "cluster1: Remove Istio"
    assert "cluster2: Reach the cluster" in before(teardown(mesh(2), Removal(unreachable=gone)), primary)
    forced = before(teardown(mesh(2), Removal(unreachable=gone, force=True)), primary)
    assert "cluster2: Reach the cluster" not in forced
    assert "cluster3: Remove the namespaces" in forced


def test_traffic_is_tried_although_samples_failed() -> None:
    plan = verify(mesh(), Tally(10), "run", as_is=False)
    calls = [one for one in plan.steps if one.title == "Call helloworld"]
    assert len(calls) == 2
    assert all(one.always for one in calls)
    assert [one.title for one in verify(mesh(), Tally(10), "run", as_is=True).steps] == ["Call helloworld"] * 2


def test_install_makes_no_object_that_belongs_to_the_operator() -> None:
    spec = mesh()
    facts = {"discovery": "192.0.2.1", "hostname": "", "kubeconfig": "eA=="}
    made = {
        str(ref)
        for step in install(spec, found()).steps
        for action in step.actions
        if isinstance(action, Apply)
        for ref in refs_of(render(action.template, spec, action.about, facts), KINDS)
    }
    assert "serviceaccount/istio-reader-service-account in istio-system" not in made
    assert "secret/istio-remote-secret-cluster2 in istio-system" in made
    assert len([one for one in made if "istio-eastwestgateway" in one]) == 7


def test_a_gateway_on_infra_nodes_and_from_a_private_registry() -> None:
    spec = MeshSpec(
        EAST,
        mesh().remotes,
        gateway=GatewayOptions({"a": "b"}, infra_nodes=True),
        images=ImageOptions("registry.example/istio", "registry.example", ("pull",)),
    )
    objects = {one["kind"]: one for one in render("gateway.yaml", spec, EAST, {})}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"node-role.kubernetes.io/infra": ""}
    assert pod["tolerations"][0]["value"] == "reserved"
    assert objects["ServiceAccount"]["imagePullSecrets"] == [{"name": "pull"}]
    (service,) = render("gateway-service.yaml", spec, EAST, {})
    assert service["metadata"]["annotations"] == {"a": "b"}
    (istio,) = render("istio-primary.yaml", spec, EAST, {})
    assert istio["spec"]["values"]["global"]["hub"] == "registry.example/istio"
    assert istio["spec"]["values"]["global"]["imagePullSecrets"] == ["pull"]


def test_versions_count_up_from_the_primary() -> None:
    spec = mesh(3)
    assert [version_of(spec, one) for one in spec.clusters] == ["v1", "v2", "v3", "v4"]
    images = [
        one["spec"]["template"]["spec"]["containers"][0]["image"]
        for cluster in spec.clusters
        for one in render("samples.yaml", spec, cluster, {"run": "x"})
        if one["metadata"]["name"].startswith("helloworld-")
    ]
    assert [image.rpartition("/")[2] for image in images] == [
        "examples-helloworld-v1:1.0",
        "examples-helloworld-v2:1.0",
        "examples-helloworld-v1:1.0",
        "examples-helloworld-v1:1.0",
    ]


def test_values_that_users_pass_through_do_not_beat_what_is_derived() -> None:
    east = Cluster(
        "cluster1", "east", "network1", istio_values={"global": {"network": "other", "logging": {"level": "x"}}}
    )
    (istio,) = render("istio-primary.yaml", MeshSpec(east, mesh().remotes), east, {})
    assert istio["spec"]["values"]["global"]["network"] == "network1"
    assert istio["spec"]["values"]["global"]["logging"] == {"level": "x"}


def test_commands_in_hints_quote_their_contexts() -> None:
    odd = MeshSpec(Cluster("cluster1", "prod east", "network1"), (Cluster("cluster2", "prod west", "network2"),))
    plans = (install(odd, found()), verify(odd, Tally(1), "x", as_is=False), teardown(odd, Removal()))
    hints = [getattr(action, "hint", "") for plan in plans for step in plan.steps for action in step.actions]
    commands = [hint for hint in hints if "kubectl --context" in hint]
    assert len(commands) > len(plans)
    assert [hint for hint in commands if "--context 'prod " not in hint] == []
