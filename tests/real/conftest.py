"""What the tests against real control planes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .controlplane import write_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .pool import Planes, Pool


@pytest.fixture(scope="module")
def planes(pool: Pool) -> Iterator[Planes]:
    """Two control planes for a module: what a test does to one it has to undo."""
    with pool.lent() as pair:
        yield pair


@pytest.fixture(scope="module")
def kubeconfig_file(planes: Planes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One kubeconfig with the administrator's context of each plane."""
    path = tmp_path_factory.mktemp("kubeconfig") / "config"
    return write_kubeconfig(path, [plane.context() for plane in planes])
