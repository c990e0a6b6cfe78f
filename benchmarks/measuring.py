"""The measurements. Each has a lab of its own, at real delays unless it says otherwise; whole processes are timed."""

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.lab.by_hand import Hand
from tests.labs import ThreadLab, thread_lab

from benchmarks.critical_path import Moment, critical_path
from benchmarks.reactions import Reaction, pairs, reactions
from meshctl.conditions import ingress_of
from meshctl.lab.options import LabOptions
from meshctl.manifests import render
from meshctl.names import GATEWAY_SERVICE
from meshctl.spec import MeshSpec
from meshctl.spec.flags import Flags
from meshctl.spec.load import load_spec

RUNS = 7
MANY = 30
FAST = 20.0
INSTALLS = 4
LOOK_AGAIN = 0.1


@dataclass(frozen=True, slots=True)
class Install:
    """One install: how long it took, and the chain of delays that it could not have been faster than."""

    seconds: float
    path: Moment

    @property
    def ratio(self) -> float:
        """How many times the chain it took."""
        return self.seconds / self.path.seconds


@dataclass(frozen=True, slots=True)
class Preflight:
    """Preflights of a mesh of so many clusters: how long each took, and how many requests one takes."""

    clusters: int
    seconds: list[float]
    requests: int


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that was measured, in seconds."""

    one: Install
    prompt: Install
    many: float
    hand: float
    again: list[float]
    help: list[float]
    version: list[float]
    reactions: list[Reaction]
    preflights: list[Preflight]


def measure(say: Callable[[str], None]) -> Results:
    """Measure everything, one after the other."""
    say("one remote, and again")
    one, again = one_remote()
    say("one remote whose addresses are there already")
    prompt = prompt_addresses()
    say(f"{MANY} remotes")
    many = many_remotes()
    say("the guide by hand")
    hand = by_hand()
    say("start-up")
    with lab_of() as lab:
        started = {word: [timed(lab, word) for _ in range(RUNS)] for word in ("--help", "version")}
    say("preflights")
    looked = [preflights(clusters) for clusters in (2, MANY)]
    say("reactions")
    return Results(one, prompt, many, hand, again, started["--help"], started["version"], all_reactions(), looked)


@contextmanager
def lab_of(remotes: int = 1, speed: float = 1.0) -> Iterator[ThreadLab]:
    """Run a lab; its clusters answer."""
    with (
        tempfile.TemporaryDirectory() as folder,
        thread_lab(LabOptions(remotes, speed, (), "vendor"), Path(folder)) as lab,
    ):
        yield lab


def flags(lab: ThreadLab) -> tuple[str, ...]:
    """Return the options that name a lab's clusters."""
    east, *west = lab.lab.options.contexts
    return ("--east", east, *(word for context in west for word in ("--west", context)))


def mesh_of(lab: ThreadLab) -> MeshSpec:
    """Return the mesh of a lab's clusters."""
    east, *west = lab.lab.options.contexts
    return load_spec(Flags(east=east, west=tuple(west)), {})


def timed(lab: ThreadLab, *words: str) -> float:
    """Return how long a command takes, from its process's start to its end; it must succeed."""
    begun = time.perf_counter()
    done = lab.meshctl(*words)
    took = time.perf_counter() - begun
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        raise RuntimeError(f"meshctl {words[0]} ended with {done.returncode}")
    return took


def one_remote() -> tuple[Install, list[float]]:
    """Install on two clusters; then again, when there is nothing to do."""
    with lab_of() as lab:
        first = Install(timed(lab, "install", *flags(lab)), critical_path(mesh_of(lab), lab.lab.world.delays))
        return first, [timed(lab, "install", *flags(lab)) for _ in range(RUNS)]


def prompt_addresses() -> Install:
    """Install where the cloud has given the gateways their addresses beforehand: the rest of the chain, by itself."""
    with lab_of() as lab:
        mesh = mesh_of(lab)
        for cluster in mesh.clusters:
            for service in render("gateway-service.yaml", mesh, cluster, {}):
                lab.create(cluster.context, service)
        while not all(ingress_of(lab.get(cluster.context, GATEWAY_SERVICE)) for cluster in mesh.clusters):
            time.sleep(LOOK_AGAIN)
        delays = replace(lab.lab.world.delays, load_balancer=0.0)
        return Install(timed(lab, "install", *flags(lab)), critical_path(mesh, delays))


def many_remotes() -> float:
    """Install on many remotes at once."""
    with lab_of(MANY) as lab:
        return timed(lab, "install", *flags(lab))


def preflights(clusters: int) -> Preflight:
    """Look at a fresh lab of so many clusters some times."""
    with lab_of(clusters - 1, 0) as lab:
        seconds = [timed(lab, "preflight", *flags(lab)) for _ in range(RUNS)]
        report = json.loads(lab.meshctl("preflight", *flags(lab), "-o", "json").stdout)
        return Preflight(clusters, seconds, int(report["requests"]))


def by_hand() -> float:
    """Type the guide's commands without a moment's thought, and wait until both gateways are there."""
    with lab_of() as lab:
        hand = Hand(lab)
        begun = time.perf_counter()
        hand.install()
        hand.gateways_ready()
        return time.perf_counter() - begun


def all_reactions() -> list[Reaction]:
    """Install some times on a faster lab, and read its logs."""
    found = []
    for _ in range(INSTALLS):
        with lab_of(2, FAST) as lab:
            timed(lab, "install", *flags(lab))
            found += reactions(pairs(lab.lab.options.contexts[1:]), lab.changes(), lab.requests())
    return found
