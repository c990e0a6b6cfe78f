"""Service accounts and their tokens: how a remote secret comes to be, and when it stops working."""

import base64

from meshctl.objects import Manifest, dig
from tests.contract.asking import Answer, Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import core, maps

TOKEN = "kubernetes.io/service-account-token"
ACCOUNT = "kubernetes.io/service-account.name"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def token_secret(account: str = "reader", name: str = "reader-token") -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": TOKEN,
        "metadata": {"name": name, "annotations": {ACCOUNT: account}},
    }


def account(api: Asker, namespace: str, name: str = "reader") -> Manifest:
    return api.post(core(namespace, "serviceaccounts"), {"metadata": {"name": name}}).obj()


def filled(api: Asker, namespace: str) -> Answer:
    path = core(namespace, "secrets", "reader-token")
    return eventually(lambda: found if dig((found := api.get(path)).body, "data", "token") else None)


def token_of(secret: Answer) -> str:
    return base64.b64decode(secret.at("data", "token")).decode()


def test_a_token_secret_is_filled(api: Asker, namespace: str) -> None:
    made = account(api, namespace)
    api.post(core(namespace, "secrets"), token_secret()).obj()
    secret = filled(api, namespace)
    assert set(secret.at("data")) == {"ca.crt", "namespace", "token"}
    assert base64.b64decode(secret.at("data", "namespace")).decode() == namespace
    assert secret.at("metadata", "annotations") == {
        ACCOUNT: "reader",
        "kubernetes.io/service-account.uid": made["metadata"]["uid"],
    }
    assert token_of(secret).count(".") == 2


def test_its_token_is_the_account(cluster: Cluster, api: Asker, namespace: str) -> None:
    account(api, namespace)
    api.post(core(namespace, "secrets"), token_secret()).obj()
    asker = cluster.with_token(token_of(filled(api, namespace)))
    answer = asker.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    info = answer.at("status", "userInfo")
    assert info["username"] == f"system:serviceaccount:{namespace}:reader"
    assert info["groups"] == ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    assert info["uid"] == api.get(core(namespace, "serviceaccounts", "reader")).at("metadata", "uid")
    refused = asker.get(maps(namespace))
    assert refused.message == (
        f'configmaps is forbidden: User "system:serviceaccount:{namespace}:reader" cannot list resource "configmaps" '
        f'in API group "" in the namespace "{namespace}"'
    )


def test_rights_are_bound_to_accounts(cluster: Cluster, api: Asker, namespace: str) -> None:
    account(api, namespace)
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": namespace}],
    }
    api.post(f"{RBAC}/namespaces/{namespace}/rolebindings", binding).obj()
    api.post(core(namespace, "secrets"), token_secret()).obj()
    asker = cluster.with_token(token_of(filled(api, namespace)))
    eventually(lambda: asker.get(maps(namespace)).status == 200)
    assert asker.get(core(namespace, "secrets")).status == 403


def test_the_secret_and_its_token_die_with_the_account(cluster: Cluster, api: Asker, namespace: str) -> None:
    account(api, namespace)
    api.post(core(namespace, "secrets"), token_secret()).obj()
    asker = cluster.with_token(token_of(filled(api, namespace)))
    assert asker.get("/version").status == 200
    api.delete(core(namespace, "serviceaccounts", "reader"))
    eventually(lambda: api.get(core(namespace, "secrets", "reader-token")).status == 404)
    eventually(lambda: asker.get(maps(namespace)).status == 401)
    account(api, namespace)
    assert asker.get(maps(namespace)).status == 401


def test_a_token_dies_with_its_secret(cluster: Cluster, api: Asker, namespace: str) -> None:
    account(api, namespace)
    api.post(core(namespace, "secrets"), token_secret()).obj()
    asker = cluster.with_token(token_of(filled(api, namespace)))
    assert asker.get(maps(namespace)).status == 403
    api.delete(core(namespace, "secrets", "reader-token"))
    eventually(lambda: asker.get(maps(namespace)).status == 401)


def test_a_secret_for_nobody_is_taken_away(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "secrets"), token_secret("nobody")).obj()
    eventually(lambda: api.get(core(namespace, "secrets", "reader-token")).status == 404)


def test_a_token_secret_names_its_account(api: Asker, namespace: str) -> None:
    refused = api.post(core(namespace, "secrets"), {"metadata": {"name": "x"}, "type": TOKEN})
    assert refused.refused == (
        422,
        "Invalid",
        f'Secret "x" is invalid: metadata.annotations[{ACCOUNT}]: Required value',
    )


def test_tokens_on_request(cluster: Cluster, api: Asker, namespace: str) -> None:
    account(api, namespace)
    path = core(namespace, "serviceaccounts", "reader") + "/token"
    answer = api.post(path, {"spec": {"expirationSeconds": 600}})
    assert answer.status == 201
    assert (answer.at("kind"), answer.at("apiVersion")) == ("TokenRequest", "authentication.k8s.io/v1")
    assert answer.at("spec", "expirationSeconds") == 600
    assert answer.at("spec", "audiences") == ["https://kubernetes.default.svc.cluster.local"]
    assert answer.at("status", "expirationTimestamp")
    asker = cluster.with_token(answer.at("status", "token"))
    assert asker.get(maps(namespace)).status == 403
    api.delete(core(namespace, "serviceaccounts", "reader"))
    eventually(lambda: asker.get(maps(namespace)).status == 401)


def test_a_token_that_is_too_short(api: Asker, namespace: str) -> None:
    account(api, namespace)
    path = core(namespace, "serviceaccounts", "reader") + "/token"
    refused = api.post(path, {"spec": {"expirationSeconds": 60}})
    assert refused.status == 422
    assert (
        "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes" in refused.message
    )


def test_a_token_for_nobody(api: Asker, namespace: str) -> None:
    refused = api.post(core(namespace, "serviceaccounts", "nobody") + "/token", {"spec": {}})
    assert refused.refused == (404, "NotFound", 'serviceaccounts "nobody" not found')


def test_tokens_of_another_audience_do_not_open_this_door(cluster: Cluster, api: Asker, namespace: str) -> None:
    account(api, namespace)
    path = core(namespace, "serviceaccounts", "reader") + "/token"
    token = api.post(path, {"spec": {"audiences": ["istio-ca"]}}).at("status", "token")
    assert cluster.with_token(token).get(maps(namespace)).status == 401


def test_token_reviews(api: Asker, namespace: str) -> None:
    account(api, namespace)
    token = api.post(core(namespace, "serviceaccounts", "reader") + "/token", {"spec": {}}).at("status", "token")
    review = api.post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})
    assert review.status == 201
    assert review.at("status", "authenticated") is True
    assert review.at("status", "user", "username") == f"system:serviceaccount:{namespace}:reader"
    wrong = api.post("/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "nonsense"}})
    assert "authenticated" not in wrong.at("status")
    assert "invalid bearer token" in wrong.at("status", "error")
