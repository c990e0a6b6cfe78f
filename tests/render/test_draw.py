"""The live picture, looked at through a console of a given size."""

import random
from io import StringIO

import pytest
from rich.console import Console, ConsoleDimensions, Group

from meshctl.errors import Exit
from meshctl.events import Event, Failure, Finished, Outcome, Planned, Progressed, Started, Warned
from meshctl.render.draw import ASCII, UNICODE, Marks, draw
from meshctl.render.tree import Tree, fold, grown

from .story import EVENTS, GATEWAY, NOON, PLANNED, REMOTE, info


def seen(tree: Tree, now: float, width: int = 80, height: int = 24, marks: Marks = UNICODE) -> str:
    console = Console(record=True, width=width, height=height, file=StringIO(), color_system=None)
    # A group is drawn as the live display does it; a bare text would be joined with others and lose its ends.
    console.print(Group(draw(tree, now, ConsoleDimensions(width, height), marks)))
    return "\n".join(line.rstrip() for line in console.export_text().splitlines())


BEGINNING = """\
Install mesh1 · 2 s · 1 of 4 steps
  cluster1  ✓ 1 done
    ⠸ Install Istio · 2 s · not all istiod pods are ready
  cluster2  · 2 to go"""

WAITING = """\
Install mesh1 · 20 s · 2 of 4 steps
  cluster1  ✓ 2 done
  cluster2  · 1 to go
    warning: the load balancer hands out a hostname
    ⠋ Install Istio · 8 s · webhooks[].clientConfig.caBundle ha…"""

FAILED = """\
Install mesh1 · 10 min 12 s · 4 of 4 steps
  cluster1  ✓ 2 done
  cluster2  ✗ 1 failed, 1 skipped
    warning: the load balancer hands out a hostname
    ✗ Install Istio · failed after 10 min 00 s
        what       Istio is not Ready after 600 s
        last seen  webhooks[].clientConfig.caBundle hasn't been set;
                   check if the remote istiod can access this cluster
        next       look at the remote secret: kubectl --context east -n
                   istio-system get secret istio-remote-secret-cluster2"""


@pytest.mark.parametrize(
    ("events", "after", "width", "expected"),
    [
        (EVENTS[:5], 2.9, 80, BEGINNING),
        (EVENTS[:9], 20.0, 64, WAITING),
        (EVENTS[:11], 612.0, 72, FAILED),
    ],
)
def test_pictures(events: tuple[Event, ...], after: float, width: int, expected: str) -> None:
    assert seen(grown(events), NOON + after, width) == expected


def test_before_the_plan_there_is_nothing() -> None:
    assert seen(Tree(), NOON) == ""


def test_a_terminal_that_knows_only_ascii() -> None:
    text = seen(grown(EVENTS[:9]), NOON + 20, marks=ASCII)
    assert text.splitlines()[:2] == ["Install mesh1 - 20 s - 2 of 4 steps", "  cluster1  + 2 done"]
    assert seen(grown(EVENTS[:9]), NOON + 20, width=30, marks=ASCII).isascii()


def test_a_warning_about_no_step_is_in_the_title() -> None:
    tree = grown([PLANNED, Warned(NOON, None, "clocks differ")])
    assert seen(tree, NOON).splitlines()[0] == "Install mesh1 · 0 s · 0 of 4 steps · warning: clocks differ"


def test_a_stopped_step_is_counted() -> None:
    tree = grown([*EVENTS[:8], Finished(NOON + 20, REMOTE, Outcome.INTERRUPTED, 8)])
    assert "  cluster2  ○ 1 stopped, 1 to go" in seen(tree, NOON + 20).splitlines()


# --- a large mesh: c0…c11, each with two steps -----------------------------------------------------------------------

NAMES = tuple(f"c{number}" for number in range(12))
PAIRS = {name: (info(name, "first"), info(name, "second")) for name in NAMES}
LARGE = Planned(NOON, "Install mesh1", NAMES, tuple(step for pair in PAIRS.values() for step in pair))
BROKEN = Failure("no permission", "", "ask for it", Exit.FAILED)


def large(done: int, running: int, failed: int) -> Tree:
    """The first clusters are done, the next at work, then some that failed; the rest wait."""
    events: list[Event] = [LARGE]
    for place, name in enumerate(NAMES[: done + running + failed]):
        first, second = PAIRS[name]
        events.append(Started(NOON + place, first))
        if place < done:
            events += [Finished(NOON + place, one, Outcome.SUCCEEDED, 1) for one in (first, second)]
        elif place < done + running:
            events.append(Progressed(NOON + place, first, "not ready"))
        else:
            events += [
                Finished(NOON + 20, first, Outcome.FAILED, 5, failure=BROKEN),
                Finished(NOON + 20, second, Outcome.SKIPPED, 0, f"needs {first.key}"),
            ]
    return grown(events)


def test_quiet_clusters_are_folded_together_when_there_is_no_room() -> None:
    assert seen(large(done=5, running=2, failed=0), NOON + 20, height=10).splitlines() == [
        "Install mesh1 · 20 s · 10 of 24 steps",
        "  c5  · 1 to go",
        "    ⠋ first · 15 s · not ready",
        "  c6  · 1 to go",
        "    ⠋ first · 14 s · not ready",
        "  ✓ 5 clusters: done",
        "  · 5 clusters: waiting for others",
    ]


def test_then_waits_get_one_line_and_failures_keep_theirs() -> None:
    assert seen(large(done=5, running=4, failed=1), NOON + 20, height=13).splitlines() == [
        "Install mesh1 · 20 s · 12 of 24 steps",
        "  c5  ⠋ first · 15 s · not ready",
        "  c6  ⠋ first · 14 s · not ready",
        "  c7  ⠋ first · 13 s · not ready",
        "  c8  ⠋ first · 12 s · not ready",
        "  c9  ✗ 1 failed, 1 skipped",
        "    ✗ first · failed after 5.0 s",
        "        what       no permission",
        "        next       ask for it",
        "  ✓ 5 clusters: done",
        "  · c10, c11: waiting for others",
    ]


def test_then_failures_get_one_line_too() -> None:
    assert seen(large(done=8, running=2, failed=2), NOON + 20, height=7).splitlines() == [
        "Install mesh1 · 20 s · 20 of 24 steps",
        "  c8  ⠋ first · 12 s · not ready",
        "  c9  ⠋ first · 11 s · not ready",
        "  c10  ✗ first: no permission",
        "  c11  ✗ first: no permission",
        "  ✓ 8 clusters: done",
    ]


def test_what_still_does_not_fit_is_counted_failures_and_the_longest_waits_first() -> None:
    assert seen(large(done=1, running=9, failed=2), NOON + 20, height=8).splitlines() == [
        "Install mesh1 · 20 s · 6 of 24 steps",
        "  c10  ✗ first: no permission",
        "  c11  ✗ first: no permission",
        "  c1  ⠋ first · 19 s · not ready",
        "  c2  ⠋ first · 18 s · not ready",
        "  and 7 more clusters to watch",
        "  ✓ c0: done",
    ]


def test_several_waits_of_one_cluster_in_one_line() -> None:
    both = [Started(NOON + 1, PAIRS["c0"][1]), Started(NOON + 2, PAIRS["c0"][0])]
    others = [Started(NOON + 5, PAIRS[name][0]) for name in NAMES[1:]]
    assert seen(grown([LARGE, *both, *others]), NOON + 20, height=20).splitlines()[1] == "  c0  +1 ⠋ second · 19 s"


@pytest.mark.parametrize("seed", range(20))
def test_it_always_fits(seed: int) -> None:
    dice = random.Random(seed)
    tree = fold(Tree(), LARGE)
    steps = list(LARGE.steps)
    dice.shuffle(steps)
    for step in steps:
        tree = fold(tree, Started(NOON, step))
        tree = fold(tree, Progressed(NOON, step, "a long reason " * dice.randrange(20)))
        width, height = dice.choice([20, 40, 80]), dice.choice([3, 5, 10, 24])
        lines = seen(tree, NOON + 5, width, height).splitlines()
        assert len(lines) < height
        assert max(map(len, lines)) <= width
        outcome = dice.choice(list(Outcome))
        failure = BROKEN if outcome is Outcome.FAILED else None
        tree = fold(tree, Finished(NOON + 5, step, outcome, 5, failure=failure))


def test_a_second_plan_begins_anew() -> None:
    again = grown([*EVENTS, PLANNED])
    assert again == grown([PLANNED])


def test_a_step_that_was_not_planned_is_shown_nevertheless() -> None:
    tree = grown([Planned(NOON, "t", (), ()), Started(NOON, GATEWAY)])
    assert seen(tree, NOON).splitlines()[1:] == ["  cluster2  ·", "    ⠋ Install the east-west gateway · 0 s"]
