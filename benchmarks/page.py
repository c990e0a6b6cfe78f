"""What was measured, as a page for people: docs/explanation/speed.md."""

import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from statistics import median
from types import MappingProxyType

from benchmarks.critical_path import Moment
from benchmarks.measuring import MANY, RUNS, Install, Preflight, Results
from benchmarks.reactions import Reaction

PATH_BOUND, MANY_BOUND, REACTION_BOUND = 1.10, 1.5, 0.1
PREFLIGHT_BOUNDS: Mapping[int, float] = MappingProxyType({2: 2.0, MANY: 5.0})
"""Seconds by the number of clusters."""
MEBIBYTES = 1 << 20


PAGE = """\
<!-- Made by `make bench` from a run: no figure here is typed by hand. -->

# Speed

How long an install takes is mostly how long the clusters take. What meshctl can do is to wait for nothing that it
does not need, to wait for several things at a time, and to go on as soon as something has changed. The figures are
from the lab at its real [delays](../reference/delays.md), where a load balancer takes 40 s to hand out an address.

- Measured on {today}
- on {machine},
- by `make bench`, which takes about five minutes, writes this page, and fails when a bound is not kept.

Times are of whole processes, from start to exit.

## The longest chain

The plan says which step needs which, and the lab how long each of its parts takes; so the longest chain of delays can
be computed. No install can be faster than that; the bound for the measured one, with one remote, is {path_bound} of it.

{chains}

The second row is there to see the rest of the chain by itself: it is so short that the time which meshctl takes to
start weighs in it, and no bound is set for it. The chain of the first row:

{first}

and of the second:

{second}

## Many remotes

All remotes are installed at the same time, and here they share one machine with meshctl. The bound is {many_bound} of
the time of one.

{many}

## Beside the guide's order

The same lab, installed with the guide's commands: kubectl, one command after the other, `kubectl wait` where the
guide waits, typed without a moment's thought, until both gateways are there with their addresses.

{beside}

By hand, the first address is asked for when Istio is ready, and the second when everything else is done. [The order
of steps](order-of-steps.md) says what really needs what.

## Reactions

The time from a change in a cluster to the request that had been waiting for it, by the lab's own logs of changes and
requests. The median of all is {reaction}; the bound is {reaction_bound}.

{reactions}

While nothing changes, no request is repeated within ten seconds.

## Before an install

`meshctl preflight` of a fresh lab, median of {runs} runs. It says itself how many requests it took. A single review
answers for an administrator; anybody else's rights are asked for as rules, one request for each namespace and one for
the cluster, instead of one for each of about a hundred rights.

{preflights}

## Start-up

{startup}
"""


def page(found: Results, today: date) -> str:
    """Return the page, in Markdown."""
    delays = ("cluster", "delay", "seconds")
    many = [("1", f"{found.one.seconds:.1f}", ""), (str(MANY), f"{found.many:.1f}", f"{many_ratio(found):.2f}")]
    beside = [("the guide by hand", f"{found.hand:.1f}"), ("`meshctl install`", f"{found.one.seconds:.1f}")]
    return PAGE.format(
        today=today.isoformat(),
        machine=machine(),
        path_bound=f"{PATH_BOUND:.2f}",
        chains=table(("", "longest chain", "measured", "ratio"), chains(found)),
        first=table(delays, links(found.one.path)),
        second=table(delays, links(found.prompt.path)),
        many_bound=f"{MANY_BOUND:.2f}",
        many=table(("remotes", "seconds", "ratio"), many),
        beside=table(("", "seconds"), beside),
        reaction=milliseconds(reaction_median(found)),
        reaction_bound=milliseconds(REACTION_BOUND),
        reactions=table(("what", "times", "median", "longest"), reacted(found.reactions)),
        runs=RUNS,
        preflights=table(("clusters", "requests", "seconds", "bound"), looked(found.preflights)),
        startup=table(("", f"median of {RUNS} runs"), started(found)),
    )


def machine() -> str:
    """Return how big this machine is, and which Python runs; nothing that would identify it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / MEBIBYTES / 1024
    processors = len(os.sched_getaffinity(0))
    kind = f"{platform.system()} on {platform.machine()}"
    return f"{processors} processors and {memory:.0f} GiB of memory ({kind}, Python {platform.python_version()})"


def chains(found: Results) -> list[tuple[str, ...]]:
    """Return the rows of the longest chains."""
    rows: Mapping[str, Install] = {"one remote": found.one, "one remote, addresses there already": found.prompt}
    return [
        (name, f"{one.path.seconds:.1f} s", f"{one.seconds:.1f} s", f"{one.ratio:.2f}") for name, one in rows.items()
    ]


def links(path: Moment) -> list[tuple[str, ...]]:
    """Return the rows of one chain."""
    return [(link.cluster, f"`{link.delay}`", f"{link.seconds:.2f}") for link in path.chain if link.seconds]


def reacted(found: Iterable[Reaction]) -> list[tuple[str, ...]]:
    """Return the rows of the reactions, one for each kind."""
    times: dict[str, list[float]] = defaultdict(list)
    for one in found:
        times[one.what].append(one.seconds)
    return [(what, str(len(all_)), milliseconds(median(all_)), milliseconds(max(all_))) for what, all_ in times.items()]


def started(found: Results) -> list[tuple[str, ...]]:
    """Return the rows of what takes no time to speak of."""
    rows = {
        "`meshctl --help`": found.help,
        "`meshctl version`": found.version,
        "`meshctl install`, when everything is there": found.again,
    }
    return [(what, milliseconds(median(times))) for what, times in rows.items()]


def looked(found: Iterable[Preflight]) -> list[tuple[str, ...]]:
    """Return the rows of the preflights."""
    return [
        (str(one.clusters), str(one.requests), f"{median(one.seconds):.1f}", f"{PREFLIGHT_BOUNDS[one.clusters]:.1f}")
        for one in found
    ]


def milliseconds(seconds: float) -> str:
    """Return a short time as people write it."""
    return f"{seconds * 1000:.0f} ms"


def reaction_median(found: Results) -> float:
    """Return the median of all reactions."""
    return median(one.seconds for one in found.reactions)


def many_ratio(found: Results) -> float:
    """Return how many times as long as one remote the many took."""
    return found.many / found.one.seconds


def broken(found: Results) -> list[str]:
    """Return every bound that was not kept."""
    measured = {
        "the longest chain": (found.one.ratio, PATH_BOUND),
        f"{MANY} remotes": (many_ratio(found), MANY_BOUND),
        "the median reaction": (reaction_median(found), REACTION_BOUND),
        **{
            f"the preflight of {one.clusters} clusters": (median(one.seconds), PREFLIGHT_BOUNDS[one.clusters])
            for one in found.preflights
        },
    }
    return [f"{name}: {value:.3f} is more than {bound}" for name, (value, bound) in measured.items() if value > bound]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    names = tuple(head)
    lines = [names, ("---",) * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(found: Results, target: Path, today: date) -> None:
    """Write the page."""
    target.write_text(page(found, today))
