"""Lists: selectors, pages, versions."""

import pytest

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster
from tests.contract.manifests import WIDGETS, config_map, core, maps, pod, widget


@pytest.fixture
def letters(api: Asker, namespace: str) -> str:
    """A namespace with the ConfigMaps a, b, c, d."""
    for name, labels in (("a", {"l": "1", "m": "x"}), ("b", {"l": "2"}), ("c", {"l": "1"}), ("d", {})):
        api.post(maps(namespace), config_map(name, labels=labels)).obj()
    return namespace


def mine(names: list[str]) -> list[str]:
    return [name for name in names if name != "kube-root-ca.crt"]


def test_a_list(api: Asker, letters: str) -> None:
    listed = api.get(maps(letters))
    assert (listed.at("kind"), listed.at("apiVersion")) == ("ConfigMapList", "v1")
    assert set(listed.body) == {"kind", "apiVersion", "metadata", "items"}
    assert set(listed.at("metadata")) == {"resourceVersion"}
    assert mine(listed.names) == ["a", "b", "c", "d"]
    assert all("kind" not in item and "apiVersion" not in item for item in listed.at("items"))


def test_an_empty_list(api: Asker, namespace: str) -> None:
    assert api.get(core(namespace, "secrets")).at("items") == []
    assert api.get(core("nowhere", "secrets")).at("items") == []


def test_items_of_custom_resources_say_what_they_are(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    api.post(WIDGETS, widget(name)).obj()
    listed = api.get(WIDGETS)
    assert listed.at("kind") == "WidgetList"
    assert all((one["kind"], one["apiVersion"]) == ("Widget", "contract.example.com/v1") for one in listed.at("items"))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("l=1", "ac"),
        ("l==1", "ac"),
        ("l!=1", "bd"),
        ("l", "abc"),
        ("!l", "d"),
        ("l in (1,2)", "abc"),
        ("l notin (1)", "bd"),
        ("l=1,m=x", "a"),
        ("l=1,!m", "c"),
        ("l in (1), m notin (y)", "ac"),
        ("nothing", ""),
        ("", "abcd"),
    ],
)
def test_label_selectors(api: Asker, letters: str, selector: str, names: str) -> None:
    assert mine(api.get(maps(letters), labelSelector=selector).names) == list(names)


def test_a_label_selector_that_cannot_be_read(api: Asker, letters: str) -> None:
    refused = api.get(maps(letters), labelSelector="a in b")
    assert (refused.status, refused.reason) == (400, "BadRequest")
    assert refused.message.startswith("unable to parse requirement:")


@pytest.mark.parametrize(
    ("selector", "names"),
    [("metadata.name=b", "b"), ("metadata.name!=b", "acd"), ("metadata.name=a,metadata.namespace=nowhere", "")],
)
def test_field_selectors(api: Asker, letters: str, selector: str, names: str) -> None:
    assert mine(api.get(maps(letters), fieldSelector=selector).names) == list(names)


def test_a_field_that_cannot_be_selected_by(api: Asker, letters: str) -> None:
    refused = api.get(maps(letters), fieldSelector="data.a=1")
    assert refused.refused == (
        400,
        "BadRequest",
        '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
    )


def test_pods_are_selected_by_phase_and_node(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace(furnished=True)
    api.post(core(namespace, "pods"), pod()).obj()
    path = core(namespace, "pods")
    assert api.get(path, fieldSelector="status.phase=Pending,spec.nodeName=").names == ["x"]
    assert api.get(path, fieldSelector="status.phase=Running").names == []


def test_pages(api: Asker, letters: str) -> None:
    path, chosen = maps(letters), "!other"
    first = api.get(path, limit=2)
    assert first.names == ["a", "b"]
    assert first.at("metadata", "remainingItemCount") in (2, 3)
    second = api.get(path, limit=2, **{"continue": first.at("metadata", "continue")})
    third = (
        api.get(path, limit=2, **{"continue": second.at("metadata", "continue")})
        if second.at("metadata", "continue")
        else None
    )
    assert mine(second.names + (third.names if third else [])) == ["c", "d"]
    assert second.version == first.version
    whole = api.get(path, limit=500, labelSelector=chosen)
    assert "continue" not in whole.at("metadata")


def test_what_is_written_between_pages_is_not_seen(api: Asker, letters: str) -> None:
    path = maps(letters)
    first = api.get(path, limit=2)
    api.post(path, config_map("bb")).obj()
    second = api.get(path, limit=500, **{"continue": first.at("metadata", "continue")})
    assert mine(second.names) == ["c", "d"]


def test_a_page_of_nonsense(api: Asker, letters: str) -> None:
    refused = api.get(maps(letters), limit=2, **{"continue": "nonsense"})
    assert (refused.status, refused.reason) == (400, "BadRequest")
    assert refused.message.startswith("invalid continue token: continue key is not valid:")


def test_lists_have_the_version_of_the_cluster(api: Asker, letters: str) -> None:
    before = int(api.get(maps(letters)).version)
    made = api.post(core(letters, "secrets"), {"metadata": {"name": "x"}})
    assert int(api.get(maps(letters)).version) >= int(made.version) > before


def test_a_list_across_namespaces(api: Asker, letters: str) -> None:
    listed = api.get("/api/v1/configmaps", labelSelector="l=2", fieldSelector=f"metadata.namespace={letters}")
    assert [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in listed.at("items")] == [(letters, "b")]


def test_an_object_that_is_not_there(api: Asker, namespace: str) -> None:
    missing = api.get(maps(namespace, "x"))
    assert missing.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "x" not found',
        "reason": "NotFound",
        "details": {"name": "x", "kind": "configmaps"},
        "code": 404,
    }
    custom = api.get(f"{WIDGETS}/absent")
    assert custom.message == 'widgets.contract.example.com "absent" not found'
    assert custom.body["details"] == {"name": "absent", "group": "contract.example.com", "kind": "widgets"}


def test_deleting_a_collection(api: Asker, letters: str) -> None:
    done = api.delete(maps(letters), labelSelector="l=1")
    assert done.status == 200
    assert mine(api.get(maps(letters)).names) == ["b", "d"]
