"""Who may do what: 401, 403, and the reviews by which a user learns it beforehand."""

import pytest

from meshctl.objects import Manifest
from tests.contract.asking import Asker
from tests.contract.cluster import Cluster
from tests.contract.manifests import WIDGETS, apps, config_map, core, maps, widget

RBAC = "/apis/rbac.authorization.k8s.io/v1"
DEFAULT_APPS, DEFAULT_POD = apps("default", "deployments"), core("default", "pods", "x")
REVIEWS = "/apis/authorization.k8s.io/v1"


@pytest.fixture
def reader(cluster: Cluster, namespace: str) -> Asker:
    """A user who may read ConfigMaps, and one Secret, in the test's namespace."""
    user = cluster.fresh("reader")
    rules = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get"]},
    ]
    grant(cluster.admin, namespace, user, rules)
    return cluster.as_user(user)


def grant(api: Asker, namespace: str, user: str, rules: list[Manifest]) -> None:
    path = f"{RBAC}/namespaces/{namespace}"
    api.post(f"{path}/roles", {"metadata": {"name": user}, "rules": rules}).obj()
    binding = {
        "metadata": {"name": user},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    api.post(f"{path}/rolebindings", binding).obj()


def name_of(asker: Asker) -> str:
    return str(asker.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", {}).at("status", "userInfo", "username"))


def test_what_is_granted_works(reader: Asker, cluster: Cluster, namespace: str) -> None:
    cluster.admin.post(maps(namespace), config_map()).obj()
    assert reader.get(maps(namespace, "x")).status == 200
    assert "x" in reader.get(maps(namespace)).names
    assert reader.get(core(namespace, "secrets", "mine")).status == 404


def test_what_is_not_granted(reader: Asker, cluster: Cluster, namespace: str) -> None:
    user = name_of(reader)
    refused = reader.get(core(namespace, "secrets", "x"))
    assert refused.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": f'secrets "x" is forbidden: User "{user}" cannot get resource "secrets" in API group "" '
        f'in the namespace "{namespace}"',
        "reason": "Forbidden",
        "details": {"name": "x", "kind": "secrets"},
        "code": 403,
    }


@pytest.mark.parametrize(
    ("method", "path", "subject", "verb", "resource", "where"),
    [
        ("GET", "/api/v1/nodes", "nodes", "list", "nodes", ""),
        ("GET", "/api/v1/namespaces/default", 'namespaces "default"', "get", "namespaces", "default"),
        ("POST", "/api/v1/namespaces", "namespaces", "create", "namespaces", ""),
        ("PATCH", f"{DEFAULT_APPS}/x", 'deployments.apps "x"', "patch", "deployments", "default"),
        ("PUT", f"{DEFAULT_APPS}/x/status", 'deployments.apps "x"', "update", "deployments/status", "default"),
        ("DELETE", f"{WIDGETS}/x", 'widgets.contract.example.com "x"', "delete", "widgets", ""),
        ("DELETE", maps("default"), "configmaps", "deletecollection", "configmaps", "default"),
        ("GET", "/api/v1/configmaps?watch=1", "configmaps", "watch", "configmaps", ""),
        # asked for over a WebSocket; POST, the older way, is `create`
        ("GET", f"{DEFAULT_POD}/exec?command=a", 'pods "x"', "get", "pods/exec", "default"),
        ("POST", f"{DEFAULT_POD}/exec?command=a", 'pods "x"', "create", "pods/exec", "default"),
        ("GET", f"{DEFAULT_POD}/log", 'pods "x"', "get", "pods/log", "default"),
        ("GET", "/apis/nobody.example.com/v1/things/x", 'things.nobody.example.com "x"', "get", "things", ""),
    ],
)
def test_refusals_name_verb_and_resource(
    reader: Asker, method: str, path: str, subject: str, verb: str, resource: str, where: str
) -> None:
    refused = reader.ask(method, path)
    group = subject.partition(" ")[0].partition(".")[2]
    place = f'in the namespace "{where}"' if where else "at the cluster scope"
    assert refused.refused == (
        403,
        "Forbidden",
        (
            f'{subject} is forbidden: User "{name_of(reader)}" cannot {verb} resource "{resource}" '
            f'in API group "{group}" {place}'
        ),
    )
    named = {"name": "default" if resource == "namespaces" else "x"} if '"' in subject else {}
    plural = resource.partition("/")[0]
    assert refused.body["details"] == {**named, **({"group": group} if group else {}), "kind": plural}


def test_refusals_name_other_paths(reader: Asker) -> None:
    refused = reader.get("/metrics")
    assert refused.refused == (403, "Forbidden", f'forbidden: User "{name_of(reader)}" cannot get path "/metrics"')
    assert refused.body["details"] == {}


def test_a_right_on_one_name(reader: Asker, cluster: Cluster, namespace: str) -> None:
    for name in ("mine", "other"):
        cluster.admin.post(core(namespace, "secrets"), {"metadata": {"name": name}}).obj()
    assert reader.get(core(namespace, "secrets", "mine")).status == 200
    assert reader.get(core(namespace, "secrets", "other")).status == 403
    assert reader.get(core(namespace, "secrets")).status == 403


def test_apply_needs_patch_and_for_new_objects_create(cluster: Cluster, namespace: str) -> None:
    user = cluster.fresh("patcher")
    grant(cluster.admin, namespace, user, [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}])
    patcher = cluster.as_user(user)
    refused = patcher.apply(maps(namespace, "x"), config_map(data={"a": "1"}))
    assert refused.refused == (
        403,
        "Forbidden",
        (
            f'configmaps "x" is forbidden: User "{user}" cannot create resource "configmaps" in API group "" '
            f'in the namespace "{namespace}"'
        ),
    )
    cluster.admin.post(maps(namespace), config_map()).obj()
    assert patcher.apply(maps(namespace, "x"), config_map(data={"a": "1"})).status == 200


def test_nobody_grants_what_he_does_not_have(cluster: Cluster, namespace: str) -> None:
    user = cluster.fresh("granter")
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["create"]}]
    grant(cluster.admin, namespace, user, rules)
    role = {
        "metadata": {"name": "more"},
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}],
    }
    refused = cluster.as_user(user).post(f"{RBAC}/namespaces/{namespace}/roles", role)
    assert (refused.status, refused.reason) == (403, "Forbidden")
    assert "is attempting to grant RBAC permissions not currently held" in refused.message


# --- credentials ------------------------------------------------------------------------------------------------------
def test_credentials_that_are_not_accepted(cluster: Cluster, namespace: str) -> None:
    refused = cluster.with_token("nonsense").get(maps(namespace))
    assert refused.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "Unauthorized",
        "reason": "Unauthorized",
        "code": 401,
    }


def test_nobody_in_particular(cluster: Cluster, namespace: str) -> None:
    anybody = cluster.without_credentials()
    refused = anybody.get(maps(namespace))
    assert refused.refused == (
        403,
        "Forbidden",
        (
            'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" '
            f'in the namespace "{namespace}"'
        ),
    )
    assert anybody.get("/version").status == 200
    assert anybody.get("/readyz").body == "ok"
    assert anybody.get("/api").status == 403


def test_a_user_without_rights_discovers_and_reviews(cluster: Cluster) -> None:
    nobody = cluster.as_user("nobody")
    assert nobody.get("/apis").status == 200
    assert nobody.get("/version").status == 200
    assert name_of(nobody) == "nobody"


# --- reviews ----------------------------------------------------------------------------------------------------------
def may(asker: Asker, **attributes: str) -> Manifest:
    review = {"spec": {"resourceAttributes": attributes}}
    answer = asker.post(f"{REVIEWS}/selfsubjectaccessreviews", review)
    assert answer.status == 201
    assert (answer.at("kind"), answer.at("apiVersion")) == ("SelfSubjectAccessReview", "authorization.k8s.io/v1")
    assert answer.at("spec", "resourceAttributes") == attributes
    status = answer.at("status")
    assert isinstance(status, dict)
    return status


def test_access_reviews(reader: Asker, cluster: Cluster, namespace: str) -> None:
    granted = may(reader, verb="list", resource="configmaps", namespace=namespace)
    assert granted["allowed"] is True
    assert f'RBAC: allowed by RoleBinding "{name_of(reader)}/{namespace}" of Role' in granted["reason"]
    assert may(reader, verb="list", resource="configmaps") == {"allowed": False}
    assert may(reader, verb="delete", resource="configmaps", namespace=namespace) == {"allowed": False}
    assert may(reader, verb="get", resource="secrets", namespace=namespace, name="mine")["allowed"] is True
    assert may(reader, verb="get", resource="secrets", namespace=namespace) == {"allowed": False}
    assert may(reader, verb="create", resource="pods", subresource="exec", namespace=namespace) == {"allowed": False}
    assert may(reader, verb="get", resource="istios", group="sailoperator.io") == {"allowed": False}
    for attributes in ({"resource": "pods", "subresource": "exec"}, {"resource": "*", "group": "*"}):
        assert may(cluster.admin, verb="create", **attributes)["allowed"] is True


def test_a_review_that_asks_nothing(reader: Asker) -> None:
    refused = reader.post(f"{REVIEWS}/selfsubjectaccessreviews", {"spec": {}})
    assert refused.status == 422
    assert "exactly one of nonResourceAttributes or resourceAttributes must be specified" in refused.message


def test_the_rules_of_a_user(reader: Asker, namespace: str) -> None:
    answer = reader.post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": namespace}})
    assert answer.status == 201
    rules = answer.at("status", "resourceRules")
    assert {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]} in rules
    assert {"apiGroups": [""], "resourceNames": ["mine"], "resources": ["secrets"], "verbs": ["get"]} in rules
    assert answer.at("status", "incomplete") is False
    paths = [path for rule in answer.at("status", "nonResourceRules") for path in rule["nonResourceURLs"]]
    assert "/version" in paths


def test_the_rules_of_a_namespace_that_is_not_there_are_those_of_the_cluster(reader: Asker, namespace: str) -> None:
    def rules(where: str) -> list[Manifest]:
        answer = reader.post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {"namespace": where}})
        assert answer.at("status", "incomplete") is False
        found: list[Manifest] = answer.at("status", "resourceRules")
        return found

    nowhere, here = rules("no-such-namespace"), rules(namespace)
    assert [rule for rule in nowhere if rule not in here] == []
    assert [rule for rule in here if rule not in nowhere] != []


def test_rules_of_no_namespace(reader: Asker) -> None:
    refused = reader.post(f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {}})
    assert refused.refused == (400, "BadRequest", "no namespace on request")


def test_who_am_i(cluster: Cluster) -> None:
    answer = cluster.as_user("jane", ("team-a", "team-b")).post(
        "/apis/authentication.k8s.io/v1/selfsubjectreviews", {"kind": "SelfSubjectReview"}
    )
    assert answer.status == 201
    info = answer.at("status", "userInfo")
    assert info["username"] == "jane"
    assert info["groups"] == ["team-a", "team-b", "system:authenticated"]


def test_masters_may_everything(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    assert api.post(WIDGETS, widget(name)).status == 201
    assert may(api, verb="*", resource="*", group="*")["allowed"] is True
