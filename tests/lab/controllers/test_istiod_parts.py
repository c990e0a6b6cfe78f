"""istiod's decisions, as tables."""

import base64
import json
from typing import Any

import pytest
import yaml

from meshctl.lab.controllers import istiod_injection, istiod_leading, istiod_remotes, istiod_validation
from meshctl.lab.controllers.istiod_remotes import Access, MalformedError, Registration, access, registrations
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.istiods import Istiod, Istiods, Remote, Sync
from meshctl.lab.sites import Site, World
from meshctl.names import CONTROL_PLANE_CLUSTERS, NETWORK_LABEL, SIDECAR_STATUS
from meshctl.objects import Manifest, dig
from tests.lab.fake_api import FakeCluster
from tests.lab.static_mesh import istiod_pod, obj


def kubeconfig(server: str = "https://172.18.2.2:6443", **user: Any) -> Manifest:
    return {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def encoded(document: Any) -> str:
    return base64.b64encode((document if isinstance(document, str) else yaml.safe_dump(document)).encode()).decode()


def secret(name: str, created: str = "1", label: str = "true", **data: str) -> Manifest:
    meta = {"labels": {"istio/multiCluster": label}, "creationTimestamp": created}
    return obj("v1", "Secret", name, "istio-system", metadata=meta, data=data)


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ([secret("a", cluster2="x")], {"cluster2": "a"}),
        ([secret("a", cluster2="x", cluster3="y")], {"cluster2": "a", "cluster3": "a"}),
        ([secret("a", label="false", cluster2="x")], {}),
        ([secret("a", cluster1="x")], {}),
        ([secret("b", "1", cluster2="x"), secret("a", "2", cluster2="y")], {"cluster2": "b"}),
        ([secret("a", cluster9="x")], {"cluster9": "a"}),
    ],
)
def test_which_secret_speaks_for_a_cluster(secrets: list[Manifest], expected: dict[str, str]) -> None:
    found = registrations(secrets, "cluster1", {})
    assert {key: entry.secret for key, entry in found.items()} == {k: f"istio-system/{v}" for k, v in expected.items()}


def test_who_came_first_stays() -> None:
    before = {"cluster2": Registration("cluster2", "istio-system/b", "x")}
    both = [secret("a", "1", cluster2="y"), secret("b", "2", cluster2="z")]

    assert registrations(both, "cluster1", before)["cluster2"] == Registration("cluster2", "istio-system/b", "z")
    assert registrations(both[:1], "cluster1", before)["cluster2"].secret == "istio-system/a"


def test_a_kubeconfig() -> None:
    assert access(encoded(kubeconfig(token="t"))) == Access("https://172.18.2.2:6443", "t")


@pytest.mark.parametrize(
    "document",
    [
        "[unbalanced",
        "just text",
        {**kubeconfig(), "current-context": "other"},
        kubeconfig(server=""),
        kubeconfig(exec={"command": "aws"}),
        kubeconfig(tokenFile="/token"),
    ],
)
def test_a_malformed_kubeconfig(document: Any) -> None:
    with pytest.raises(MalformedError):
        access(encoded(document))


@pytest.mark.parametrize(
    ("server", "fault", "expected"),
    [
        ("https://172.18.2.2:6443", "", "west"),
        ("https://172.18.1.2:6443", "", "east"),
        ("https://127.0.0.1:6443", "", None),
        ("https://172.18.2.2:443", "", None),
        ("http://172.18.2.2:6443", "", None),
        ("https://172.18.9.9:6443", "", None),
        ("https://172.18.2.2:6443", "api-hidden", None),
        ("https://172.18.2.2:6443", "api-down", None),
    ],
)
def test_where_a_server_url_leads(server: str, fault: str, expected: str | None) -> None:
    cluster = FakeCluster()
    sites = (Site("east", "172.18.1.2", cluster.api), Site("west", "172.18.2.2", cluster.api))
    world = World(sites, Delays(), Faults([Fault(fault, cluster="west")] if fault else []))
    found = istiod_remotes.destination(world, server)
    assert (found.context if found else None) == expected


@pytest.mark.parametrize(
    ("annotation", "external", "expected"),
    [
        ("cluster1", True, True),
        ("*", True, True),
        ("other,cluster1", True, True),
        ("other, cluster1", True, False),
        ("other", True, False),
        (None, True, False),
        ("cluster1", False, False),
    ],
)
def test_whether_istiod_leads(annotation: str | None, external: bool, expected: bool) -> None:
    meta = {"annotations": {CONTROL_PLANE_CLUSTERS: annotation}} if annotation else {}
    istiod = Istiod("east", "istio-system", "p", "u", "cluster1", "default", external=external)
    assert istiod_remotes.leads(obj("v1", "Namespace", "istio-system", metadata=meta), istiod) is expected
    assert not istiod_remotes.leads(None, istiod)


def webhooks(revision: str = "default", *names: str) -> Manifest:
    hooks = [
        {"name": name, "clientConfig": {"service": {"name": "istiod"}}, "failurePolicy": "Ignore"} for name in names
    ]
    return {"metadata": {"labels": {"istio.io/rev": revision}}, "webhooks": hooks}


def test_whose_webhooks_istiod_patches() -> None:
    bundle = base64.b64encode(b"ROOT").decode()
    ours = webhooks("default", "object.sidecar-injector.istio.io", "other.example.org")

    new = istiod_leading.patched(ours, "ROOT", "default", policy=False)
    assert new is not None
    assert [dig(w, "clientConfig", "caBundle") for w in new["webhooks"]] == [bundle, None]
    assert istiod_leading.patched(new, "ROOT", "default", policy=False) is None
    assert istiod_leading.patched(ours, "ROOT", "canary", policy=False) is None

    validator = istiod_leading.patched(webhooks("default", "validation.istio.io"), "ROOT", "default", policy=True)
    assert validator is not None
    assert validator["webhooks"][0]["failurePolicy"] == "Fail"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/inject", {}),
        (
            "/inject/cluster/cluster2/net/network2",
            {"ISTIO_META_CLUSTER_ID": "cluster2", "ISTIO_META_NETWORK": "network2"},
        ),
        ("/inject/cluster/a--slash--b/foo/bar", {"ISTIO_META_CLUSTER_ID": "a/b", "FOO": "bar"}),
        ("/inject/cluster", {}),
    ],
)
def test_what_the_path_asks_for(path: str, expected: dict[str, str]) -> None:
    assert istiod_injection.path_variables(path) == expected


def config(*, sysctls: bool = True, **pilot: Any) -> Manifest:
    template = "sysctls:\n- name: net.ipv4.ip_unprivileged_port_start\n" if sysctls else "sysctls: []\n"
    values = {"global": {"meshID": "mesh1", "network": "network1"}, "pilot": pilot}
    data = {"values": json.dumps(values), "config": yaml.safe_dump({"templates": {"gateway": template}})}
    return obj("v1", "ConfigMap", "istio-sidecar-injector", "istio-system", data=data)


VENDOR: dict[str, Any] = {"cni": {"enabled": True, "provider": "multus"}}


def pod(*, gateway: bool, labels: dict[str, str] | None = None) -> Manifest:
    annotations = {"inject.istio.io/templates": "gateway"} if gateway else {}
    container = {"name": "istio-proxy" if gateway else "app", "image": "auto" if gateway else "app:1"}
    meta = {"labels": labels or {}, "annotations": annotations, "generateName": "app-5d9c-"}
    return {"metadata": meta, "spec": {"containers": [container]}}


def env_of(container: Manifest) -> dict[str, str]:
    return {e["name"]: e.get("value", "") for e in container["env"]}


def injected(original: Manifest, path: str = "/inject", *, sysctls: bool = True, **pilot: Any) -> Manifest:
    chosen = istiod_injection.settings(istiod_pod(), config(sysctls=sysctls, **pilot))
    return istiod_injection.inject(original, chosen, istiod_injection.path_variables(path))


def test_a_gateway_pod_is_completed() -> None:
    original = pod(gateway=True, labels={"app": "gw", NETWORK_LABEL: "network2"})
    new = injected(original, "/inject/cluster/cluster2/net/other", **VENDOR)

    proxy = new["spec"]["containers"][0]
    assert (proxy["image"], proxy["readinessProbe"]["httpGet"]["port"]) == ("hub.test/proxyv2:1.28.6", 15021)
    env = env_of(proxy)
    assert (env["ISTIO_META_CLUSTER_ID"], env["ISTIO_META_NETWORK"]) == ("cluster2", "network2")
    assert env["ISTIO_META_MESH_ID"] == "mesh1"
    assert new["spec"]["securityContext"]["sysctls"][0]["value"] == "0"
    assert new["metadata"]["annotations"]["istio.io/rev"] == "default"
    status = json.loads(new["metadata"]["annotations"][SIDECAR_STATUS])
    assert (status["containers"], status["revision"]) == (["istio-proxy"], "default")
    assert "initContainers" not in new["spec"]
    assert original == pod(gateway=True, labels={"app": "gw", NETWORK_LABEL: "network2"})


def test_old_kernels_get_no_sysctl_when_the_template_has_none() -> None:
    assert "securityContext" not in injected(pod(gateway=True), sysctls=False, **VENDOR)["spec"]


@pytest.mark.parametrize(
    ("pilot", "first", "networks"),
    [(VENDOR, "istio-validation", "default/istio-cni"), ({}, "istio-init", None)],
)
def test_a_workload_gets_a_native_sidecar(pilot: dict[str, Any], first: str, networks: str | None) -> None:
    new = injected(pod(gateway=False, labels={"app": "sleep", "version": "v9"}), **pilot)

    inits = new["spec"]["initContainers"]
    assert [c["name"] for c in inits] == [first, "istio-proxy"]
    assert inits[1]["restartPolicy"] == "Always"
    assert env_of(inits[1])["ISTIO_META_CLUSTER_ID"] == "cluster1"
    assert [c["name"] for c in new["spec"]["containers"]] == ["app"]
    labels = new["metadata"]["labels"]
    assert (labels[NETWORK_LABEL], labels["service.istio.io/canonical-revision"]) == ("network1", "v9")
    assert new["metadata"]["annotations"].get("k8s.v1.cni.cncf.io/networks") == networks


@pytest.mark.parametrize(
    ("change", "namespace", "expected"),
    [
        ({}, "sample", True),
        ({}, "kube-system", False),
        ({"labels": {"sidecar.istio.io/inject": "false"}}, "sample", False),
        ({"annotations": {"sidecar.istio.io/inject": "false"}}, "sample", False),
        ({"annotations": {SIDECAR_STATUS: "{}"}}, "sample", False),
    ],
)
def test_who_is_injected(change: Manifest, namespace: str, expected: bool) -> None:
    assert istiod_injection.wanted({"metadata": change, "spec": {}}, namespace) is expected
    assert not istiod_injection.wanted({"metadata": change, "spec": {"hostNetwork": True}}, namespace)


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("Gateway", {"servers": [{"hosts": ["*"], "port": {"number": 80}}]}, ""),
        ("Gateway", {}, "gateway must have at least one server"),
        ("Gateway", {"servers": [{"port": {"number": 80}}]}, "server config must contain at least one host"),
        ("Gateway", {"servers": [{"hosts": ["*"], "port": {"number": 0}}]}, "port number 0 must be in the range"),
        ("VirtualService", {"hosts": ["*"], "tls": [{}]}, ""),
        ("VirtualService", {"tls": [{}]}, "virtual service must have at least one host"),
        ("VirtualService", {"hosts": ["*"]}, "http, tcp or tls must be provided"),
        ("PeerAuthentication", {}, ""),
    ],
)
def test_validation(kind: str, spec: Manifest, text: str) -> None:
    request = {"uid": "1", "operation": "CREATE", "object": {"kind": kind, "spec": spec}}
    response = istiod_validation.answer({"apiVersion": "admission.k8s.io/v1", "request": request})["response"]
    assert response["allowed"] is not bool(text)
    assert text in dig(response, "status", "message") if text else "status" not in response


def test_who_is_admitted() -> None:
    istiod = Istiod("east", "istio-system", "p", "u", "cluster1", "default")
    istiod.remotes["cluster9"] = Remote("cluster9", "s", Sync.SYNCED, "west", usable=True)

    assert istiod.admits("east", "cluster1")
    assert istiod.admits("west", "cluster9")
    assert not istiod.admits("west", "cluster2"), "the remote secret has another name"
    assert not istiod.admits("west", "cluster1")
    istiod.remotes["cluster9"].usable = False
    assert not istiod.admits("west", "cluster9"), "its credentials do not work"


def test_what_a_dead_istiod_knew_stays_known_until_the_next_starts() -> None:
    istiods = Istiods()
    old = Istiod("east", "istio-system", "old", "u1", "cluster1", "default")
    old.remotes["cluster2"] = Remote("cluster2", "s", Sync.SYNCED, "west", usable=True)
    istiods.started(old)
    istiods.ended("u1")

    assert istiods.at("east") == []
    assert istiods.governing("west") is old
    istiods.started(Istiod("east", "istio-system", "new", "u2", "cluster1", "default"))
    assert istiods.governing("west") is None
