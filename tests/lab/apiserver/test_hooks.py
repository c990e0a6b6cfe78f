"""What the lab can do to requests, and what it is told."""

import asyncio
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from meshctl.lab.apiserver.hooks import Answered, Changed, Disturbance, Hooks, Seen
from tests.lab.apiserver.serving import CONFIG_MAPS, MERGE, Served, config_map, on_cluster


@pytest.mark.parametrize(
    ("disturbance", "reason", "message"),
    [
        (Disturbance(status=429, retry_after=1), "TooManyRequests", "Too many requests, please try again later."),
        (Disturbance(status=500), "InternalError", "Internal error occurred: "),
        (Disturbance(status=401), "Unauthorized", "Unauthorized"),
        (
            Disturbance(status=403),
            "Forbidden",
            'configmaps is forbidden: User "admin" cannot list resource "configmaps"',
        ),
        (Disturbance(status=403, message="not today"), "Forbidden", "not today"),
        (Disturbance(status=503), "ServiceUnavailable", "the server is currently unable to handle the request"),
    ],
)
def test_requests_can_be_answered_with_errors(disturbance: Disturbance, reason: str, message: str) -> None:
    async def story(served: Served) -> None:
        answer = await served.ask("GET", CONFIG_MAPS)
        assert (answer.status, answer.body["reason"]) == (disturbance.status, reason)
        assert answer.body["message"].startswith(message)
        assert answer.headers.get("Retry-After") == ("1" if disturbance.retry_after else None)

    on_cluster(story, Hooks(disturb=lambda _: disturbance))


def test_connections_can_be_cut() -> None:
    async def story(served: Served) -> None:
        with pytest.raises(aiohttp.ClientError):
            await served.ask("GET", CONFIG_MAPS)

    on_cluster(story, Hooks(disturb=lambda _: Disturbance(reset=True)))


def test_requests_can_hang_and_do_not_hold_up_the_end() -> None:
    async def story(served: Served) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await served.ask("GET", CONFIG_MAPS)

    on_cluster(story, Hooks(disturb=lambda _: Disturbance(hang=True)))


def test_disturbances_choose_by_user_path_and_agent() -> None:
    seen: list[Seen] = []

    def disturb(request: Seen) -> Disturbance | None:
        seen.append(request)
        return Disturbance(status=500) if request.method == "POST" else None

    async def story(served: Served) -> None:
        assert (await served.ask("GET", f"{CONFIG_MAPS}?limit=1", User_Agent="me/1")).status == 200
        assert (await served.ask("POST", CONFIG_MAPS, config_map())).status == 500
        first = seen[0]
        assert (first.cluster, first.user, first.path, dict(first.query), first.agent) == (
            "east",
            "admin",
            CONFIG_MAPS,
            {"limit": "1"},
            "me/1",
        )

    on_cluster(story, Hooks(disturb=disturb))


def test_the_clock_can_be_off() -> None:
    skews = [0.0]

    async def story(served: Served) -> None:
        early = parsedate_to_datetime((await served.ask("GET", "/version")).headers["Date"])
        skews.append(3600.0)
        late = parsedate_to_datetime((await served.ask("GET", "/version")).headers["Date"])
        assert 3500 < (late - early).total_seconds() < 3700
        made = await served.ask("POST", CONFIG_MAPS, config_map())
        created = datetime.fromisoformat(made.body["metadata"]["creationTimestamp"])
        assert 3500 < (created - early).total_seconds() < 3700

    on_cluster(story, Hooks(clock_skew=lambda: skews[-1]))


def test_every_request_and_every_change_is_told() -> None:
    answered: list[Answered] = []
    changed: list[Changed] = []

    async def story(served: Served) -> None:
        changed.clear()
        await served.ask("POST", CONFIG_MAPS, config_map(x="1"))
        await served.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, MERGE)
        await served.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "2"}}, MERGE)
        await served.ask("DELETE", f"{CONFIG_MAPS}/a")
        await served.ask("GET", f"{CONFIG_MAPS}/a")
        async with served.lines(f"{CONFIG_MAPS}?watch=true&resourceVersion=1"):
            pass

    on_cluster(story, Hooks(answered=answered.append, changed=changed.append))
    assert [(one.method, one.status) for one in answered] == [
        ("POST", 201),
        ("PATCH", 200),
        ("PATCH", 200),
        ("DELETE", 200),
        ("GET", 404),
        ("GET", 200),
    ]
    assert [(one.type, one.kind.name, one.namespace, one.name) for one in changed] == [
        (kind, "ConfigMap", "default", "a") for kind in ("ADDED", "MODIFIED", "DELETED")
    ]
    assert changed[1].before is not None
    assert changed[1].after is not None
    assert (changed[1].before["data"], changed[1].after["data"]) == ({"x": "1"}, {"x": "2"})


def test_watches_hear_of_writes_within_milliseconds() -> None:
    async def story(served: Served) -> None:
        loop = asyncio.get_running_loop()
        took = []
        async with served.lines(f"{CONFIG_MAPS}?watch=true&resourceVersion=1") as events:
            for number in range(50):
                body = {**config_map(f"c{number}"), "metadata": {"name": f"c{number}", "namespace": "default"}}
                began = loop.time()
                await served.cluster.api("x").create(body)
                await anext(events)
                took.append(loop.time() - began)
        assert sorted(took)[len(took) // 2] < 0.02

    on_cluster(story)
