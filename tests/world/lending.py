"""One lab for many tests, as long as each brings it back whole."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.world.harness import LabUnderTest, World


class Loan:
    """One lab with a mesh on it, lent to a test at a time; one that a test did not bring back whole is replaced."""

    def __init__(self, stack: ExitStack, world: World) -> None:
        self._stack = stack
        self._world = world
        self._lab: LabUnderTest | None = None

    @contextmanager
    def lab(self) -> Iterator[LabUnderTest]:
        lab, self._lab = self._lab, None
        if lab is None:
            self._stack.close()
            lab = self._stack.enter_context(self._world())
            installed = lab.install()
            assert installed.code == 0, installed.said
        yield lab
        self._lab = lab
