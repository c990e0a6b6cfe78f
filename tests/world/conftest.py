"""Labs for tests; each test that asks gets one of its own."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.world.harness import LabUnderTest

NewLab = Callable[..., LabUnderTest]


@pytest.fixture
def new_lab() -> Iterator[NewLab]:
    """Return a function that starts a lab with options of `meshctl lab up`; at speed 0 unless they say otherwise."""
    with ExitStack() as stack:

        def make(*options: str) -> LabUnderTest:
            # A socket's path must be short, so not pytest's own folder.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mesh-"))
            lab = LabUnderTest(Path(folder))
            lab.up(*(() if "--speed" in options else ("--speed", "0")), *options)
            stack.callback(lab.down)
            return lab

        yield make


@pytest.fixture
def lab(new_lab: NewLab) -> LabUnderTest:
    """A fresh lab of two clusters, without delays."""
    return new_lab()
