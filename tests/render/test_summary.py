from meshctl.errors import Exit
from meshctl.events import Ended, Event, Finished, Outcome, Planned, Started, Warned
from meshctl.render.summary import summary
from meshctl.render.tree import Record, Tree, grown

from .story import EVENTS, ISTIO, NAMESPACES, NOON, PLANNED, REMOTE, info

FAILED = """\
Install mesh1: waited to the deadline (10 min 12 s)

Steps, longest first (* is the chain that decided how long it all took):
  * cluster2: Install Istio          10 min 00 s  failed
  * cluster1: Install Istio               11.5 s
  * cluster1: Create the namespaces        0.4 s

Clusters:
  cluster1  ok      2 steps
  cluster2  FAILED  0 of 2 steps done; failed: Install Istio; skipped: Install the east-west gateway

Failures:
  cluster2: Install Istio
      what       Istio is not Ready after 600 s
      last seen  webhooks[].clientConfig.caBundle hasn't been set; \
check if the remote istiod can access this cluster
      next       look at the remote secret: \
kubectl --context east -n istio-system get secret istio-remote-secret-cluster2

Warnings:
  cluster2: Install Istio: the load balancer hands out a hostname

Cure the cause, or allow more time, then run the same command again: it goes on where this run stopped.
Exit code 4: waited to the deadline."""

STOPPED = """\
Install mesh1: interrupted (5.0 s)

Steps, longest first (* is the chain that decided how long it all took):
  * cluster1: Install Istio          4.0 s  interrupted
  * cluster1: Create the namespaces  0.4 s

Clusters:
  cluster1  not ok  1 of 2 steps done; interrupted: Install Istio
  cluster2  not ok  0 of 2 steps done; 2 not ended

To go on, run the same command again: it goes on where this run stopped.
Exit code 130: interrupted."""

DONE = """\
Prepare: done (1.0 s)

Steps, longest first (* is the chain that decided how long it all took):
  * cluster1: Create the namespaces  1.0 s

Clusters:
  cluster1  ok      1 step"""


def test_a_failed_run() -> None:
    assert summary(grown(EVENTS)).plain == FAILED


def test_an_interrupted_run() -> None:
    events: tuple[Event, ...] = (
        *EVENTS[:4],
        Finished(NOON + 5, ISTIO, Outcome.INTERRUPTED, 4, "stopped"),
        Ended(NOON + 5, 5, Exit.INTERRUPTED, 1, 0, 2),
    )
    assert summary(grown(events)).plain == STOPPED


def test_a_good_run_ends_with_its_clusters() -> None:
    events: tuple[Event, ...] = (
        Planned(NOON, "Prepare", ("cluster1",), (NAMESPACES,)),
        Started(NOON, NAMESPACES),
        Finished(NOON + 1, NAMESPACES, Outcome.SUCCEEDED, 1),
        Ended(NOON + 1, 1, Exit.DONE, 1, 0, 0),
    )
    assert summary(grown(events)).plain == DONE


def test_a_run_that_broke_off_says_so() -> None:
    text = summary(grown(EVENTS[:5])).plain
    assert text.startswith("Install mesh1: broke off\n")
    assert text.endswith("run the same command again: it goes on where this run stopped.")
    assert summary(Tree()).plain.startswith("The run: broke off")


def test_short_steps_of_a_large_mesh_are_counted() -> None:
    steps = [info(f"c{number}", "work") for number in range(30)]
    events: list[Event] = [Planned(NOON, "t", tuple(one.cluster for one in steps), tuple(steps))]
    for number, step in enumerate(steps):
        events += [Started(NOON, step), Finished(NOON + number, step, Outcome.SUCCEEDED, number)]
    lines = summary(grown(events)).plain.splitlines()
    assert lines[3].split() == ["*", "c29:", "work", "29.0", "s"]
    assert lines[15] == "    and 18 more steps of at most 17.0 s"


def test_the_same_warning_is_shown_once() -> None:
    warning = Warned(NOON, REMOTE, "clocks differ")
    assert summary(grown([PLANNED, warning, warning])).plain.count("clocks differ") == 1


def test_a_record_has_the_tree_even_when_the_run_breaks_off() -> None:
    record = Record()
    for event in EVENTS[:5]:
        record(event)
    assert record.tree == grown(EVENTS[:5])
