"""Fixtures for every test."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Protocol

import pytest

from meshctl.lab.options import LabOptions
from tests.labs import ThreadLab, thread_lab
from tests.real.pool import Pool


class StartLab(Protocol):
    """Starts a lab; it ends with the test."""

    def __call__(
        self, *, remotes: int = 1, speed: float = 0, faults: Iterable[str] = (), operator: str = "vendor"
    ) -> ThreadLab: ...


@pytest.fixture(scope="session")
def pool() -> Iterator[Pool]:
    """Pairs of real control planes; none is started before a test asks for one."""
    with Pool() as pairs:
        yield pairs


@pytest.fixture
def start_lab(tmp_path: Path) -> Iterator[StartLab]:
    """A function that starts labs, without delays unless it is told otherwise."""
    numbers = count(1)
    with ExitStack() as labs:

        def start(
            *, remotes: int = 1, speed: float = 0, faults: Iterable[str] = (), operator: str = "vendor"
        ) -> ThreadLab:
            options = LabOptions(remotes, speed, tuple(faults), operator)
            return labs.enter_context(thread_lab(options, tmp_path / f"lab{next(numbers)}"))

        yield start


@pytest.fixture
def lab(start_lab: StartLab) -> ThreadLab:
    """Two clusters without delays and without faults."""
    return start_lab()
