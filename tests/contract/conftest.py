"""Fixtures: every test runs once for each world."""

from collections.abc import Iterator

import pytest

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import WIDGETS, widget_definition
from tests.contract.worlds import lab_world, real_world

WORLDS = {"lab": lab_world, "real": real_world}


@pytest.fixture(scope="session", params=["lab", pytest.param("real", marks=pytest.mark.real)])
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for the whole run: tests keep out of each other's way by namespaces and names of their own."""
    with WORLDS[request.param]() as started:
        cluster = Cluster(started, tmp_path_factory.mktemp(started.world))
        cluster.admin.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", widget_definition()).obj()
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
