"""Watches: over HTTP and in the process."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshctl.lab.api import Change
from meshctl.lab.apiserver.hooks import Hooks
from meshctl.lab.apiserver.status import StatusError
from meshctl.lab.apiserver.store import Store
from meshctl.names import CONFIG_MAP, ISTIO_CNI
from meshctl.objects import Kind, Manifest, Ref
from tests.lab.apiserver import definitions
from tests.lab.apiserver.serving import CONFIG_MAPS, MERGE, Served, config_map, on_cluster

WATCH = f"{CONFIG_MAPS}?watch=true"


async def _take(events: AsyncIterator[Manifest], count: int) -> list[tuple[str, str]]:
    found = []
    async for event in events:
        found.append((event["type"], event["object"]["metadata"].get("name", "")))
        if len(found) == count:
            break
    return found


def _labelled(name: str, value: str) -> Manifest:
    obj = config_map(name)
    obj["metadata"]["labels"] = {"on": value}
    return obj


def test_a_watch_tells_what_is_there_and_what_changes() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", CONFIG_MAPS, config_map("a"))
        async with served.lines(WATCH) as events:
            assert await _take(events, 1) == [("ADDED", "a")]
            await served.ask("POST", CONFIG_MAPS, config_map("b"))
            await served.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, MERGE)
            await served.ask("DELETE", f"{CONFIG_MAPS}/b")
            assert await _take(events, 3) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]

    on_cluster(story)


def test_a_watch_goes_on_from_a_version() -> None:
    async def story(served: Served) -> None:
        first = await served.ask("POST", CONFIG_MAPS, config_map("a"))
        await served.ask("POST", CONFIG_MAPS, config_map("b"))
        version = first.body["metadata"]["resourceVersion"]
        async with served.lines(f"{WATCH}&resourceVersion={version}") as events:
            assert await _take(events, 1) == [("ADDED", "b")]

    on_cluster(story)


def test_selectors_turn_changes_into_comings_and_goings() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", CONFIG_MAPS, _labelled("a", "no"))
        async with served.lines(f"{WATCH}&labelSelector=on%3Dyes") as events:
            for value in ("yes", "no"):
                body = {"metadata": {"labels": {"on": value}}}
                await served.ask("PATCH", f"{CONFIG_MAPS}/a", body, MERGE)
            await served.ask("DELETE", f"{CONFIG_MAPS}/a")
            await served.ask("POST", CONFIG_MAPS, _labelled("b", "yes"))
            assert await _take(events, 3) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b")]
        async with served.lines(f"{WATCH}&fieldSelector=metadata.name%3Dc") as events:
            await served.ask("POST", CONFIG_MAPS, config_map("d"))
            await served.ask("POST", CONFIG_MAPS, config_map("c"))
            assert await _take(events, 1) == [("ADDED", "c")]

    on_cluster(story)


def test_an_end_of_the_initial_events_is_marked() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", CONFIG_MAPS, config_map("a"))
        query = "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion="
        async with served.lines(WATCH + query) as events:
            first, mark = await anext(events), await anext(events)
            assert (first["type"], mark["type"]) == ("ADDED", "BOOKMARK")
            assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}

    on_cluster(story)


def test_a_watch_ends_at_its_time_with_a_bookmark() -> None:
    async def story(served: Served) -> None:
        async with served.lines(f"{WATCH}&timeoutSeconds=1&allowWatchBookmarks=true&resourceVersion=1") as events:
            assert [event["type"] async for event in events] == ["BOOKMARK"]

    on_cluster(story)


def test_a_version_that_has_left_the_history_is_gone() -> None:
    async def story(served: Served) -> None:
        first = await served.ask("POST", CONFIG_MAPS, config_map("a"))
        await served.ask("POST", CONFIG_MAPS, config_map("b"))
        served.cluster.store.forget()
        version = first.body["metadata"]["resourceVersion"]
        async with served.lines(f"{WATCH}&resourceVersion={version}") as events:
            (gone,) = [event async for event in events]
        assert (gone["type"], gone["object"]["code"], gone["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert gone["object"]["message"].startswith(f"too old resource version: {version} (")

    on_cluster(story)


def test_the_history_is_limited() -> None:
    store = Store(window=3)
    for number in range(5):
        store.put("things", {"metadata": {"name": str(number)}}, ())
    versions = [event.snapshot.revision for event in store.since("things", store.revision - 3)]
    assert versions == [store.revision - 2, store.revision - 1, store.revision]
    with pytest.raises(StatusError, match="too old resource version"):
        store.since("things", store.revision - 4)


def test_watches_can_be_made_to_end_with_gone() -> None:
    async def story(served: Served) -> None:
        async with served.lines(f"{WATCH}&resourceVersion=1") as events:
            (gone,) = [event async for event in events]
        assert (gone["type"], gone["object"]["code"]) == ("ERROR", 410)

    on_cluster(story, Hooks(watch_lifetime=lambda: 0.01))


async def _first(api_watch: AsyncIterator[Change], count: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    async for change in api_watch:
        found.append((change.type, change.obj["metadata"]["name"]))
        if len(found) == count:
            break
    return found


def test_controllers_watch_without_http() -> None:
    async def story(served: Served) -> None:
        api = served.cluster.api("one")
        await api.create({**config_map("a"), "metadata": {"name": "a", "namespace": "default"}})
        watching = asyncio.create_task(_first(api.watch(CONFIG_MAP, "default"), 3))
        await asyncio.sleep(0)
        await served.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, MERGE)
        await api.create({**config_map("x"), "metadata": {"name": "x", "namespace": "kube-system"}})
        assert await api.delete(Ref(CONFIG_MAP, "a", "default"))
        assert await watching == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]

    on_cluster(story)


def test_a_kind_may_be_watched_before_it_is_served() -> None:
    async def story(served: Served) -> None:
        api = served.cluster.api("one")
        watching = asyncio.create_task(_first(api.watch(ISTIO_CNI), 1))
        await asyncio.sleep(0)
        assert await api.get(Ref(ISTIO_CNI, "default")) is None
        await served.ask("POST", definitions.PATH, definitions.ISTIO_CNI)
        await api.create(definitions.cni(version="v1.28.3"))
        assert await watching == [("ADDED", "default")]

    on_cluster(story)


def test_what_a_controller_gets_is_its_own() -> None:
    async def story(served: Served) -> None:
        api = served.cluster.api("one")
        ref = Ref(CONFIG_MAP, "a", "default")
        made = await api.create({**config_map("a", x="1"), "metadata": {"name": "a", "namespace": "default"}})
        made["data"]["x"] = "changed"
        seen = await api.get(ref)
        assert seen is not None
        assert seen["data"] == {"x": "1"}
        seen["data"]["x"] = "2"
        stored = await api.update(seen)
        assert stored["metadata"]["managedFields"][0]["manager"] == "one"

    on_cluster(story)


def test_an_unknown_kind_cannot_be_listed() -> None:
    async def story(served: Served) -> None:
        with pytest.raises(StatusError, match="could not find the requested resource"):
            await served.cluster.api("one").list(Kind("Nothing", "nothings", group="none.example"))

    on_cluster(story)
