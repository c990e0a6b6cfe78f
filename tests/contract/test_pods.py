"""Pods: what admission adds, what exec and log refuse."""

import pytest

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster
from tests.contract.manifests import container, core, pod


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace with its service account."""
    return cluster.namespace(furnished=True)


def test_a_pod_gets_its_account_and_its_defaults(api: Asker, namespace: str) -> None:
    made = api.post(core(namespace, "pods"), pod("x", container(ports=[{"containerPort": 80}]))).obj()
    spec = made["spec"]
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    assert spec["terminationGracePeriodSeconds"] == 30
    assert [one["key"] for one in spec["tolerations"]] == [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ]
    (app,) = spec["containers"]
    assert app["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert app["imagePullPolicy"] == "IfNotPresent"
    (mount,) = app["volumeMounts"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert [one["name"] for one in spec["volumes"]] == [mount["name"]]
    assert "nodeName" not in spec


def test_an_account_that_is_not_there(api: Asker, namespace: str) -> None:
    refused = api.post(core(namespace, "pods"), pod(serviceAccountName="nobody"))
    assert refused.refused == (
        403,
        "Forbidden",
        (
            f'pods "x" is forbidden: error looking up service account {namespace}/nobody: '
            'serviceaccount "nobody" not found'
        ),
    )


def test_a_pod_needs_containers_with_images(api: Asker, namespace: str) -> None:
    refused = api.post(core(namespace, "pods"), {"metadata": {"name": "x"}, "spec": {"containers": []}})
    assert refused.refused == (422, "Invalid", 'Pod "x" is invalid: spec.containers: Required value')
    refused = api.post(core(namespace, "pods"), pod("x", {"name": "app"}))
    assert refused.refused == (422, "Invalid", 'Pod "x" is invalid: spec.containers[0].image: Required value')


def test_exec_where_there_is_no_node(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "pods"), pod()).obj()
    path = core(namespace, "pods", "x") + "/exec"
    for ask in (api.get, lambda path, **query: api.post(path, None, **query)):
        refused = ask(path, command="true", container="app", stdout=True)
        assert refused.refused == (400, "BadRequest", "pod x does not have a host assigned")


def test_exec_in_what_is_not_there(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "pods"), pod("x", container("a"), container("b"))).obj()
    missing = api.get(core(namespace, "pods", "absent") + "/exec", command="true", stdout=True)
    assert missing.refused == (404, "NotFound", 'pods "absent" not found')
    path = core(namespace, "pods", "x") + "/exec"
    wrong = api.get(path, command="true", container="c", stdout=True)
    assert wrong.refused == (400, "BadRequest", "container c is not valid for pod x")


def test_logs_of_what_does_not_run(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "pods"), pod("x", container("a"), container("b"))).obj()
    path = core(namespace, "pods", "x") + "/log"
    assert api.get(path).refused == (
        400,
        "BadRequest",
        "a container name must be specified for pod x, choose one of: [a b]",
    )
    assert api.get(path, container="c").refused == (400, "BadRequest", "container c is not valid for pod x")
    assert api.get(core(namespace, "pods", "y") + "/log").refused == (404, "NotFound", 'pods "y" not found')


def test_logs_of_a_pod_without_a_node_are_empty(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "pods"), pod("x", container("a"), container("b"))).obj()
    path = core(namespace, "pods", "x") + "/log"
    answer = api.ask("GET", path, {"container": "a", "tailLines": 5, "limitBytes": 100}, headers={"Accept": "*/*"})
    assert (answer.status, answer.body) == (204, "")


def test_most_of_a_pod_cannot_change(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "pods"), pod()).obj()
    path = core(namespace, "pods", "x")
    changed = api.patch(
        path, [{"op": "replace", "path": "/spec/containers/0/image", "value": "i:2"}], "application/json-patch+json"
    )
    assert changed.at("spec", "containers", 0, "image") == "i:2"
    refused = api.patch(path, {"spec": {"restartPolicy": "Never"}})
    assert refused.status == 422
    assert refused.message.startswith(
        'Pod "x" is invalid: spec: Forbidden: pod updates may not change fields other than '
    )


def test_eviction_deletes(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "pods"), pod()).obj()
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "x"}}
    assert api.post(core(namespace, "pods", "x") + "/eviction", eviction).status == 201
    assert api.get(core(namespace, "pods", "x")).status == 404
