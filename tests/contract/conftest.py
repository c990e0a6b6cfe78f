"""Fixtures: every test runs once for each world."""

from collections.abc import Iterator

import pytest

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import WIDGETS, widget_definition
from tests.contract.worlds import lab_world, real_world
from tests.real.pool import Pool


@pytest.fixture(scope="package", params=["lab", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest, pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all of them: tests keep out of each other's way by namespaces and names of their own."""
    with lab_world() if request.param == "lab" else real_world(pool) as started:
        cluster = Cluster(started, tmp_path_factory.mktemp(started.world))
        cluster.admin.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widget_definition()).obj()
        # A control plane that was lent to others before had the operator's kinds.
        eventually(lambda: cluster.admin.get("/apis/networking.istio.io").status == 404)
        eventually(lambda: cluster.admin.get(WIDGETS).status == 200)
        yield cluster
        cluster.close()


@pytest.fixture
def api(cluster: Cluster) -> Asker:
    """The administrator's way in."""
    return cluster.admin


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace of the test's own; it ends with the cluster."""
    return cluster.namespace()
