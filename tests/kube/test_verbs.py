from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from meshctl.cluster import Client, Request
from meshctl.errors import AlreadyExistsError, ClusterError, UnknownKindError
from meshctl.names import ISTIO, NAMESPACE, SECRET, THE_ISTIO, remote_secret
from meshctl.objects import Ref

from .conftest import TOKEN
from .server import Exchange, Server

PLAN = {"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": {"name": "default"}, "spec": {"a": None}}
LOCK = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "x", "namespace": "default"}}
CM = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-", "namespace": "n"}}
STRICT = ("fieldValidation", "Strict")
DRY = ("dryRun", "All")
OURS = ("fieldManager", "meshctl")

SECRET_REF = remote_secret("cluster2")
SECRET_PATH = "/api/v1/namespaces/istio-system/secrets/istio-remote-secret-cluster2"
ISTIO_PATH = "/apis/sailoperator.io/v1/istios/default"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

SENT: list[tuple[str, Callable[[Client], object], str, str, list[tuple[str, str]], str, Any]] = [
    ("get", lambda c: c.get(SECRET_REF), "GET", SECRET_PATH, [], "", None),
    ("get of cluster scope", lambda c: c.get(THE_ISTIO), "GET", ISTIO_PATH, [], "", None),
    (
        "apply",
        lambda c: c.apply(PLAN),
        "PATCH",
        ISTIO_PATH,
        [OURS, ("force", "false"), STRICT],
        "application/apply-patch+yaml",
        PLAN,
    ),
    (
        "apply by force, dry, as another",
        lambda c: c.apply(PLAN, force=True, dry_run=True, manager="nudge"),
        "PATCH",
        ISTIO_PATH,
        [("fieldManager", "nudge"), ("force", "true"), STRICT, DRY],
        "application/apply-patch+yaml",
        PLAN,
    ),
    ("create", lambda c: c.create(LOCK), "POST", LEASES, [OURS, STRICT], "application/json", LOCK),
    (
        "create, dry, name to be made up",
        lambda c: c.create(CM, dry_run=True),
        "POST",
        "/api/v1/namespaces/n/configmaps",
        [OURS, STRICT, DRY],
        "application/json",
        CM,
    ),
    ("replace", lambda c: c.replace(LOCK), "PUT", f"{LEASES}/x", [OURS, STRICT], "application/json", LOCK),
    (
        "merge",
        lambda c: c.merge(THE_ISTIO, {"metadata": {"annotations": {"a": None}}}),
        "PATCH",
        ISTIO_PATH,
        [OURS],
        "application/merge-patch+json",
        {"metadata": {"annotations": {"a": None}}},
    ),
    (
        "delete",
        lambda c: c.delete(SECRET_REF),
        "DELETE",
        SECRET_PATH,
        [],
        "application/json",
        {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"},
    ),
    (
        "delete this very one, at once",
        lambda c: c.delete(THE_ISTIO, uid="u1", grace_period=0),
        "DELETE",
        ISTIO_PATH,
        [],
        "application/json",
        {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": "u1"},
            "gracePeriodSeconds": 0,
        },
    ),
]


@pytest.mark.parametrize(
    ("ask", "method", "path", "query", "content", "body"), [row[1:] for row in SENT], ids=[row[0] for row in SENT]
)
def test_what_is_sent(
    client: Client,
    server: Server,
    ask: Callable[[Client], object],
    method: str,
    path: str,
    query: list[tuple[str, str]],
    content: str,
    body: Any,
) -> None:
    server.will(lambda x: x.json({"metadata": {"name": "it"}}))
    assert ask(client) in ({"metadata": {"name": "it"}}, True)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.query) == (method, path, query)
    assert seen.headers.get("content-type", "") == content
    assert (seen.json if seen.body else None) == body
    assert seen.headers["authorization"] == f"Bearer {TOKEN}"
    assert seen.headers["user-agent"].startswith("meshctl/")


def not_there(exchange: Exchange) -> None:
    exchange.status(404, "NotFound", 'secrets "x" not found', details={"name": "x", "kind": "secrets"})


def no_such_kind(exchange: Exchange) -> None:
    exchange.reply(404, b"404 page not found\n")


def test_get_of_what_is_not_there_is_none(client: Client, server: Server) -> None:
    server.will(not_there)
    assert client.get(SECRET_REF) is None


def test_get_of_an_unknown_kind_is_an_error(client: Client, server: Server) -> None:
    server.will(no_such_kind)
    with pytest.raises(UnknownKindError) as caught:
        client.get(THE_ISTIO)
    assert caught.value.status == 404


def test_delete_of_what_is_not_there_is_false(client: Client, server: Server) -> None:
    server.will(
        not_there, no_such_kind, lambda x: x.status(409, "Conflict", "Precondition failed: UID in precondition: u1")
    )
    assert client.delete(SECRET_REF) is False
    assert client.delete(THE_ISTIO) is False
    assert client.delete(SECRET_REF, uid="u1") is False


def test_create_twice(client: Client, server: Server) -> None:
    server.will(lambda x: x.status(409, "AlreadyExists", 'leases "x" already exists'))
    with pytest.raises(AlreadyExistsError, match=r'^cluster2: already exists: leases "x" already exists$'):
        client.create(LOCK)


def test_list_follows_its_pages(client: Client, server: Server) -> None:
    server.will(
        lambda x: x.json({"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]}),
        lambda x: x.json({"metadata": {}, "items": [{"metadata": {"name": "b"}}]}),
    )
    assert client.list(SECRET, "n", "a=b,c") == [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}} for name in "ab"
    ]
    first, second = server.seen
    assert (first.path, first.query) == ("/api/v1/namespaces/n/secrets", [("labelSelector", "a=b,c"), ("limit", "500")])
    assert second.query == [*first.query, ("continue", "next")]


def test_list_begins_again_when_its_pages_have_expired(client: Client, server: Server) -> None:
    server.will(
        lambda x: x.json({"metadata": {"continue": "next"}, "items": [{"metadata": {"name": "a"}}]}),
        lambda x: x.status(410, "Expired", "The provided continue parameter is too old"),
        lambda x: x.json({"metadata": {}, "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}),
    )
    assert [item["metadata"]["name"] for item in client.list(NAMESPACE)] == ["a", "b"]
    assert server.seen[-1].query == []


def test_list_of_an_unknown_kind(client: Client, server: Server) -> None:
    server.will(no_such_kind)
    with pytest.raises(UnknownKindError):
        client.list(ISTIO)


@pytest.mark.parametrize(("answer", "allowed"), [({"allowed": True}, True), ({"allowed": False}, False), ({}, False)])
def test_allowed(client: Client, server: Server, answer: dict[str, bool], allowed: bool) -> None:
    server.will(lambda x: x.json({"status": answer}, 201))
    assert client.allowed("create", "pods", namespace="n", subresource="exec") is allowed
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")
    asked = seen.json["spec"]["resourceAttributes"]
    assert asked == {"verb": "create", "resource": "pods", "namespace": "n", "subresource": "exec"}


def test_version_and_server(client: Client, server: Server) -> None:
    server.will(lambda x: x.json({"major": "1", "gitVersion": "v1.34.2"}))
    assert client.version() == "v1.34.2"
    assert client.server() == server.url
    assert client.cluster == "cluster2"


def test_requests_are_observed(client: Client, server: Server, requests: list[Request]) -> None:
    server.will(lambda x: x.json({}), lambda x: x.status(403, "Forbidden", "no"))
    client.list(SECRET, labels="a=b")
    with pytest.raises(ClusterError):
        client.get(THE_ISTIO)
    assert [(r.cluster, r.method, r.path, r.status) for r in requests] == [
        ("cluster2", "GET", "/api/v1/secrets?labelSelector=a%3Db&limit=500", 200),
        ("cluster2", "GET", ISTIO_PATH, 403),
    ]
    assert all(0 < request.milliseconds < 5000 for request in requests)


def test_one_connection_serves_many_requests(client: Client, server: Server) -> None:
    server.will(*[lambda x: x.json({})] * 20)
    for _ in range(20):
        client.get(THE_ISTIO)
    assert server.connections == 1


def test_many_threads_share_a_client(client: Client, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    server.will(*[lambda x: x.json({"path": x.seen.path})] * 200)
    refs = [Ref(SECRET, f"s{n}", "n") for n in range(200)]
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(client.get, refs))
    assert [answer and answer["path"] for answer in answers] == [ref.path for ref in refs]
    assert server.connections <= 40
    assert not caplog.records


def test_a_manifest_of_a_namespaced_kind_must_name_its_namespace(client: Client, server: Server) -> None:
    with pytest.raises(ValueError, match="Lease x names no namespace"):
        client.apply({**LOCK, "metadata": {"name": "x"}})
    assert not server.seen
