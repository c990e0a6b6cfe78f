"""Running again is the cure for a run that was cut short, whenever and however that was."""

import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from meshctl.lab.options import LabOptions
from tests.conftest import StartLab
from tests.labs import ThreadLab, thread_lab
from tests.world.harness import MESH
from tests.world.interruption import signalled, tripwire
from tests.world.settling import settled
from tests.world.states import Difference, State, differences, state_of

SEED = 3
MOMENTS = 20
CHANCE = random.Random(SEED)
FRACTIONS = [round((step + CHANCE.random()) / MOMENTS, 3) for step in range(MOMENTS)]
"""When to kill, as a part of all writes of a whole run: one moment, by chance, in each twentieth."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What runs that nobody disturbed came to: how many writes they took, and the states they left."""

    install: int
    verify: int
    teardown: int
    installed: State
    removed: State


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """Install, verify and tear down once, undisturbed."""
    with thread_lab(LabOptions(1, 0, (), "vendor"), Path(tmp_path_factory.mktemp("whole"))) as lab:
        writes, states = [], []
        for command in (("install", *MESH), ("verify", *MESH), ("teardown", *MESH, "--yes")):
            wire = tripwire(lab)
            done = lab.meshctl(*command)
            assert done.returncode == 0, done.stderr
            writes.append(wire.writes)
            states.append(state_of(lab))
        installing, verifying, removing = writes
        yield Whole(installing, verifying, removing, installed=states[0], removed=states[2])


def is_history(found: Difference) -> bool:
    """Say whether a difference tells only how a state was come to: Events, and how often a slice was written."""
    kind = found.key[1]
    return kind == "Event" or (kind, found.path) == ("EndpointSlice", ".metadata.generation")


def left(lab: ThreadLab, wanted: State) -> list[str]:
    """Return where a lab's state differs from the one wanted, once it does so no more or a patient person gives up."""

    def ask() -> list[str]:
        return [str(one) for one in differences(wanted, state_of(lab)) if not is_history(one)]

    return settled(ask, lambda found: not found)


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_an_install_that_was_killed_goes_on(start_lab: StartLab, whole: Whole, fraction: float) -> None:
    lab = start_lab()
    at = 1 + int(fraction * whole.install)
    assert signalled(lab, signal.SIGKILL, at, "install", *MESH).code == -signal.SIGKILL

    again = lab.meshctl("install", *MESH)

    assert again.returncode == 0, again.stderr
    assert left(lab, whole.installed) == []


@pytest.mark.parametrize("fraction", [0.2, 0.7])
def test_a_verify_that_was_killed_goes_on_and_cleans_up(start_lab: StartLab, whole: Whole, fraction: float) -> None:
    lab = start_lab()
    assert lab.meshctl("install", *MESH).returncode == 0
    at = 1 + int(fraction * whole.verify)
    assert signalled(lab, signal.SIGKILL, at, "verify", *MESH).code == -signal.SIGKILL

    again = lab.meshctl("verify", *MESH)

    assert again.returncode == 0, again.stderr
    assert left(lab, whole.installed) == []


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
def test_a_teardown_that_was_killed_goes_on(start_lab: StartLab, whole: Whole, fraction: float) -> None:
    lab = start_lab()
    assert lab.meshctl("install", *MESH).returncode == 0
    at = 1 + int(fraction * whole.teardown)
    assert signalled(lab, signal.SIGKILL, at, "teardown", *MESH, "--yes").code == -signal.SIGKILL

    again = lab.meshctl("teardown", *MESH, "--yes")

    assert again.returncode == 0, again.stderr
    assert "nothing is left of the mesh" in again.stdout
    assert left(lab, whole.removed) == []


def test_an_install_mends_what_half_a_teardown_left(start_lab: StartLab, whole: Whole) -> None:
    lab = start_lab()
    assert lab.meshctl("install", *MESH).returncode == 0
    assert signalled(lab, signal.SIGKILL, whole.teardown // 2, "teardown", *MESH, "--yes").code == -signal.SIGKILL

    again = lab.meshctl("install", *MESH)

    assert again.returncode == 0, again.stderr
    verified = lab.meshctl("verify", *MESH)
    assert verified.returncode == 0, verified.stderr
