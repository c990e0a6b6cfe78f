"""The rights that the commands check for are enough on real API servers, and each that is missing is named."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from meshctl.checks.rights import Rights, install_rights, teardown_rights, verify_rights
from meshctl.names import CNI_NAMESPACE
from meshctl.objects import Manifest
from meshctl.spec import Cluster, MeshSpec
from tests.real.controlplane import ControlPlane, write_kubeconfig
from tests.real.granting import Grants
from tests.real.pool import Pool
from tests.world.harness import MESH, LabUnderTest, Result, lent_planes
from tests.world.settling import settled

pytestmark = pytest.mark.real

PRIMARY, REMOTE = Cluster("cluster1", "east", "network1"), Cluster("cluster2", "west", "network2")
SPEC = MeshSpec(PRIMARY, (REMOTE,))
SAMPLE = SPEC.sample_namespace
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "install": ("install", *MESH, "--dry-run"),
    "verify": ("verify", *MESH),
    "teardown": ("teardown", *MESH, "--yes"),
}
NEEDED: Mapping[str, Callable[[Cluster], Rights]] = {
    "install": lambda cluster: install_rights(SPEC, cluster),
    "verify": lambda _: verify_rights(SPEC),
    "teardown": lambda cluster: teardown_rights(SPEC, cluster),
}
BATCHES = 4
"""In how many runs every right of a command is taken away once, a few at a time."""

GRANTS = Grants(tuple(sorted(frozenset().union(*(ask(one) for ask in NEEDED.values() for one in SPEC.clusters)))))


@dataclass(frozen=True, slots=True)
class Restricted:
    """Two clusters, and users there who have the rights they are given and no other."""

    mesh: LabUnderTest
    planes: tuple[ControlPlane, ...]

    def grant(self, *namespaces: str) -> None:
        """Make the roles, again where they went with their namespace, and wait until they are known."""
        for context in ("east", "west"):
            for namespace in namespaces or (CNI_NAMESPACE, SAMPLE):
                self.mesh.kubectl(context, "apply", "-f", "-", stdin=json.dumps(space(namespace)))
            objects = json.dumps(GRANTS.objects(namespaces))
            self.mesh.kubectl(context, "apply", "--server-side", "-f", "-", stdin=objects)

    def run(self, rights: Mapping[str, Rights], *command: str) -> Result:
        """Run a command as a user who has these rights, by context."""
        name = f"user-{abs(hash(tuple(sorted(rights.items()))))}"
        contexts = [plane.context(name, GRANTS.groups(rights[plane.name])) for plane in self.planes]
        return self.mesh.meshctl(*command, KUBECONFIG=str(write_kubeconfig(self.mesh.folder / name, contexts)))


def space(name: str) -> Manifest:
    """Return a namespace for roles: whoever hands out rights for one makes it, the samples' as meshctl would."""
    labels = {"app.kubernetes.io/managed-by": "meshctl", "istio-injection": "enabled"} if name == SAMPLE else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@pytest.fixture(scope="module")
def restricted(pool: Pool) -> Iterator[Restricted]:
    with lent_planes(pool) as (mesh, planes):
        one = Restricted(mesh, planes)
        one.grant()
        yield one


def needed(command: str) -> dict[str, Rights]:
    """Return what a command needs, by context."""
    return {cluster.context: NEEDED[command](cluster) for cluster in SPEC.clusters}


def told(result: Result) -> dict[str, set[str]]:
    """Return the rights that a command says are missing, by cluster name."""
    found = re.findall(
        r"^ *(?:error: )?(?:install would refuse: )?(\S+): no permission to (.*?)(?: \[\S+\])?$",
        result.err,
        re.MULTILINE,
    )
    return {cluster: set(rights.split("; ")) for cluster, rights in found}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_right_that_is_missing_is_named_and_no_other(restricted: Restricted, command: str) -> None:
    rights = needed(command)

    def without(batch: int) -> None:
        taken = {context: sorted(whole)[batch::BATCHES] for context, whole in rights.items()}
        left = {context: whole - set(taken[context]) for context, whole in rights.items()}
        refused = restricted.run(left, *COMMANDS[command])
        assert refused.code == 3, refused.said
        names = {cluster.context: cluster.name for cluster in SPEC.clusters}
        assert told(refused) == {names[context]: set(map(str, some)) for context, some in taken.items() if some}

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(without, range(BATCHES)))
    assert restricted.mesh.kubectl("east", "-n", "default", "get", "leases", "-o", "name") == ""


def test_the_listed_rights_are_enough(restricted: Restricted) -> None:
    def done(command: str, *options: str) -> None:
        granted = settled(lambda: restricted.run(needed(command), command, *MESH, *options), lambda one: one.code != 3)
        assert granted.code == 0, granted.said

    done("install")
    done("install")
    done("verify")
    restricted.grant(SAMPLE)
    done("verify", "--keep")
    done("teardown", "--yes")
