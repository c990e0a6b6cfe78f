"""The rights that install checks for are enough on real API servers, and each that is missing is named."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from meshctl.checks.rights import Right, install_rights
from meshctl.names import CNI_NAMESPACE
from meshctl.objects import Manifest
from meshctl.spec import Cluster, MeshSpec
from tests.real.controlplane import write_kubeconfig
from tests.world.harness import MESH, LabUnderTest, Result, real_planes
from tests.world.settling import settled

pytestmark = pytest.mark.real

RBAC = "rbac.authorization.k8s.io"
USER = "installer"
SPEC = MeshSpec(Cluster("cluster1", "east", "network1"), (Cluster("cluster2", "west", "network2"),))
MISSING = (
    Right("create", "", "namespaces"),
    Right("patch", "sailoperator.io", "istios"),
    Right("list", "", "nodes"),
    Right("get", "", "secrets", "istio-system"),
    Right("create", "", "pods", "istio-system"),
    Right("create", "rbac.authorization.k8s.io", "rolebindings", "istio-system"),
    Right("delete", "coordination.k8s.io", "leases", "default"),
)


@dataclass(frozen=True, slots=True)
class Restricted:
    """Two clusters, and a user there who has the rights he is given and no other."""

    mesh: LabUnderTest

    def grant(self, context: str, rights: frozenset[Right]) -> None:
        """Give the user exactly these rights on one cluster."""
        items = [obj for namespace, rules in by_namespace(rights).items() for obj in granting(namespace, rules)]
        self.mesh.kubectl(context, "apply", "-f", "-", stdin=json.dumps(listed(items)))

    def install(self) -> Result:
        """Install as the user."""
        return self.mesh.meshctl("install", *MESH, KUBECONFIG=str(self.mesh.folder / USER))

    def awaited(self, context: str, right: Right, *, can: bool) -> None:
        """Wait until the API server has taken notice of a change."""
        assert settled(lambda: self.can(context, right), lambda answer: answer is can) is can

    def can(self, context: str, right: Right) -> bool:
        """Ask the API server whether the user has a right."""
        resource, _, subresource = right.resource.partition("/")
        what = f"{resource}.{right.group}" if right.group else resource
        where = ("-n", right.namespace) if right.namespace else ()
        detail = (f"--subresource={subresource}",) if subresource else ()
        asked = ("auth", "can-i", right.verb, what, "--as", USER, *where, *detail)
        return self.mesh.kubectl(context, *asked, code=None).startswith("yes")


@pytest.fixture(scope="module")
def restricted() -> Iterator[Restricted]:
    with real_planes() as (mesh, planes):
        write_kubeconfig(mesh.folder / USER, [plane.context(USER, ()) for plane in planes])
        for context in ("east", "west"):
            # A Role lives in a namespace, so whoever hands rights out for it makes it.
            mesh.kubectl(context, "create", "namespace", CNI_NAMESPACE)
        yield Restricted(mesh)


def rights_on(cluster: Cluster) -> frozenset[Right]:
    return install_rights(SPEC, cluster)


def by_namespace(rights: frozenset[Right]) -> dict[str, list[Manifest]]:
    """Return the rules of a role per namespace; the empty one stands for the cluster."""
    rules: defaultdict[str, list[Manifest]] = defaultdict(list)
    for one in sorted(rights):
        rules[one.namespace].append({"apiGroups": [one.group], "resources": [one.resource], "verbs": [one.verb]})
    return rules


def granting(namespace: str, rules: list[Manifest]) -> tuple[Manifest, Manifest]:
    """Return a role and its binding to the user."""
    prefix = "" if namespace else "Cluster"
    meta = {"name": USER, **({"namespace": namespace} if namespace else {})}
    head = {"apiVersion": f"{RBAC}/v1", "metadata": meta}
    role = {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": USER}
    subject = {"apiGroup": RBAC, "kind": "User", "name": USER}
    return (
        {**head, "kind": f"{prefix}Role", "rules": rules},
        {**head, "kind": f"{prefix}RoleBinding", "roleRef": role, "subjects": [subject]},
    )


def listed(items: list[Manifest]) -> Manifest:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def test_each_right_that_is_missing_is_named(restricted: Restricted) -> None:
    restricted.grant("east", rights_on(SPEC.primary))
    for right in MISSING:
        wanted = rights_on(SPEC.remotes[0])
        assert right in wanted
        restricted.grant("west", wanted - {right})
        restricted.awaited("west", right, can=False)
        refused = restricted.install()
        assert refused.code == 3, refused.said
        assert f"cluster2: no permission to {right}" in refused.err
        assert "cluster1: no permission" not in refused.err


def test_the_listed_rights_are_enough(restricted: Restricted) -> None:
    for cluster in (SPEC.primary, SPEC.remotes[0]):
        restricted.grant(cluster.context, rights_on(cluster))
        for right in MISSING:
            restricted.awaited(cluster.context, right, can=True)
    assert not restricted.can("east", Right("delete", "", "namespaces"))

    installed = restricted.install()
    assert installed.code == 0, installed.said
    assert restricted.install().code == 0
    verified = restricted.mesh.verify()
    assert verified.code == 0, verified.said
