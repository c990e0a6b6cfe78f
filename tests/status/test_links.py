"""Whatever a diagnosis finds broken from objects alone makes a status unhealthy, and what may not be seen does not."""

import pytest

from meshctl.checks.evidence import GATEWAYS, LISTS, OBJECTS, ROUTES, SECRETS, Evidence
from meshctl.checks.status.model import Health
from meshctl.manifests import render
from meshctl.names import (
    CACERTS,
    CNI_DAEMON_SET,
    GATEWAY_SERVICE,
    ISTIO_SYSTEM,
    ISTIOD_GATEWAY,
    ISTIOD_ROUTE,
    NAMESPACE,
    SERVICES_GATEWAY,
    THE_ISTIO,
    remote_secret,
)
from meshctl.objects import Ref
from tests.status.meshes import evidence, introduction, istio, knowing, listing, mesh, putting, report, service, unseen

HEALTHY = evidence(mesh())
WEST = mesh().remotes[0]
SYSTEM = Ref(NAMESPACE, ISTIO_SYSTEM)


def without(question: str, *names: str) -> Evidence:
    """The primary without these of a collection."""
    there = HEALTHY.sights["cluster1"].all(question)
    return listing(HEALTHY, "cluster1", question, *(one for one in there if one["metadata"]["name"] not in names))


def unannotated() -> Evidence:
    system = render("namespaces.yaml", mesh(), WEST, {})[0]
    del system["metadata"]["annotations"]
    return putting(HEALTHY, "cluster2", SYSTEM, system)


def injected_elsewhere() -> Evidence:
    obj = istio(WEST, is_primary=False)
    obj["spec"]["values"]["istiodRemote"]["injectionPath"] = "/inject/cluster/cluster9/net/network2"
    return putting(HEALTHY, "cluster2", THE_ISTIO, obj)


def closed(port: int) -> Evidence:
    obj = service(mesh().primary, "172.18.1.1")
    obj["spec"]["ports"] = [one for one in obj["spec"]["ports"] if one["port"] != port]
    return putting(HEALTHY, "cluster1", GATEWAY_SERVICE, obj)


def unread() -> Evidence:
    """The remote secret without the label by which istiod finds it: it is in no list, and istiod still knows it."""
    obj = introduction(WEST)
    del obj["metadata"]["labels"]
    return listing(putting(HEALTHY, "cluster1", remote_secret("cluster2"), obj), "cluster1", SECRETS)


@pytest.mark.parametrize(
    ("seen", "cluster", "code"),
    [
        pytest.param(without(GATEWAYS, SERVICES_GATEWAY.name), "cluster1", "MESH-230", id="services not exposed"),
        pytest.param(without(GATEWAYS, ISTIOD_GATEWAY.name), "cluster1", "MESH-229", id="istiod not exposed"),
        pytest.param(without(ROUTES, ISTIOD_ROUTE.name), "cluster1", "MESH-229", id="no route to istiod"),
        pytest.param(closed(15012), "cluster1", "MESH-223", id="gateway port"),
        pytest.param(injected_elsewhere(), "cluster2", "MESH-231", id="injection path"),
        pytest.param(unannotated(), "cluster2", "MESH-234", id="annotation"),
        pytest.param(unread(), "cluster2", "MESH-236", id="label of the remote secret"),
        pytest.param(putting(HEALTHY, "cluster2", CNI_DAEMON_SET, None), "cluster2", "MESH-207", id="CNI plugin"),
    ],
)
def test_what_only_a_diagnosis_asks_for_is_not_healthy_either(seen: Evidence, cluster: str, code: str) -> None:
    found = report(seen)
    assert found.problems == (), "the links alone must tell"
    assert [(one.code, one.cluster) for one in found.open_links] == [(code, cluster)]
    assert not found.healthy
    assert {one.name: found.health(one) for one in found.clusters}[cluster] is Health.BROKEN


@pytest.mark.parametrize("what", [*OBJECTS, *LISTS, remote_secret("cluster2")], ids=str)
@pytest.mark.parametrize("cluster", ["cluster1", "cluster2"])
def test_a_link_that_may_not_be_seen_is_not_broken(cluster: str, what: Ref | str) -> None:
    assert report(unseen(HEALTHY, cluster, what)).open_links == ()


def test_what_is_broken_is_found_where_all_else_may_not_be_read() -> None:
    blind = unseen(without(GATEWAYS, SERVICES_GATEWAY.name), "cluster1", SECRETS, CACERTS, remote_secret("cluster2"))
    assert [one.code for one in report(blind).open_links] == ["MESH-230"]


def test_each_remote_has_a_first_broken_link_of_its_own_unless_they_share_one() -> None:
    asked = mesh(2)
    seen = knowing(putting(evidence(asked), "cluster3", CNI_DAEMON_SET, None), "cluster2", "timeout")
    found = report(seen, asked)
    assert [(one.code, one.cluster) for one in found.open_links] == [("MESH-240", "cluster2"), ("MESH-207", "cluster3")]
    shared = report(listing(seen, "cluster1", GATEWAYS), asked)
    assert [(one.code, one.cluster) for one in shared.open_links] == [("MESH-229", "cluster1")]
