"""Who may in, and what they may do."""

import base64
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from meshctl.lab.apiserver.hooks import Asked, Hooks
from meshctl.names import SECRET, SERVICE_ACCOUNT
from meshctl.objects import Manifest, Ref
from tests.lab.apiserver.serving import CONFIG_MAPS, MERGE, Served, on_cluster

ROLES = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"
BOB = "bob-token"
NO_WATCH = (
    'deployments.apps is forbidden: User "bob" cannot watch resource "deployments" in API group "apps" '
    "at the cluster scope"
)


def _as(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _bob(served: Served) -> dict[str, str]:
    served.cluster.add_user_token(BOB, "bob", ())
    return _as(BOB)


async def _grant(served: Served, role: Manifest, subject: Manifest, namespace: str = "") -> None:
    """Bind a role to a subject, in a namespace or everywhere."""
    kind = "Role" if namespace else "ClusterRole"
    base = f"{ROLES}/namespaces/{namespace}" if namespace else ROLES
    await served.ask("POST", f"{base}/{kind.lower()}s", {"metadata": {"name": "r"}, **role})
    binding = {"metadata": {"name": "r"}, "roleRef": {"kind": kind, "name": "r"}, "subjects": [subject]}
    assert (await served.ask("POST", f"{base}/{kind.lower()}bindings", binding)).status == 201


def test_unknown_credentials_are_refused() -> None:
    async def story(served: Served) -> None:
        answer = await served.ask("GET", CONFIG_MAPS, **_as("nonsense"))
        assert answer.status == 401
        assert answer.body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": "Unauthorized",
            "reason": "Unauthorized",
            "code": 401,
        }

    on_cluster(story)


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        (
            "GET",
            "/api/v1/namespaces/n/pods",
            'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "n"',
        ),
        (
            "GET",
            "/api/v1/namespaces/n/secrets/a",
            'secrets "a" is forbidden: User "bob" cannot get resource "secrets" in API group "" in the namespace "n"',
        ),
        (
            "POST",
            "/api/v1/nodes",
            'nodes is forbidden: User "bob" cannot create resource "nodes" in API group "" at the cluster scope',
        ),
        (
            "GET",
            "/apis/apps/v1/deployments?watch=true",
            NO_WATCH,
        ),
        ("GET", "/metrics", 'forbidden: User "bob" cannot get path "/metrics"'),
    ],
)
def test_what_is_not_granted_is_forbidden(method: str, path: str, message: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.ask(method, path, **_bob(served))
        assert (answer.status, answer.body["message"]) == (403, message)

    on_cluster(story)


def test_roles_grant_and_names_narrow() -> None:
    async def story(served: Served) -> None:
        bob = _bob(served)
        rules = {
            "rules": [
                {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"], "resourceNames": ["a"]},
                {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]},
            ]
        }
        await _grant(served, rules, {"kind": "User", "name": "bob"}, "default")
        assert (await served.ask("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}, **bob)).status == 201
        assert (await served.ask("GET", f"{CONFIG_MAPS}/a", **bob)).status == 200
        assert (await served.ask("GET", f"{CONFIG_MAPS}/b", **bob)).status == 403
        assert (await served.ask("GET", "/api/v1/namespaces/kube-system/configmaps/a", **bob)).status == 403
        assert (await served.ask("GET", "/api", **bob)).status == 200

    on_cluster(story)


@pytest.mark.parametrize(
    ("verb", "resource", "allowed"), [("get", "secrets", True), ("list", "pods", True), ("delete", "pods", False)]
)
def test_users_may_ask_what_they_may(verb: str, resource: str, allowed: bool) -> None:
    async def story(served: Served) -> None:
        bob = _bob(served)
        rule = {"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get", "list"]}
        await _grant(served, {"rules": [rule]}, {"kind": "Group", "name": "system:authenticated"})
        wanted = {"verb": verb, "resource": resource, "namespace": "x"}
        own = await served.ask(
            "POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {"resourceAttributes": wanted}}, **bob
        )
        spec = {"user": "bob", "groups": ["system:authenticated"], "resourceAttributes": wanted}
        other = await served.ask("POST", f"{REVIEWS}/subjectaccessreviews", {"spec": spec})
        assert own.status == 201
        assert [answer.body["status"]["allowed"] for answer in (own, other)] == [allowed, allowed]

    on_cluster(story)


def test_a_right_can_be_taken_from_anybody() -> None:
    def denied(asked: Asked) -> bool:
        return asked.resource == "secrets"

    async def story(served: Served) -> None:
        refused = await served.ask("GET", "/api/v1/namespaces/default/secrets")
        assert refused.body["message"].startswith('secrets is forbidden: User "admin" cannot list resource "secrets"')
        spec = {"resourceAttributes": {"verb": "get", "resource": "secrets"}}
        review = await served.ask("POST", f"{REVIEWS}/selfsubjectaccessreviews", {"spec": spec})
        assert review.body["status"] == {"allowed": False}

    on_cluster(story, Hooks(denied=denied))


async def _account_secret(served: Served, token: str) -> None:
    api = served.cluster.api("tokens")
    account = await api.get(Ref(SERVICE_ACCOUNT, "default", "default"))
    assert account is not None
    marks = {
        "kubernetes.io/service-account.name": "default",
        "kubernetes.io/service-account.uid": account["metadata"]["uid"],
    }
    await api.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "t", "namespace": "default", "annotations": marks},
            "type": "kubernetes.io/service-account-token",
            "data": {"token": base64.b64encode(token.encode()).decode()},
        }
    )


def test_a_service_account_s_secret_is_a_credential_while_both_exist() -> None:
    async def story(served: Served) -> None:
        await _account_secret(served, "sa-token")
        review = {"spec": {"token": "sa-token"}}
        known = await served.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert known.body["status"]["authenticated"] is True
        assert known.body["status"]["user"]["username"] == "system:serviceaccount:default:default"
        refused = await served.ask("GET", CONFIG_MAPS, **_as("sa-token"))
        assert (refused.status, "system:serviceaccount:default:default" in refused.body["message"]) == (403, True)
        await served.cluster.api("x").delete(Ref(SECRET, "t", "default"))
        assert (await served.ask("GET", CONFIG_MAPS, **_as("sa-token"))).status == 401
        gone = await served.ask("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
        assert gone.body["status"]["error"] == "invalid bearer token"

    on_cluster(story)


def test_tokens_are_made_on_request_and_die_with_the_account() -> None:
    async def story(served: Served) -> None:
        path = "/api/v1/namespaces/default/serviceaccounts/default"
        made = await served.ask("POST", f"{path}/token", {"spec": {"expirationSeconds": 600}})
        token = made.body["status"]["token"]
        who = await served.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}, **_as(token))
        assert who.body["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"
        await served.ask("DELETE", path)
        assert (await served.ask("GET", CONFIG_MAPS, **_as(token))).status == 401

    on_cluster(story)


def test_client_certificates_name_user_and_groups(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        cert, key = served.cluster.client_certificate("carol", ["one", "two"])
        (tmp_path / "client.pem").write_text(key + cert)
        context = ssl.create_default_context(cadata=served.cluster.ca_pem)
        context.load_cert_chain(tmp_path / "client.pem")
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            url = f"{served.cluster.url}/apis/authentication.k8s.io/v1/selfsubjectreviews"
            async with session.post(url, json={}) as answer:
                body: Any = await answer.json()
        info = body["status"]["userInfo"]
        assert (info["username"], info["groups"]) == ("carol", ["one", "two", "system:authenticated"])

    on_cluster(story)


def test_without_credentials_one_may_only_ask_for_health() -> None:
    async def story(served: Served) -> None:
        context = ssl.create_default_context(cadata=served.cluster.ca_pem)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
            codes = {}
            for path in ("/readyz", "/version", "/api"):
                async with session.get(served.cluster.url + path) as answer:
                    codes[path] = answer.status
        assert codes == {"/readyz": 200, "/version": 200, "/api": 403}

    on_cluster(story)


def test_a_user_is_let_in_and_out() -> None:
    async def story(served: Served) -> None:
        bob = _bob(served)
        body: Manifest = {"data": {}}
        assert (await served.ask("PATCH", f"{CONFIG_MAPS}/a", body, MERGE, **bob)).status == 403
        served.cluster.auth.remove_token(BOB)
        assert (await served.ask("PATCH", f"{CONFIG_MAPS}/a", body, MERGE, **bob)).status == 401

    on_cluster(story)
