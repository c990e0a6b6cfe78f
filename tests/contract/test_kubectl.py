"""kubectl, where people mix it with the tool: what it owns, what it says, what it waits for."""

import json

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, managers
from tests.contract.manifests import WIDGETS, config_map, core, deployment, maps, widget


def text(obj: object) -> str:
    return json.dumps(obj)


def test_apply_and_apply_again(cluster: Cluster, api: Asker, namespace: str) -> None:
    def apply(value: str) -> str:
        return cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text(config_map(data={"a": value}))).stdout

    assert apply("1") == "configmap/x created\n"
    before = api.get(maps(namespace, "x")).version
    assert apply("1") == "configmap/x unchanged\n"
    assert api.get(maps(namespace, "x")).version == before
    assert apply("2") == "configmap/x configured\n"
    assert list(managers(api.get(maps(namespace, "x")).obj())) == [("kubectl-client-side-apply", "Update")]


def test_the_tool_applies_over_kubectls_apply(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    cluster.kubectl("apply", "-f", "-", stdin=text(widget(name, {"version": "v1"})))
    refused = api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v2"}), "meshctl")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using contract.example.com/v1: '
        ".spec.version"
    )
    shared = api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v1"}), "meshctl").obj()
    assert set(managers(shared)) == {("meshctl", "Apply"), ("kubectl-client-side-apply", "Update")}
    forced = api.apply(f"{WIDGETS}/{name}", widget(name, {"version": "v2"}), "meshctl", force=True).obj()
    assert forced["spec"]["version"] == "v2"


def test_kubectls_server_side_apply_takes_over_its_client_side_apply(
    cluster: Cluster, api: Asker, namespace: str
) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text(config_map(data={"a": "1", "b": "1"})))
    done = cluster.kubectl(
        "apply", "--server-side", "-n", namespace, "-f", "-", stdin=text(config_map(data={"a": "2"}))
    )
    assert done.stdout == "configmap/x serverside-applied\n"
    live = api.get(maps(namespace, "x")).obj()
    assert live["data"] == {"a": "2"}
    assert list(managers(live)) == [("kubectl-last-applied", "Apply"), ("kubectl", "Apply")]


def test_under_another_name_it_does_not(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text(config_map(data={"a": "1"})))
    failed = cluster.kubectl(
        "apply",
        "--server-side",
        "--field-manager=other",
        "-n",
        namespace,
        "-f",
        "-",
        stdin=text(config_map(data={"a": "2"})),
        code=1,
    )
    assert 'conflict with "kubectl-client-side-apply" using v1: .data.a' in failed.stderr


def test_a_conflict_in_kubectls_words(cluster: Cluster, api: Asker, namespace: str) -> None:
    api.apply(maps(namespace, "x"), config_map(data={"a": "1"}), "meshctl").obj()
    failed = cluster.kubectl(
        "apply", "--server-side", "-n", namespace, "-f", "-", stdin=text(config_map(data={"a": "2"})), code=1
    )
    assert 'error: Apply failed with 1 conflict: conflict with "meshctl": .data.a' in failed.stderr


def test_create_is_its_own_manager(cluster: Cluster, api: Asker, namespace: str) -> None:
    cluster.kubectl("create", "configmap", "x", "--from-literal=a=1", "-n", namespace)
    assert list(managers(api.get(maps(namespace, "x")).obj())) == [("kubectl-create", "Update")]
    again = cluster.kubectl("create", "configmap", "x", "-n", namespace, code=1)
    assert again.stderr == 'error: failed to create configmap: configmaps "x" already exists\n'


def test_labels_and_annotations(cluster: Cluster, api: Asker, namespace: str) -> None:
    assert cluster.kubectl("label", "ns", namespace, "a=1").stdout == f"namespace/{namespace} labeled\n"
    assert cluster.kubectl("annotate", "ns", namespace, "b=1").stdout == f"namespace/{namespace} annotated\n"
    found = api.get(f"/api/v1/namespaces/{namespace}").at("metadata")
    assert (found["labels"]["a"], found["annotations"]["b"]) == ("1", "1")
    assert "kubectl-label" in [name for name, _ in managers(api.get(f"/api/v1/namespaces/{namespace}").obj())]


def test_wait_for_a_condition(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name, {"version": "v1"})).obj()
    late = cluster.kubectl("wait", f"widget/{name}", "--for=condition=Ready", "--timeout=0.2s", code=1)
    assert f"timed out waiting for the condition on widgets/{name}" in late.stderr
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    api.patch(f"{WIDGETS}/{name}/status", ready).obj()
    met = cluster.kubectl("wait", f"widget/{name}", "--for=condition=Ready", "--timeout=5s")
    assert met.stdout == f"widget.contract.example.com/{name} condition met\n"


def test_get_prints_a_table(cluster: Cluster, api: Asker, namespace: str) -> None:
    api.post(core(namespace, "secrets"), {"metadata": {"name": "x"}}).obj()
    lines = cluster.kubectl("get", "secrets", "-n", namespace).stdout.splitlines()
    assert lines[0].split() == ["NAME", "TYPE", "DATA", "AGE"]
    assert lines[1].split()[:3] == ["x", "Opaque", "0"]
    name = cluster.fresh("w")
    cluster.kubectl("create", "-f", "-", stdin=text(widget(name)))
    assert f"widget.contract.example.com/{name}" in cluster.kubectl("get", "wd", "-o", "name").stdout.splitlines()
    nothing = cluster.kubectl("get", "deployments", "-n", namespace)
    assert nothing.stderr == f"No resources found in {namespace} namespace.\n"


def test_an_invalid_object_in_kubectls_words(cluster: Cluster) -> None:
    name = cluster.fresh("w")
    failed = cluster.kubectl("apply", "-f", "-", stdin=text(widget(name, {"version": "v9"})), code=1)
    assert failed.stderr == (
        f'The Widget "{name}" is invalid: \n'
        '* spec.version: Unsupported value: "v9": supported values: "v2", "v1"\n'
        "* <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
        "correct the existing errors to complete validation\n"
    )


def test_an_unknown_field_in_kubectls_words(cluster: Cluster) -> None:
    name = cluster.fresh("w")
    failed = cluster.kubectl("create", "-f", "-", stdin=text(widget(name, {"odd": 1})), code=1)
    assert 'strict decoding error: unknown field "spec.odd"' in failed.stderr


def test_a_dry_run(cluster: Cluster, api: Asker, namespace: str) -> None:
    done = cluster.kubectl(
        "apply",
        "--dry-run=server",
        "-n",
        namespace,
        "-f",
        "-",
        stdin=text({**deployment(), "spec": deployment()["spec"]}),
    )
    assert done.stdout == "deployment.apps/x created (server dry run)\n"
    assert api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/x").status == 404


def test_delete_waits_until_it_is_gone(cluster: Cluster, api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map()).obj()
    done = cluster.kubectl("delete", "configmap", "x", "-n", namespace)
    assert done.stdout.startswith('configmap "x" deleted')
    api.post(maps(namespace), config_map(finalizers=["example.com/hold"])).obj()
    late = cluster.kubectl("delete", "configmap", "x", "-n", namespace, "--timeout=0.3s", code=1)
    assert "timed out waiting for the condition on configmaps/x" in late.stderr
    api.patch(maps(namespace, "x"), {"metadata": {"finalizers": None}}).obj()
    foreground = {"metadata": {"name": "owner"}}
    api.post(maps(namespace), foreground).obj()
    cluster.kubectl("delete", "configmap", "owner", "-n", namespace, "--cascade=foreground", "--timeout=20s")


def test_what_may_i(cluster: Cluster) -> None:
    assert cluster.kubectl("auth", "can-i", "create", "deployments").stdout == "yes\n"
    nobody = cluster.kubectl("auth", "can-i", "create", "deployments", "--as", "nobody", code=1)
    assert nobody.stdout == "no\n"
    assert "admin" in cluster.kubectl("auth", "whoami").stdout
