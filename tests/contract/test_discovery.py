"""What kubectl and clients ask before anything else: versions, kinds, tables."""

import pytest

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster
from tests.contract.manifests import WIDGETS, apps, config_map, core, deployment, maps, service, widget

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
PARTIAL = {"Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"}


def test_the_version(api: Asker) -> None:
    version = api.get("/version").body
    assert (version["major"], version["minor"]) == ("1", "34")
    assert version["gitVersion"].startswith("v1.34.")
    assert {"gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform"} <= set(version)
    assert version["emulationMinor"] == "34"


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/healthz"])
def test_health(api: Asker, path: str) -> None:
    answer = api.get(path)
    assert (answer.status, answer.body) == (200, "ok")


def test_groups_and_their_resources(api: Asker) -> None:
    assert api.get("/api").at("versions") == ["v1"]
    groups = api.get("/apis")
    assert groups.at("kind") == "APIGroupList"
    names = [group["name"] for group in groups.at("groups")]
    wanted = {"apps", "rbac.authorization.k8s.io", "coordination.k8s.io", "contract.example.com", "autoscaling"}
    assert wanted <= set(names)
    group = api.get("/apis/contract.example.com").body
    assert group["kind"] == "APIGroup"
    assert group["preferredVersion"] == {"groupVersion": "contract.example.com/v1", "version": "v1"}


@pytest.mark.parametrize(
    ("path", "plural"),
    [
        ("/api/v1", "pods"),
        ("/api/v1", "namespaces"),
        ("/api/v1", "services"),
        ("/apis/apps/v1", "deployments"),
        ("/apis/coordination.k8s.io/v1", "leases"),
        ("/apis/contract.example.com/v1", "widgets"),
        ("/apis/admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations"),
    ],
)
def test_resources(api: Asker, path: str, plural: str) -> None:
    known = {
        "pods": ("Pod", True, ["po"], ["all"]),
        "namespaces": ("Namespace", False, ["ns"], None),
        "services": ("Service", True, ["svc"], ["all"]),
        "deployments": ("Deployment", True, ["deploy"], ["all"]),
        "leases": ("Lease", True, None, None),
        "widgets": ("Widget", False, ["wd"], None),
        "mutatingwebhookconfigurations": ("MutatingWebhookConfiguration", False, None, ["api-extensions"]),
    }
    listed = api.get(path)
    assert listed.at("kind") == "APIResourceList"
    entries = {entry["name"]: entry for entry in listed.at("resources")}
    entry = entries[plural]
    assert (entry["kind"], entry["namespaced"], entry.get("shortNames"), entry.get("categories")) == known[plural]
    assert entry["singularName"] == known[plural][0].lower()
    verbs = {"create", "delete", "get", "list", "patch", "update", "watch"}
    assert verbs <= set(entry["verbs"])
    if plural not in ("leases", "mutatingwebhookconfigurations"):
        assert {"get", "patch", "update"} <= set(entries[f"{plural}/status"]["verbs"])


def test_all_resources_at_once(api: Asker) -> None:
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    for path in ("/api", "/apis"):
        found = api.ask("GET", path, headers=accept)
        assert found.at("kind") == "APIGroupDiscoveryList"
        assert found.at("apiVersion") == "apidiscovery.k8s.io/v2"
        resources = {
            (item["metadata"].get("name", ""), one["resource"]): one
            for item in found.at("items")
            for version in item["versions"]
            for one in version["resources"]
        }
        if path == "/apis":
            entry = resources["contract.example.com", "widgets"]
            assert entry["scope"] == "Cluster"
            assert entry["responseKind"] == {"group": "contract.example.com", "version": "v1", "kind": "Widget"}
            assert [part["subresource"] for part in entry["subresources"]] == ["status"]
        else:
            assert resources["", "pods"]["scope"] == "Namespaced"


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("/api/v1/namespaces", ["Name", "Status", "Age"]),
        (
            "/api/v1/pods",
            ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"],
        ),
        ("/api/v1/services", ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector"]),
        ("/api/v1/configmaps", ["Name", "Data", "Age"]),
        ("/api/v1/secrets", ["Name", "Type", "Data", "Age"]),
        ("/api/v1/serviceaccounts", ["Name", "Secrets", "Age"]),
        (
            "/api/v1/nodes",
            [
                "Name",
                "Status",
                "Roles",
                "Age",
                "Version",
                "Internal-IP",
                "External-IP",
                "OS-Image",
                "Kernel-Version",
                "Container-Runtime",
            ],
        ),
        (
            "/api/v1/events",
            ["Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message", "First Seen", "Count", "Name"],
        ),
        (
            "/apis/apps/v1/deployments",
            ["Name", "Ready", "Up-to-date", "Available", "Age", "Containers", "Images", "Selector"],
        ),
        (
            "/apis/apps/v1/replicasets",
            ["Name", "Desired", "Current", "Ready", "Age", "Containers", "Images", "Selector"],
        ),
        (
            "/apis/apps/v1/daemonsets",
            [
                "Name",
                "Desired",
                "Current",
                "Ready",
                "Up-to-date",
                "Available",
                "Node Selector",
                "Age",
                "Containers",
                "Images",
                "Selector",
            ],
        ),
        ("/apis/coordination.k8s.io/v1/leases", ["Name", "Holder", "Age"]),
        ("/apis/discovery.k8s.io/v1/endpointslices", ["Name", "AddressType", "Ports", "Endpoints", "Age"]),
        ("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", ["Name", "Webhooks", "Age"]),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", ["Name", "Created At"]),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles", ["Name", "Created At"]),
        (
            "/apis/rbac.authorization.k8s.io/v1/rolebindings",
            ["Name", "Role", "Age", "Users", "Groups", "ServiceAccounts"],
        ),
        (
            "/apis/autoscaling/v2/horizontalpodautoscalers",
            ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"],
        ),
        (
            "/apis/policy/v1/poddisruptionbudgets",
            ["Name", "Min Available", "Max Unavailable", "Allowed Disruptions", "Age"],
        ),
        (WIDGETS, ["Name", "Version", "Ready", "Age"]),
    ],
)
def test_the_columns_of_tables(api: Asker, path: str, columns: list[str]) -> None:
    table = api.ask("GET", path, headers=TABLE)
    assert (table.at("kind"), table.at("apiVersion")) == ("Table", "meta.k8s.io/v1")
    assert [column["name"] for column in table.at("columnDefinitions")] == columns
    assert {"name", "type", "format", "description", "priority"} == set(table.at("columnDefinitions", 0))


def test_the_rows_of_tables(cluster: Cluster, api: Asker, namespace: str) -> None:
    api.post(core(namespace, "services"), service(type="LoadBalancer", ports=[{"port": 80}], selector={"a": "b"})).obj()
    table = api.ask("GET", core(namespace, "services"), headers=TABLE)
    (row,) = table.at("rows")
    cells = row["cells"]
    assert (cells[0], cells[1], cells[3], cells[6]) == ("x", "LoadBalancer", "<pending>", "a=b")
    assert cells[4].startswith("80:3")
    assert row["object"]["kind"] == "PartialObjectMetadata"
    api.post(apps(namespace, "deployments"), deployment(replicas=0)).obj()
    (row,) = api.ask("GET", apps(namespace, "deployments"), headers=TABLE).at("rows")
    assert row["cells"][:4] == ["x", "0/0", 0, 0]
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name, {"version": "v1"})).obj()
    one = api.ask("GET", f"{WIDGETS}/{name}", headers=TABLE)
    assert one.at("rows", 0, "cells")[:3] == [name, "v1", None]


def test_metadata_alone(api: Asker, namespace: str) -> None:
    made = api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    found = api.ask("GET", maps(namespace, "x"), headers=PARTIAL).body
    assert found == {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"]}


def test_the_openapi_index(api: Asker) -> None:
    paths = api.get("/openapi/v3").at("paths")
    assert {"api/v1", "apis/apps/v1"} <= set(paths)
