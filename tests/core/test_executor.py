"""The executor's promises: order, independence, deadlines, stopping, and that no run ever hangs."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from meshctl.errors import Exit, ForbiddenError, NotReadyError, TransientError
from meshctl.events import Ended, Event, Finished, Outcome, Progressed, Started, Warned
from meshctl.executor import Executor
from meshctl.names import SERVICE, THE_ISTIO
from meshctl.objects import Manifest, Ref, Verdict
from meshctl.plan import Act, Action, Apply, Awaited, Clients, Delete, Fact, Note, Plan, Probe, Step, Wait
from meshctl.spec import Cluster, MeshSpec
from meshctl.stopping import Stop
from meshctl.waiting import verdict_of
from tests.core.fake import FakeClient

EAST = Cluster("cluster1", "east", "network1")
WEST = Cluster("cluster2", "west", "network2")
MESH = MeshSpec(EAST, (WEST,))
THING = Ref(SERVICE, "thing", "default")
THING_TOO = Ref(SERVICE, "other", "default")


def thing(**status: object) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "thing", "namespace": "default"},
        "status": status,
    }


def is_up(obj: Manifest | None) -> Verdict:
    return Verdict(met=bool(obj and obj.get("status", {}).get("up")), detail="it is down" if obj else "it is not there")


def act(do: Callable[[], object]) -> Act:
    def run(_: Clients) -> Note | None:
        do()
        return None

    return Act("do it", run, timeout=1)


def run(plan: Plan, client: FakeClient | None = None, stop: Stop | None = None) -> list[Event]:
    clients = {"cluster1": client or FakeClient()}
    return list(Executor(clients, render, stop or Stop()).run(plan))


def render(template: str, mesh: MeshSpec, cluster: Cluster, facts: Mapping[str, str]) -> list[Manifest]:
    return [thing(template=template, **facts)]


def plan(*steps: Step) -> Plan:
    return Plan("a plan", MESH, steps)


def step(title: str, *actions: Action, needs: tuple[str, ...] = (), always: bool = False) -> Step:
    return Step("cluster1", title, actions, tuple(f"cluster1: {need}" for need in needs), always)


def finished(events: list[Event]) -> dict[str, Finished]:
    return {e.step.title: e for e in events if isinstance(e, Finished)}


def ended(events: list[Event]) -> Ended:
    last = events[-1]
    assert isinstance(last, Ended)
    return last


def test_a_step_starts_after_what_it_needs_and_only_then() -> None:
    order: list[str] = []
    events = run(
        plan(
            step("third", act(lambda: order.append("third")), needs=("second",)),
            step("first", act(lambda: order.append("first"))),
            step("second", act(lambda: order.append("second")), needs=("first",)),
        )
    )
    assert order == ["first", "second", "third"]
    assert ended(events).exit_code is Exit.DONE


def test_what_needs_nothing_of_each_other_runs_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=5)
    events = run(plan(step("one", act(both.wait)), step("two", act(both.wait))))
    assert {one.outcome for one in finished(events).values()} == {Outcome.SUCCEEDED}


def test_every_step_ends_exactly_once_and_a_started_one_begins_first() -> None:
    events = run(plan(step("one", act(lambda: None)), step("two", act(lambda: None), needs=("one",))))
    seen = [(type(e), e.step.title) for e in events if isinstance(e, Started | Finished)]
    assert seen == [(Started, "one"), (Finished, "one"), (Started, "two"), (Finished, "two")]


def test_a_failed_step_skips_what_needs_it_and_names_the_culprit() -> None:
    def fail() -> None:
        msg = "no"
        raise ForbiddenError(msg, hint="ask")

    events = run(
        plan(
            step("breaks", act(fail)),
            step("needs it", act(lambda: None), needs=("breaks",)),
            step("needs that", act(lambda: None), needs=("needs it",)),
            step("independent", act(lambda: None)),
            step("sweeps", act(lambda: None), needs=("needs that",), always=True),
        )
    )
    outcomes = {title: one.outcome for title, one in finished(events).items()}
    assert outcomes == {
        "breaks": Outcome.FAILED,
        "needs it": Outcome.SKIPPED,
        "needs that": Outcome.SKIPPED,
        "independent": Outcome.SUCCEEDED,
        "sweeps": Outcome.SUCCEEDED,
    }
    assert finished(events)["needs that"].text == "needs cluster1: breaks"
    failure = finished(events)["breaks"].failure
    assert failure is not None
    assert (failure.message, failure.hint) == ("no", "ask")
    assert (ended(events).exit_code, ended(events).failed, ended(events).skipped) == (Exit.FAILED, 1, 2)


def test_a_bug_ends_its_step_skips_its_dependants_and_is_raised_at_the_end() -> None:
    def bug() -> None:
        msg = "a slip"
        raise KeyError(msg)

    stream = Executor({"cluster1": FakeClient()}, render).run(
        plan(step("buggy", act(bug)), step("after", act(lambda: None), needs=("buggy",)))
    )
    events: list[Event] = []
    with pytest.raises(KeyError, match="a slip"):
        drain(stream, events)
    assert finished(events)["buggy"].outcome is Outcome.FAILED
    assert finished(events)["after"].outcome is Outcome.SKIPPED
    assert isinstance(events[-1], Ended)


def drain(stream: Iterator[Event], into: list[Event]) -> None:
    while True:
        event = next(stream, None)
        if event is None:
            return
        into.append(event)


def test_a_wait_goes_on_as_soon_as_the_object_changes() -> None:
    client = FakeClient(objects=[thing(up=False)])
    wait = Wait("the thing", (Awaited("cluster1", THING, is_up),), timeout=5)
    stream = Executor({"cluster1": client}, render).run(plan(step("wait", wait)))
    for event in stream:
        if isinstance(event, Progressed):
            assert event.text == "service/thing in default: it is down"
            client.put(thing(up=True))
        if isinstance(event, Finished):
            assert event.outcome is Outcome.SUCCEEDED
    assert client.watches == []


def test_a_wait_wants_all_its_objects_at_the_same_time() -> None:
    client = FakeClient(objects=[thing(up=True)])
    other = Ref(SERVICE, "other", "default")
    wait = Wait("both", (Awaited("cluster1", THING, is_up), Awaited("cluster1", other, is_up, "the other")), timeout=5)
    texts = []
    for event in Executor({"cluster1": client}, render).run(plan(step("wait", wait))):
        if isinstance(event, Progressed) and event.text == "the other: it is not there":
            client.put(thing(up=False))
        if isinstance(event, Progressed) and event.text == "service/thing in default: it is down":
            # What comes first is anybody's guess: the wait must not end before both are up.
            client.put({**thing(up=True), "metadata": {"name": "other", "namespace": "default"}})
            client.put(thing(up=True))
        if isinstance(event, Progressed):
            texts.append(event.text)
        if isinstance(event, Finished):
            assert event.outcome is Outcome.SUCCEEDED
    assert texts[:2] == ["the other: it is not there", "service/thing in default: it is down"]


def test_a_deadline_says_what_was_last_seen() -> None:
    wait = Wait("the thing", (Awaited("cluster1", THING, is_up),), timeout=0.05, hint="look there")
    events = run(plan(step("wait", wait)))
    failure = finished(events)["wait"].failure
    assert failure is not None
    assert failure.message == "waited 0.05 s for the thing"
    assert failure.last_seen == "service/thing in default: it is not there"
    assert failure.hint == "look there"
    assert ended(events).exit_code is Exit.TIMEOUT


def test_a_deadline_says_that_a_server_hangs_where_its_watch_does_not_tell() -> None:
    client = FakeClient()
    client.errors["version"] = [TransientError("cluster1: no answer in time (10.0.0.1:6443)")]
    wait = Wait("the thing", (Awaited("cluster1", THING, is_up),), timeout=0.05)
    failure = finished(run(plan(step("wait", wait)), client))["wait"].failure
    assert failure is not None
    assert failure.last_seen == "cluster1: no answer in time (10.0.0.1:6443)"


def test_a_verdict_that_is_final_ends_the_wait_at_once() -> None:
    def never(_: Manifest | None) -> Verdict:
        return Verdict(met=False, detail="it is beyond repair", final=True)

    begun = time.monotonic()
    events = run(plan(step("wait", Wait("the thing", (Awaited("cluster1", THING, never),), timeout=60))))
    assert time.monotonic() - begun < 5
    failure = finished(events)["wait"].failure
    assert failure is not None
    assert "beyond repair" in failure.message
    assert failure.exit_code is Exit.FAILED


def test_a_status_from_before_its_cure_is_not_final() -> None:
    def cured(obj: Manifest | None) -> Verdict:
        return Verdict(met=is_up(obj).met, detail="an old error", final=True)

    client = FakeClient(objects=[thing(up=False)])
    for event in Executor({"cluster1": client}, render).run(
        plan(step("wait", Wait("the thing", (Awaited("cluster1", THING, cured),), timeout=60)))
    ):
        if isinstance(event, Progressed):
            client.put(thing(up=True))
        if isinstance(event, Finished):
            assert event.outcome is Outcome.SUCCEEDED


def test_what_will_never_be_met_is_told_before_what_is_not_met_yet() -> None:
    def never(_: Manifest | None) -> Verdict:
        return Verdict(met=False, detail="it is beyond repair", final=True, hint="buy a new one")

    awaited = (Awaited("cluster1", THING, is_up), Awaited("cluster1", THING_TOO, never))
    verdict = verdict_of(awaited, {0: thing(up=False), 1: None})
    assert verdict.detail == "service/other in default: it is beyond repair"
    assert (verdict.final, verdict.hint) == (True, "buy a new one")


def test_each_request_of_an_act_is_tried_again_on_its_own() -> None:
    client = FakeClient(objects=[thing()])
    seen = []

    def look(clients: Clients) -> Note | None:
        seen.append([clients["cluster1"].get(THING) is not None for _ in range(3)])
        return None

    client.errors["get"] = [TransientError("busy", retry_after=0.0), TransientError("busy", retry_after=0.0)]
    events = run(plan(step("look", Act("look", look, timeout=5))), client)
    assert ended(events).exit_code is Exit.DONE
    assert seen == [[True, True, True]]
    assert len(client.calls) == 5


def test_a_probe_asks_soon_again_after_an_answer_that_may_pass() -> None:
    answers = iter((TransientError("busy", retry_after=0.0), Verdict(met=True)))

    def ask(_: Clients) -> Verdict:
        answer = next(answers)
        if isinstance(answer, TransientError):
            raise answer
        return answer

    begun = time.monotonic()
    events = run(plan(step("probe", Probe("it", ask, timeout=60, every=50))))
    assert time.monotonic() - begun < 5
    assert ended(events).exit_code is Exit.DONE


def test_a_watch_that_breaks_for_good_ends_the_wait() -> None:
    client = FakeClient()
    client.broken_watches[THING] = ForbiddenError("cluster1: forbidden")
    events = run(plan(step("wait", Wait("the thing", (Awaited("cluster1", THING, is_up),), timeout=60))), client)
    assert finished(events)["wait"].outcome is Outcome.FAILED


def test_errors_that_may_pass_are_tried_again_and_others_are_not() -> None:
    client = FakeClient()
    client.errors["apply"] = [
        TransientError("cluster1: busy", retry_after=0.01),
        TransientError("again", retry_after=0.0),
    ]
    events = run(plan(step("apply", Apply("cluster1", "x.yaml", EAST))), client)
    assert client.calls == ["apply service/thing in default"] * 3
    assert [e.text for e in events if isinstance(e, Progressed)] == [
        "cluster1: busy; trying again",
        "again; trying again",
    ]

    client = FakeClient()
    client.errors["apply"] = [ForbiddenError("cluster1: no")]
    events = run(plan(step("apply", Apply("cluster1", "x.yaml", EAST))), client)
    assert client.calls == ["apply service/thing in default"]
    assert finished(events)["apply"].outcome is Outcome.FAILED


def test_trying_again_ends_with_the_timeout_and_the_last_error() -> None:
    client = FakeClient()
    client.errors["apply"] = [TransientError("cluster1: busy", retry_after=60)]
    events = run(plan(step("apply", Apply("cluster1", "x.yaml", EAST, timeout=1))), client)
    failure = finished(events)["apply"].failure
    assert failure is not None
    assert failure.message == "cluster1: busy"


def test_a_fact_is_asked_when_its_step_runs() -> None:
    client = FakeClient()
    learned = []
    events = run(
        plan(
            step("learn", act(lambda: learned.append("42"))),
            step(
                "use",
                Apply("cluster1", "x.yaml", EAST, facts={"answer": Fact("it", lambda _: learned[0])}),
                needs=("learn",),
            ),
        ),
        client,
    )
    assert ended(events).exit_code is Exit.DONE
    assert client.objects[THING]["status"]["answer"] == "42"


def test_a_probe_is_asked_again_when_a_trigger_changes() -> None:
    client = FakeClient(objects=[thing(up=False)])
    asked: list[bool] = []

    def ask(_: Clients) -> Verdict:
        up = bool(client.objects[THING]["status"]["up"])
        asked.append(up)
        return Verdict(met=up, detail="not yet")

    probe = Probe("it", ask, timeout=5, triggers=(("cluster1", THING),), every=60)
    for event in Executor({"cluster1": client}, render).run(plan(step("probe", probe))):
        if isinstance(event, Progressed):
            client.put(thing(up=True))
    assert asked == [False, True]


def test_a_probe_without_news_is_asked_only_so_often() -> None:
    asked: list[float] = []

    def ask(_: Clients) -> Verdict:
        asked.append(time.monotonic())
        return Verdict(met=len(asked) == 2, detail="not yet")

    run(plan(step("probe", Probe("it", ask, timeout=5, every=0.2))))
    assert asked[1] - asked[0] >= 0.2


def test_a_deletion_waits_until_the_object_is_gone_and_missing_ones_are_gone() -> None:
    client = FakeClient(objects=[thing()])
    client.held.add(THING)
    gone = Delete("cluster1", "things", lambda _: [THING, THE_ISTIO], timeout=5)
    for event in Executor({"cluster1": client}, render).run(plan(step("delete", gone))):
        if isinstance(event, Progressed):
            assert event.text == "service/thing in default: still there"
            client.remove(THING)
        if isinstance(event, Finished):
            assert event.outcome is Outcome.SUCCEEDED


def test_stopping_ends_waits_at_once_and_begins_nothing_new() -> None:
    stop = Stop()
    wait = Wait("the thing", (Awaited("cluster1", THING, is_up),), timeout=60)
    events: list[Event] = []
    for event in Executor({"cluster1": FakeClient()}, render, stop).run(
        plan(step("wait", wait), step("after", act(lambda: None), needs=("wait",)))
    ):
        events.append(event)
        if isinstance(event, Progressed):
            stop.set()
    assert finished(events)["wait"].outcome is Outcome.INTERRUPTED
    assert finished(events)["after"].outcome is Outcome.SKIPPED
    assert ended(events).exit_code is Exit.INTERRUPTED


def test_a_note_may_be_a_warning() -> None:
    events = run(plan(step("note", Act("look", lambda _: Note("mind the gap", warning=True)))))
    assert [e.text for e in events if isinstance(e, Warned)] == ["mind the gap"]


def test_the_first_failure_in_plan_order_decides_the_exit_code() -> None:
    def late() -> None:
        msg = "too late"
        raise NotReadyError(msg)

    def refuse() -> None:
        time.sleep(0.01)
        msg = "no"
        raise ForbiddenError(msg)

    events = run(plan(step("slow", act(refuse)), step("quick", act(late))))
    assert ended(events).exit_code is Exit.FAILED


@pytest.mark.parametrize(
    "steps",
    [
        (step("one", needs=("two",)), step("two", needs=("one",))),
        (step("one", needs=("nobody",)),),
        (step("one"), step("one")),
    ],
    ids=["a cycle", "an unknown need", "a title twice"],
)
def test_a_plan_that_makes_no_sense_cannot_be_made(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match="a plan"):
        plan(*steps)


def test_after_a_stop_a_step_that_hangs_is_given_up() -> None:
    stop, hang = Stop(), threading.Event()
    events: list[Event] = []
    try:
        for event in Executor({"cluster1": FakeClient()}, render, stop, grace=0.2).run(
            plan(step("hangs", act(hang.wait)), step("hangs too", act(hang.wait)), step("after", needs=("hangs",)))
        ):
            events.append(event)
            if isinstance(event, Started) and event.step.title == "hangs too":
                stop.set()
    finally:
        hang.set()
    assert (
        finished(events)["hangs"].text == finished(events)["hangs too"].text == "given up: its cluster does not answer"
    )
    assert finished(events)["after"].outcome is Outcome.SKIPPED
    assert ended(events).exit_code is Exit.INTERRUPTED
