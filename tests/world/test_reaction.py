"""meshctl does the next thing as soon as a cluster has changed, and asks for nothing while nothing changes.

Both are read from the lab's logs of changes and requests, which share one clock.
"""

from collections import defaultdict
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.reactions import pairs, reactions

from tests.conftest import StartLab
from tests.world.harness import MESH

INSTALLS = 3
PATIENCE = 32
QUIET = 25.0
PERIOD = 9.5
"""Ten seconds, as two arrivals show them: the first may be a little late and the second not."""

SETTLING = 1.0
"""What the last change sets off is done by then: a wait that begins lists, then watches."""

BACKGROUND = ("Lease", "Node")
"""What changes in any cluster for as long as it lives, and nobody waits for."""


def test_a_change_is_acted_upon_at_once(start_lab: StartLab) -> None:
    found = []
    for _ in range(INSTALLS):
        lab = start_lab(remotes=2, speed=20)
        installed = lab.meshctl("install", *MESH, "--west", "west2")
        assert installed.returncode == 0, installed.stderr
        found += reactions(pairs(("west", "west2")), lab.changes(), lab.requests())
    assert len(found) >= 30
    assert median(one.seconds for one in found) <= 0.1, sorted(found, key=lambda one: one.seconds)


def test_nothing_is_asked_again_and_again_while_nothing_changes(start_lab: StartLab) -> None:
    # Waits for addresses and for the CNI plugin, and an injection that is tried again and again: all at once.
    lab = start_lab(faults=["lb-never", "cni-broken@west", "webhook-refusing@east"])
    waits = [f"timeouts.{name}={PATIENCE}s" for name in ("address", "cni", "expose")]
    installed = lab.meshctl("install", *MESH, *(word for wait in waits for word in ("--set", wait)))
    assert installed.returncode == 4, installed.stderr

    mine = [entry for entry in lab.requests() if entry["agent"].startswith("meshctl")]
    end = mine[-1]["time"]
    changed = max(e["time"] for e in lab.changes() if e["kind"] not in BACKGROUND and e["time"] < end)
    # What comes later is the last question, asked when the patience is over whenever the one before was.
    settled, over = changed + SETTLING, changed + SETTLING + QUIET
    assert end > over
    quiet = [entry for entry in mine if settled < entry["time"] < over]
    tried = [entry for entry in quiet if entry["path"].endswith("/pods") and entry["method"] == "POST"]
    assert len(tried) >= 2, "there was something to be tried again"
    assert too_soon(quiet) == []


def too_soon(entries: list[dict[str, Any]]) -> list[str]:
    """Return the requests that came again sooner than they may."""
    moments = defaultdict(list)
    for entry in entries:
        moments[entry["cluster"], entry["method"], entry["path"]].append(entry["time"])
    return [
        f"{' '.join(asked)} after {later - earlier:.1f} s"
        for asked, times in moments.items()
        for earlier, later in pairwise(times)
        if later - earlier < PERIOD
    ]
