"""Watches: how they begin, what they tell, how they end."""

import time

import pytest

from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import DEFINITIONS, WIDGETS, config_map, core, maps, widget, widget_definition

ONE = "metadata.name=x"


def test_list_then_watch_sees_every_change_after_the_list(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.post(maps(namespace), config_map()).obj()
    since = api.get(maps(namespace), fieldSelector=ONE).version
    changed = api.patch(path, {"data": {"a": "1"}}).obj()
    with api.watch(maps(namespace), resourceVersion=since, fieldSelector=ONE) as watch:
        assert watch.next() == ("MODIFIED", changed)
        api.delete(path)
        kind, last = watch.next()
        assert (kind, last["data"]) == ("DELETED", {"a": "1"})
        made = api.post(maps(namespace), config_map()).obj()
        assert watch.next() == ("ADDED", made)


def test_a_deletion_has_the_last_state_and_a_version_of_its_own(api: Asker, namespace: str) -> None:
    made = api.post(maps(namespace), config_map(data={"a": "1"})).obj()
    with api.watch(maps(namespace), resourceVersion=made["metadata"]["resourceVersion"], fieldSelector=ONE) as watch:
        api.delete(maps(namespace, "x"))
        kind, last = watch.next()
    assert kind == "DELETED"
    assert int(last["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    last["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert last == made


@pytest.mark.parametrize("version", ["", "0"])
def test_without_a_version_a_watch_begins_with_what_is_there(api: Asker, namespace: str, version: str) -> None:
    made = [api.post(maps(namespace), config_map(name, labels={"l": "1"})).obj() for name in "ab"]
    begun = api.watch(maps(namespace), labelSelector="l=1", resourceVersion=version)
    with begun as watch:
        assert watch.next() == ("ADDED", made[0])
        assert watch.next() == ("ADDED", made[1])
        api.post(maps(namespace), config_map("c", labels={"l": "1"})).obj()
        assert watch.names(1) == [("ADDED", "c")]


def test_objects_come_and_go_as_labels_change(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    since = api.post(maps(namespace), config_map(labels={"l": "2"}, data={"a": "1"})).version
    with api.watch(maps(namespace), resourceVersion=since, labelSelector="l=1") as watch:
        api.patch(path, {"metadata": {"labels": {"l": "1"}}}).obj()
        kind, obj = watch.next()
        assert (kind, obj["metadata"]["labels"]) == ("ADDED", {"l": "1"})
        api.patch(path, {"data": {"a": "2"}}).obj()
        assert watch.next()[0] == "MODIFIED"
        left = api.patch(path, {"metadata": {"labels": {"l": "3"}}, "data": {"a": "3"}}).obj()
        kind, obj = watch.next()
        # the state that still matched, with the version of the change that made it leave
        assert (kind, obj["metadata"]["labels"], obj["data"]) == ("DELETED", {"l": "1"}, {"a": "2"})
        assert obj["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]


def test_a_watch_ends_by_itself(api: Asker, namespace: str) -> None:
    started = time.monotonic()
    with api.watch(maps(namespace), resourceVersion=api.get(maps(namespace)).version, timeoutSeconds=1) as watch:
        assert [kind for kind, obj in watch.rest() if obj["metadata"].get("name") == "x"] == []
    assert 0.8 < time.monotonic() - started < 5


def test_bookmarks_tell_how_far_a_watch_has_come(api: Asker, cluster: Cluster) -> None:
    name = cluster.fresh("w")
    since = api.post(WIDGETS, widget(name)).version
    one = f"metadata.name={name}"
    with api.watch(
        WIDGETS, resourceVersion=since, timeoutSeconds=1, allowWatchBookmarks=True, fieldSelector=one
    ) as watch:
        events = watch.rest()
    for kind, mark in events:  # when they come is the server's affair
        assert kind == "BOOKMARK"
        assert (mark["kind"], mark["apiVersion"]) == ("Widget", "contract.example.com/v1")
        assert int(mark["metadata"]["resourceVersion"]) >= int(since)
        assert set(mark["metadata"]) <= {"resourceVersion", "creationTimestamp"}


def test_the_initial_events_end_with_a_bookmark(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map()).obj()
    with api.watch(
        maps(namespace),
        fieldSelector=ONE,
        sendInitialEvents=True,
        allowWatchBookmarks=True,
        resourceVersionMatch="NotOlderThan",
    ) as watch:
        assert watch.names(1) == [("ADDED", "x")]
        kind, mark = watch.next()
    assert kind == "BOOKMARK"
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_initial_events_without_saying_which(api: Asker, namespace: str) -> None:
    refused = api.get(maps(namespace), watch=True, sendInitialEvents=True)
    assert refused.refused == (
        422,
        "Invalid",
        (
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: '
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        ),
    )


def test_a_version_that_has_left_the_history(cluster: Cluster, api: Asker) -> None:
    definition = widget_definition()
    group = f"{cluster.fresh('old')}.example.com"
    definition["metadata"]["name"] = f"widgets.{group}"
    definition["spec"]["group"] = group
    api.post(DEFINITIONS, definition).obj()
    path = f"/apis/{group}/v1/widgets"
    eventually(lambda: api.get(path).status == 200)
    with api.watch(path, resourceVersion="1") as watch:
        events = watch.rest()
    assert [kind for kind, _ in events] == ["ERROR"]
    status = events[0][1]
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")
    assert status["message"].startswith("too old resource version: 1 (")
    assert "details" not in status


def test_a_version_that_is_no_number(api: Asker, namespace: str) -> None:
    refused = api.get(maps(namespace), watch=True, resourceVersion="nonsense")
    assert refused.status >= 400


def test_one_object_is_watched_by_its_name(api: Asker, namespace: str) -> None:
    since = api.get(maps(namespace)).version
    with api.watch(maps(namespace), resourceVersion=since, fieldSelector="metadata.name=b") as watch:
        for name in "abc":
            api.post(maps(namespace), config_map(name)).obj()
        api.delete(maps(namespace, "b"))
        assert watch.names(2) == [("ADDED", "b"), ("DELETED", "b")]


def test_a_finalizer_shows_as_a_change(api: Asker, namespace: str) -> None:
    since = api.post(maps(namespace), config_map(finalizers=["example.com/hold"])).version
    with api.watch(maps(namespace), resourceVersion=since, fieldSelector=ONE) as watch:
        api.delete(maps(namespace, "x"))
        kind, obj = watch.next()
        assert kind == "MODIFIED"
        assert obj["metadata"]["deletionTimestamp"]
        api.patch(maps(namespace, "x"), {"metadata": {"finalizers": None}})
        kind, obj = watch.next()
        assert kind == "DELETED"
        assert obj["metadata"]["finalizers"] == ["example.com/hold"]  # the last state that was stored


def test_a_watch_as_a_table(api: Asker, namespace: str) -> None:
    api.post(core(namespace, "secrets"), {"metadata": {"name": "x"}}).obj()
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    with api.watch(core(namespace, "secrets"), headers=accept) as watch:
        kind, table = watch.next()
    assert (kind, table["kind"]) == ("ADDED", "Table")
    assert table["rows"][0]["cells"][:2] == ["x", "Opaque"]
