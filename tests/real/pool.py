"""Pairs of control planes, lent to one test at a time and brought back to their beginning in between.

Starting a pair takes seconds of every core, and bringing one back takes less than one. A pair that could not be
brought back is thrown away.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.attached import attached_lab

from .controlplane import ControlPlane, control_planes, write_kubeconfig
from .etcd import Content, kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

Planes = tuple[ControlPlane, ...]
CONTEXTS: Final = ("east", "west")
DEFINITIONS: Final = (
    "/registry/apiextensions.k8s.io/customresourcedefinitions/",
    "/registry/apiregistration.k8s.io/apiservices/",
)
"""Where the operator's CRDs are: they stay, because an API server takes seconds to serve new ones."""


@dataclass(slots=True)
class Pair:
    """Two running control planes, and what each held at its beginning: without and with the operator's CRDs."""

    planes: Planes
    bare: tuple[Content, ...]
    defined: tuple[Content, ...]
    _running: ExitStack

    @classmethod
    def start(cls) -> Self:
        """Start two, and see what they hold."""
        with ExitStack() as stack:
            planes = stack.enter_context(control_planes(*CONTEXTS))
            bare = tuple(plane.etcd.settled() for plane in planes)
            with tempfile.TemporaryDirectory(prefix="mesh-") as folder:
                kubeconfig = write_kubeconfig(Path(folder, "config"), [plane.context() for plane in planes])
                with attached_lab(kubeconfig, Path(folder)):
                    after = [kept(plane.etcd.content(), DEFINITIONS) for plane in planes]
            defined = tuple(have | more for have, more in zip(bare, after, strict=True))
            return cls(planes, bare, defined, stack.pop_all())

    def reset(self, *, bare: bool) -> None:
        """Bring both back to their beginning, and the servers that a test has paused, ended or replaced."""
        for plane, content in zip(self.planes, self.bare if bare else self.defined, strict=True):
            plane.recover()
            plane.renew_controllers()
            plane.etcd.restore(content)

    def stop(self) -> None:
        """End both."""
        self._running.close()


class Pool:
    """The pairs of one test process; `with` ends them all."""

    def __init__(self) -> None:
        self._free: list[Pair] = []
        self._pairs = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pairs.close()

    @contextmanager
    def lent(self, *, bare: bool = False) -> Iterator[Planes]:
        """Lend a pair that is as good as new; what is done to it may stay.

        It has the CRDs of the operator, as a cluster has where an administrator has installed it, unless it is `bare`.
        """
        pair = self._free.pop() if self._free else self._started()
        try:
            pair.reset(bare=bare)
            yield pair.planes
        except BaseException:
            pair.stop()
            raise
        self._free.append(pair)

    def _started(self) -> Pair:
        pair = Pair.start()
        self._pairs.callback(pair.stop)
        return pair
