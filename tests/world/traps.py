"""Traps: what breaks a mesh, the one code that names it, and the proof that the printed command mends it."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.world.harness import MESH, SECONDS, LabUnderTest
from tests.world.settling import settled

Deed = Callable[[LabUnderTest], object]
BRISK = ("--set", "timeouts.contact=1s")


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said: its exit code, and what stands in the way, each with code, cluster, text and command."""

    code: int
    errors: tuple[Mapping[str, Any], ...]

    @property
    def names(self) -> list[tuple[str, str]]:
        """What was named: code and cluster."""
        return [(str(one["code"]), str(one["cluster"])) for one in self.errors]


def diagnosed(lab: LabUnderTest) -> Told:
    """Return what `meshctl diagnose` says is broken first."""
    said = lab.meshctl("diagnose", *MESH, *BRISK, "-o", "json")
    assert said.code in (0, 1), said.said
    return Told(said.code, tuple(json.loads(said.out)["broken"]))


@dataclass(frozen=True, slots=True)
class Trap:
    """One trap: how it is set, and what has to be said of it, on which cluster.

    The command that is printed must mend it. Where the cause lies outside of the clusters, `outside` mends it, and
    `says` must all be named: port, direction, address.
    """

    name: str
    code: str
    spring: Deed
    cluster: str = "cluster2"
    outside: Deed | None = None
    says: tuple[str, ...] = ()
    ask: Callable[[LabUnderTest], Told] = diagnosed

    def __str__(self) -> str:
        return self.name


def prove(lab: LabUnderTest, trap: Trap) -> None:
    """Set a trap in a healthy mesh: it is named, and nothing else; mended as printed, the mesh is healthy again."""
    trap.spring(lab)
    told = settled(lambda: trap.ask(lab), lambda told: told.names == [(trap.code, trap.cluster)])
    assert told.names == [(trap.code, trap.cluster)], told.errors
    assert told.code != 0
    (error,) = told.errors
    text = json.dumps(error)
    assert [part for part in trap.says if part not in text] == [], text
    if trap.outside:
        trap.outside(lab)
    else:
        run_literally(lab, str(error["command"]))
    healed = settled(lambda: trap.ask(lab), lambda told: told.code == 0)
    assert healed.names == []
    assert healed.code == 0


def run_literally(lab: LabUnderTest, command: str) -> None:
    """Have a shell carry out what was printed, as a user would who copies it."""
    assert command, "nothing was printed that could be carried out"
    programs = str(Path(sys.executable).parent)
    environ = {**lab.environ, "PATH": f"{programs}:{lab.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=SECONDS * 2, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
