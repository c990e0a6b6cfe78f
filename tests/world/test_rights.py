"""The lists of rights name what the commands really ask for, and nothing that no run ever needs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from meshctl.checks.rights import (
    Right,
    Rights,
    explain_rights,
    install_rights,
    plan_rights,
    remote_secret_rights,
    survey_rights,
    teardown_rights,
    verify_rights,
)
from meshctl.names import GATEWAY_SERVICE, ISTIO_SYSTEM, READER_TOKEN, remote_secret
from meshctl.objects import Ref
from meshctl.spec import Cluster, MeshSpec
from tests.conftest import StartLab
from tests.labs import ThreadLab
from tests.world.harness import MESH
from tests.world.requests import is_write

SPEC = MeshSpec(Cluster("cluster1", "east", "network1"), (Cluster("cluster2", "west", "network2"),))
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

REVIEWS = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")

CLOCK = Right("create", "coordination.k8s.io", "leases", "default")
"""Asked for by install and plan, as a dry run, to see what time it is; without it nobody knows."""

SOMETIMES: dict[Right, str] = {
    Right("get", "", "configmaps", ISTIO_SYSTEM): "kernels before 4.11",
    Right("delete", "", "secrets", ISTIO_SYSTEM): "a remote secret that istiod read too early",
    Right(
        "delete", "", "pods", ISTIO_SYSTEM
    ): "gateway pods that were not injected; istiod's, where its namespace stays",
    Right("update", "coordination.k8s.io", "leases", "default"): "every ten seconds",
    Right("patch", "sailoperator.io", "istiorevisions"): "an operator that backs off",
    Right("patch", "sailoperator.io", "istios"): "an operator that backs off",
    Right("get", "", "pods", "sample"): "pods that are slow to end",
    Right("delete", "", "pods", "sample"): "pods that are slow to end",
    Right("watch", "", "pods", "istio-cni"): "pods that are slow to end",
    Right("delete", "", "pods", "istio-cni"): "pods that are slow to end",
    Right("watch", "", "pods", ISTIO_SYSTEM): "pods that are slow to end",
    Right("get", "apps", "daemonsets", "istio-cni"): "pods that are slow to end",
    Right("delete", "sailoperator.io", "istiorevisions"): "a revision that outlives its Istio",
    Right("delete", "coordination.k8s.io", "leases", ISTIO_SYSTEM): "an istiod that ended without a word",
}
"""What only some runs need, and which."""

UNLED = {
    "cluster1": {
        Right("get", "", "secrets", ISTIO_SYSTEM),
        Right("list", "", "pods", ISTIO_SYSTEM),
        Right("get", "", "pods/exec", ISTIO_SYSTEM),
        Right("create", "", "pods/exec", ISTIO_SYSTEM),
    }
}
"""What it takes to make istiod read a remote secret again that it read too early."""


@pytest.fixture
def lab(start_lab: StartLab) -> ThreadLab:
    return start_lab()


def asked(lab: ThreadLab, *command: str, code: int = 0) -> dict[str, set[Right]]:
    """Run a command; return the rights that it made use of, by context."""
    mark, _ = lab.marks()
    done = lab.meshctl(*command)
    assert done.returncode == code, done.stdout + done.stderr
    found: dict[str, set[Right]] = {context: set() for context in ("east", "west")}
    for entry in lab.requests(mark):
        if entry["agent"].startswith("meshctl"):
            found[entry["cluster"]] |= set(rights_of(entry))
    return found


def rights_of(request: dict[str, Any]) -> Iterator[Right]:
    """Yield the rights that a request takes; questions about the server and about rights are free."""
    first, *rest = request["path"].strip("/").split("/")
    group, rest = ("", rest[1:]) if first == "api" else (rest[0], rest[2:]) if first == "apis" else ("", [])
    namespace, rest = (rest[1], rest[2:]) if rest[:1] == ["namespaces"] and len(rest) > 2 else ("", rest)
    if not rest or rest[0] in REVIEWS:
        return
    resource, name = "/".join([rest[0], *rest[2:]]), rest[1] if len(rest) > 1 else ""
    reading = "watch" if request["query"].get("watch") else "get" if name else "list"
    verb = VERBS.get(request["method"], reading)
    # These need not be allowed for every namespace there is.
    named = name if resource == "namespaces" and verb in ("patch", "delete") else ""
    yield Right(verb, group, resource, namespace, named)
    if resource == "pods/exec" or (verb == "patch" and request["status"] == 201):
        yield Right("create", group, resource, namespace)


def everywhere(right: Right) -> Right:
    """Return the right to do the same in all namespaces."""
    return Right(right.verb, right.group, right.resource)


def strays(used: set[Right], listed: Rights) -> set[Right]:
    """Return what was made use of and is not listed, for its namespace or for all."""
    return {right for right in used if right not in listed and everywhere(right) not in listed}


def idle(used: set[Right], listed: Rights) -> set[Right]:
    """Return what is listed and was not made use of, and has no reason to be.

    Whoever waits lists, and watches only what has not come yet.
    """
    begun = used | {replace(right, verb="watch") for right in used if right.verb == "list"}
    wide = begun | {everywhere(right) for right in begun}
    return {right for right in listed if right not in wide and right not in SOMETIMES}


def test_install_needs_what_is_listed(lab: ThreadLab) -> None:
    first, again = asked(lab, "install", *MESH), asked(lab, "install", *MESH)
    for cluster in SPEC.clusters:
        used = first[cluster.context] | again[cluster.context]
        listed = install_rights(SPEC, cluster)
        assert strays(used, listed | survey_rights(SPEC, cluster)) == set()
        assert idle(used, listed) == set()


def test_plan_needs_what_is_listed(lab: ThreadLab) -> None:
    first = asked(lab, "plan", *MESH, code=10)
    assert lab.meshctl("install", *MESH).returncode == 0
    again = asked(lab, "plan", *MESH)
    for cluster in SPEC.clusters:
        used = first[cluster.context] | again[cluster.context]
        listed = plan_rights(SPEC, cluster)
        assert strays(used, listed | survey_rights(SPEC, cluster)) == {CLOCK}
        # Of what is not there yet the lab has one namespace: what a dry run would create in others is not asked for.
        created = {replace(right, verb="create") for right in used if right.verb == "patch"}
        unused = idle(used | created, listed)
        # What the gateway's Role grants, and istiod's own view when it has read a secret too early.
        assert {right.resource for right in unused} <= {"secrets", "pods/exec"}
        # The primary's are looked through for remote secrets.
        granted = set() if cluster == SPEC.primary else {"list", "watch"}
        assert {right.verb for right in unused if right.resource == "secrets"} == granted


def test_remote_secrets_need_what_is_listed(lab: ThreadLab) -> None:
    assert lab.meshctl("install", *MESH).returncode == 0
    assert lab.delete("east", remote_secret("cluster2"))
    assert lab.delete("west", READER_TOKEN)
    used = asked(lab, "remote-secret", *MESH, "--apply")
    again = asked(lab, "remote-secret", *MESH, "--apply")
    for cluster in SPEC.clusters:
        listed = remote_secret_rights(SPEC, cluster)
        assert strays(used[cluster.context] | again[cluster.context], listed) == set()
        assert idle(used[cluster.context] | again[cluster.context], listed) == UNLED.get(cluster.name, set())
        assert listed <= install_rights(SPEC, cluster)


def test_verify_needs_what_is_listed(lab: ThreadLab) -> None:
    assert lab.meshctl("install", *MESH).returncode == 0
    whole = asked(lab, "verify", *MESH)
    kept = asked(lab, "verify", *MESH, "--keep")
    as_is = asked(lab, "verify", *MESH, "--as-is")
    for used, listed in (
        (whole, verify_rights(SPEC)),
        (kept, verify_rights(SPEC, remove=False)),
        (as_is, verify_rights(SPEC, deploy=False)),
    ):
        for context in ("east", "west"):
            assert strays(used[context], listed) == set()
            assert idle(used[context], listed) == set()


def test_verify_explains_with_what_is_listed(lab: ThreadLab) -> None:
    assert lab.meshctl("install", *MESH).returncode == 0
    lab.delete("west", Ref(GATEWAY_SERVICE.kind, GATEWAY_SERVICE.name, GATEWAY_SERVICE.namespace))
    used = asked(lab, "verify", *MESH, "--timeout", "1s", code=5)
    for cluster in SPEC.clusters:
        listed = verify_rights(SPEC) | explain_rights(SPEC, cluster)
        assert strays(used[cluster.context], listed) == set()
        assert idle(used[cluster.context], listed) == set()


def test_status_needs_no_more_than_verify_explains_with(lab: ThreadLab) -> None:
    assert lab.meshctl("install", *MESH).returncode == 0
    used = asked(lab, "status", *MESH)
    for cluster in SPEC.clusters:
        assert strays(used[cluster.context], explain_rights(SPEC, cluster)) == set()


@pytest.mark.parametrize("keep", [False, True], ids=["everything", "but certificates"])
def test_teardown_needs_what_is_listed(lab: ThreadLab, keep: bool) -> None:
    assert lab.meshctl("install", *MESH).returncode == 0
    assert lab.meshctl("verify", *MESH, "--keep").returncode == 0
    used = asked(lab, "teardown", *MESH, "--yes", *(("--keep-certificates",) if keep else ()))
    for cluster in SPEC.clusters:
        listed = teardown_rights(SPEC, cluster, keep_system=keep)
        assert strays(used[cluster.context], listed) == set()
        assert idle(used[cluster.context], listed) == set()


def test_missing_rights_keep_remote_secrets_from_being_written(start_lab: StartLab) -> None:
    lab = start_lab(faults=["rbac-denied@west=secrets"])
    refused = lab.meshctl("remote-secret", *MESH, "--apply")
    assert refused.returncode == 3, refused.stderr
    assert "cluster2: no permission to create secrets in istio-system" in refused.stderr
    assert [entry for entry in lab.requests() if is_write(entry)] == []


@pytest.mark.parametrize("command", [("verify",), ("teardown", "--yes")], ids=lambda words: words[0])
def test_missing_rights_are_told_of_every_cluster_at_once(start_lab: StartLab, command: tuple[str, ...]) -> None:
    lab = start_lab(faults=["rbac-denied@east=pods", "rbac-denied@west=services"])
    refused = lab.meshctl(*command, *MESH)
    assert refused.returncode == 3, refused.stderr
    for cluster, resource in (("cluster1", "pods"), ("cluster2", "services")):
        line = next(line for line in refused.stderr.splitlines() if f"{cluster}: no permission to " in line)
        assert f"delete {resource} in sample" in line
        assert "ask for these rights" in refused.stderr
    assert [entry for entry in lab.requests() if is_write(entry)] == []
