"""Labs for tests; each test that asks gets one of its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.real.pool import Pool
from tests.world.harness import LabUnderTest, World, fresh_lab, worlds_of

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


@pytest.fixture(scope="session")
def worlds(pool: Pool) -> Mapping[str, World]:
    """Return how to come by two clusters in each world."""
    return worlds_of(pool)


@pytest.fixture(params=["lab", pytest.param("real", marks=pytest.mark.real)])
def mesh(request: pytest.FixtureRequest, worlds: Mapping[str, World]) -> Iterator[LabUnderTest]:
    """Two fresh clusters without delays: the lab's, and real API servers with the lab attached to them."""
    with worlds[request.param]() as clusters:
        yield clusters
