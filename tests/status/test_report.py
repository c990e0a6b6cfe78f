"""What a report makes of evidence: the whole table of what can be wrong, and that a healthy mesh has no false alarm."""

from dataclasses import dataclass, replace

import pytest

from meshctl.certs.material import Severity
from meshctl.checks.evidence import (
    GATEWAY_POD_LIST,
    GATEWAYS,
    OPERATORS,
    SAMPLES,
    SECRETS,
    SLICES,
    VALIDATORS,
    Evidence,
    IstiodView,
)
from meshctl.checks.status.model import Health
from meshctl.manifests import render
from meshctl.names import (
    CACERTS,
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    NETWORK_LABEL,
    PROBE_REASON,
    PROBE_STATUS,
    READER_ACCOUNT,
    ROOT_CERT,
    THE_CNI,
    THE_ISTIO,
    remote_secret,
)
from meshctl.objects import Ref
from tests.certs.forge import fast_root
from tests.status.meshes import (
    condition,
    deployment,
    evidence,
    injector,
    istio,
    knowing,
    listing,
    mesh,
    pod,
    putting,
    report,
    sail,
    service,
    silent,
    token,
    unseen,
)

HEALTHY = evidence(mesh())
SYSTEM = Ref(NAMESPACE, ISTIO_SYSTEM)
WEST = mesh().remotes[0]
OTHER_ROOT = fast_root().cert


@dataclass(frozen=True, slots=True)
class Case:
    """A piece changed, what is said of it, on which cluster, and the first broken link that it is, if it is one."""

    name: str
    seen: Evidence
    cluster: str
    says: str
    code: str = ""
    severity: Severity = Severity.ERROR


def crashing() -> Evidence:
    return listing(HEALTHY, "cluster1", OPERATORS, deployment(ISTIOD, "sail:1", ready=0))


def unlabelled() -> Evidence:
    obj = service(WEST, "172.18.2.1")
    obj["metadata"]["labels"] = {NETWORK_LABEL: "network9"}
    return putting(HEALTHY, "cluster2", GATEWAY_SERVICE, obj)


def bare() -> Evidence:
    gateway = pod("gateway-x", "istio-proxy", "auto")
    return listing(HEALTHY, "cluster2", GATEWAY_POD_LIST, gateway)


def unprobed() -> Evidence:
    obj = injector(WEST, is_primary=False)
    obj["metadata"]["annotations"] = {PROBE_STATUS: "false", PROBE_REASON: "dial tcp: connection refused"}
    return putting(HEALTHY, "cluster2", INJECTOR, obj)


def unpatched() -> Evidence:
    obj = injector(WEST, is_primary=False)
    obj["webhooks"][0]["clientConfig"]["caBundle"] = ""
    return putting(HEALTHY, "cluster2", INJECTOR, obj)


def lagging() -> Evidence:
    obj = sail(THE_CNI, {}, "Reconciled", "Ready")
    obj["metadata"]["generation"] = 3
    return putting(HEALTHY, "cluster1", THE_CNI, obj)


def elsewhere() -> Evidence:
    return listing(HEALTHY, "cluster2", SLICES, {"endpoints": [{"addresses": ["172.18.9.9"]}]})


def misnamed() -> Evidence:
    wrong = token(remote_secret("cluster2"), {"cluster9": "x"})
    return listing(knowing(HEALTHY, "cluster2", None), "cluster1", SECRETS, wrong)


def without_secret() -> Evidence:
    return listing(knowing(HEALTHY, "cluster2", None), "cluster1", SECRETS)


def of_another_root(cluster: str) -> Evidence:
    obj = {"metadata": {"name": ROOT_CERT.name}, "data": {"root-cert.pem": OTHER_ROOT.decode()}}
    return putting(HEALTHY, cluster, ROOT_CERT, obj)


def stale_proxy() -> Evidence:
    return listing(HEALTHY, "cluster2", GATEWAY_POD_LIST, pod("gateway", "istio-proxy", "hub/proxyv2:1.28.1"))


def older_remote() -> Evidence:
    obj = istio(WEST, is_primary=False)
    obj["spec"]["version"] = "v1.28.3"
    return putting(HEALTHY, "cluster2", THE_ISTIO, obj)


def broken_istio() -> Evidence:
    obj = condition(istio(WEST, is_primary=False), "Ready", "RemoteIstiodNotReady", "readiness probe failed")
    return putting(HEALTHY, "cluster2", THE_ISTIO, obj)


DOWN = deployment(ISTIOD, "pilot:1.28.6", ready=0) | {
    "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
}
CASES = (
    Case("silent", silent(HEALTHY, "cluster2"), "cluster2", "does not answer: connection refused", "MESH-201"),
    Case("operator", crashing(), "cluster1", "the Sail operator (istiod) has no ready pod", "MESH-203"),
    Case(
        "condition",
        broken_istio(),
        "cluster2",
        "Istio default: RemoteIstiodNotReady: readiness probe failed",
        "MESH-209",
    ),
    Case("lag", lagging(), "cluster1", "IstioCNI default: its status is out of date", "MESH-207"),
    Case(
        "no Istio", putting(HEALTHY, "cluster2", THE_ISTIO, None), "cluster2", "there is no Istio resource", "MESH-204"
    ),
    Case("no istiod", putting(HEALTHY, "cluster1", ISTIOD, None), "cluster1", "there is no istiod", "MESH-208"),
    Case(
        "istiod down",
        putting(HEALTHY, "cluster1", ISTIOD, DOWN),
        "cluster1",
        "istiod: 0 of 1 pods available",
        "MESH-208",
    ),
    Case(
        "no gateway",
        putting(putting(HEALTHY, "cluster2", GATEWAY_SERVICE, None), "cluster2", GATEWAY_DEPLOYMENT, None),
        "cluster2",
        "there is no east-west gateway",
        "MESH-221",
    ),
    Case(
        "no address",
        putting(HEALTHY, "cluster2", GATEWAY_SERVICE, service(WEST)),
        "cluster2",
        "the east-west gateway has no address",
        "MESH-224",
    ),
    Case("network label", unlabelled(), "cluster2", "labelled for network network9, not network2", "MESH-222"),
    Case(
        "no Deployment",
        putting(HEALTHY, "cluster2", GATEWAY_DEPLOYMENT, None),
        "cluster2",
        "the east-west gateway has no Deployment",
        "MESH-225",
    ),
    Case("not injected", bare(), "cluster2", "gateway pods are not injected: gateway-x", "MESH-226"),
    Case(
        "unknown to istiod", without_secret(), "cluster2", "there is no secret/istio-remote-secret-cluster2", "MESH-235"
    ),
    Case("misnamed secret", misnamed(), "cluster2", "secret/istio-remote-secret-cluster2 names cluster9", "MESH-237"),
    Case(
        "not taken up",
        knowing(HEALTHY, "cluster2", None),
        "cluster2",
        "although secret/istio-remote-secret-cluster2",
        "MESH-240",
    ),
    Case("not synced", knowing(HEALTHY, "cluster2", "timeout"), "cluster2", "not synced with it: timeout", "MESH-240"),
    Case(
        "no view",
        replace(HEALTHY, istiods=(IstiodView("istiod-1", trouble="forbidden"),)),
        "cluster2",
        "istiod-1 does not say whom it knows: forbidden",
    ),
    Case(
        "moved gateway",
        elsewhere(),
        "cluster2",
        "it looks for istiod at 172.18.9.9, the gateway is at 172.18.1.1",
        "MESH-233",
    ),
    Case("probe", unprobed(), "cluster2", "nothing listens on port 15017", "MESH-241"),
    Case(
        "no caBundle", unpatched(), "cluster2", "istiod has not written its root into the injection webhook", "MESH-242"
    ),
    Case("other root served", of_another_root("cluster2"), "cluster2", "istio-ca-root-cert holds SHA-256", "MESH-244"),
    Case("other root stored", of_another_root("cluster1"), "cluster1", "cacerts holds SHA-256", "MESH-212"),
    Case(
        "other caBundle",
        putting(HEALTHY, "cluster2", INJECTOR, injector(WEST, is_primary=False, bundle=OTHER_ROOT)),
        "cluster2",
        "istio-sidecar-injector holds SHA-256",
        "MESH-211",
    ),
    Case(
        "no cacerts",
        putting(HEALTHY, "cluster1", CACERTS, None),
        "cluster1",
        "no cacerts: istiod signs with a root that it made by itself",
        severity=Severity.WARNING,
    ),
    Case(
        "stale proxy",
        stale_proxy(),
        "cluster2",
        "the gateway's proxy is 1.28.1, istiod 1.28.6",
        severity=Severity.WARNING,
    ),
    Case(
        "older remote",
        older_remote(),
        "cluster2",
        "its Istio is 1.28.3, the primary's 1.28.6",
        severity=Severity.WARNING,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_wrong_is_said(case: Case) -> None:
    found = report(case.seen)
    said = [one for one in found.problems if case.says in one.text]
    assert [(one.cluster, one.severity) for one in said] == [(case.cluster, case.severity)], found.problems
    assert found.healthy == (case.severity is Severity.WARNING)
    assert [(one.code, one.cluster) for one in found.open_links] == ([(case.code, case.cluster)] if case.code else [])


@pytest.mark.parametrize("remotes", [0, 1, 2, 29])
def test_a_healthy_mesh_has_no_false_alarm(remotes: int) -> None:
    asked = mesh(remotes)
    found = report(evidence(asked), asked)
    assert found.problems == ()
    assert found.open_links == ()
    assert found.drift == ()
    assert found.healthy
    assert {found.health(one) for one in found.clusters} == {Health.WELL}


@pytest.mark.parametrize(
    ("cluster", "ref"),
    [
        ("cluster2", THE_ISTIO),
        ("cluster1", ISTIOD),
        ("cluster2", GATEWAY_SERVICE),
        ("cluster2", GATEWAY_DEPLOYMENT),
        ("cluster2", INJECTOR),
    ],
)
def test_what_may_not_be_read_is_not_taken_for_missing(cluster: str, ref: Ref) -> None:
    found = report(unseen(HEALTHY, cluster, ref))
    assert [one.text for one in found.problems] == [f"{ref} may not be read, so nothing is known of it"]
    assert not found.healthy


def test_cacerts_that_may_not_be_read_are_no_problem_but_cannot_be_judged() -> None:
    found = report(unseen(HEALTHY, "cluster1", CACERTS))
    assert found.problems == ()
    assert [(one.cluster, one.link) for one in found.unjudged] == [("cluster1", "istiod uses the cacerts")]
    assert not found.healthy
    assert [found.health(one) for one in found.clusters] == [Health.UNKNOWN, Health.WELL]


@pytest.mark.parametrize(
    ("cluster", "what"),
    [
        ("cluster1", READER_ACCOUNT),
        ("cluster1", VALIDATORS),
        ("cluster1", SAMPLES),
        ("cluster2", CACERTS),
        ("cluster2", SECRETS),
        ("cluster2", GATEWAYS),
    ],
)
def test_what_no_link_is_judged_by_may_stay_unread(cluster: str, what: Ref | str) -> None:
    assert report(unseen(HEALTHY, cluster, what)).healthy


def test_nothing_installed_is_not_healthy_and_no_problem() -> None:
    empty = {name: replace(one, objects=dict.fromkeys(one.objects), lists={}) for name, one in HEALTHY.sights.items()}
    found = report(Evidence(empty, {}, ()))
    assert not found.installed
    assert not found.healthy
    assert found.problems == ()
    assert found.open_links == ()


def test_names_are_those_that_the_clusters_have() -> None:
    there = replace(mesh(), primary=replace(mesh().primary, name="prod-a", network="net-a"), mesh_id="prod")
    seen = HEALTHY
    obj = sail(
        THE_ISTIO,
        {"global": {"meshID": "prod", "network": "net-a", "multiCluster": {"clusterName": "prod-a"}}},
        *("Reconciled", "Ready", "DependenciesHealthy"),
    )
    obj["metadata"]["managedFields"][0]["manager"] = "argocd-controller"
    seen = putting(seen, "cluster1", THE_ISTIO, obj)
    seen = putting(seen, "cluster1", GATEWAY_SERVICE, service(there.primary, "172.18.1.1"))
    seen = putting(seen, "cluster2", SYSTEM, render("namespaces.yaml", there, WEST, {})[0])
    found = report(seen)
    assert found.healthy, (found.problems, found.open_links)
    assert found.primary.name == "prod-a"
    assert found.mesh_id == "prod"
    assert found.managers == ("argocd-controller", "meshctl")
    assert {(one.what, one.asked, one.found) for one in found.drift} == {
        ("name", "cluster1", "prod-a"),
        ("network", "network1", "net-a"),
        ("mesh ID", "mesh1", "prod"),
    }


def test_a_silent_primary_leaves_the_rest_unknown_but_blames_nobody_else() -> None:
    found = report(silent(HEALTHY, "cluster1"))
    assert [one.cluster for one in found.problems] == ["cluster1"]
    west = found.remotes[0]
    assert west.access is not None
    assert west.access.health is Health.UNKNOWN
    assert not found.healthy


@pytest.mark.parametrize(
    ("used", "live", "met"),
    [
        (["172.18.1.1"], ["172.18.1.1", "10.1.1.1"], True),
        (["172.18.1.1"], [], True),
        (["172.18.1.9"], ["172.18.1.1"], False),
    ],
)
def test_where_a_remote_looks_for_istiod(used: list[str], live: list[str], met: bool) -> None:
    seen = listing(HEALTHY, "cluster2", SLICES, {"endpoints": [{"addresses": used}]})
    seen = putting(seen, "cluster1", GATEWAY_SERVICE, service(mesh().primary, *live))
    discovery = report(seen).remotes[0].discovery
    assert discovery is not None
    assert discovery.verdict.met == met


def test_an_address_is_not_compared_with_a_hostname() -> None:
    obj = service(mesh().primary)
    obj["status"]["loadBalancer"]["ingress"] = [{"hostname": "gw.example.com"}]
    assert report(putting(HEALTHY, "cluster1", GATEWAY_SERVICE, obj)).healthy
