"""Labs for tests; each test that asks gets one of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.world.harness import WORLDS, LabUnderTest, fresh_lab

NewLab = Callable[..., LabUnderTest]


@pytest.fixture
def new_lab() -> Iterator[NewLab]:
    """Return a function that starts a lab with options of `meshctl lab up`; at speed 0 unless they say otherwise."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(fresh_lab(*options))


@pytest.fixture
def lab(new_lab: NewLab) -> LabUnderTest:
    """A fresh lab of two clusters, without delays."""
    return new_lab()


@pytest.fixture(params=["lab", pytest.param("real", marks=pytest.mark.real)])
def mesh(request: pytest.FixtureRequest) -> Iterator[LabUnderTest]:
    """Two fresh clusters without delays: the lab's, and real API servers with the lab attached to them."""
    with WORLDS[request.param]() as clusters:
        yield clusters
