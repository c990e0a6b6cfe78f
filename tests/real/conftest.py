"""What the tests against real control planes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .controlplane import ControlPlane, control_planes, write_kubeconfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def planes() -> Iterator[tuple[ControlPlane, ...]]:
    """Two control planes for the whole run: what a test does to one it has to undo."""
    with control_planes("east", "west") as pair:
        yield pair


@pytest.fixture(scope="session")
def kubeconfig_file(planes: tuple[ControlPlane, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One kubeconfig with the administrator's context of each plane."""
    path = tmp_path_factory.mktemp("kubeconfig") / "config"
    return write_kubeconfig(path, [plane.context() for plane in planes])
