"""Which server binaries are taken, and what is said when they cannot be made; nothing is compiled here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from . import build

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

COMPILES = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho compiled > "$2"\nchmod +x "$2"\n'
FAILS = '#!/bin/sh\necho "no such module" >&2\nexit 1\n'


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no assets, and a PATH (of /bin and this folder) on which tests place their `go`."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv(build.ASSETS_VARIABLE, raising=False)
    return folder


def place(folder: Path, names: Iterable[str], script: str = "#!/bin/sh\n") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)


def test_every_staging_module_is_pinned_to_the_release() -> None:
    release = build.kubernetes_version().replace("v1.", "v0.", 1)
    text = (build.MODULE / "go.mod").read_text(encoding="utf-8")
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 20
    assert all(old == new and version == release for old, new, version in replaced)


def test_cached_servers_are_taken_without_go() -> None:
    place(build.cache_folder(), build.PACKAGES)
    assert build.ensure().folders == [build.cache_folder()]


def test_assets_come_first_and_the_cache_fills_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets = tmp_path / "assets"
    place(assets, ["etcd", "kube-apiserver"])
    place(build.cache_folder(), build.PACKAGES)
    monkeypatch.setenv(build.ASSETS_VARIABLE, str(assets))
    binaries = build.ensure()
    assert (binaries.etcd.parent, binaries.kube_apiserver.parent) == (assets, assets)
    assert binaries.kube_controller_manager == build.cache_folder() / "kube-controller-manager"


def test_without_go_the_message_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main() == 1
    assert re.search(r"Go 1\.\d+ or newer has to be on PATH", capsys.readouterr().err)


def test_what_is_missing_is_compiled_once(
    tools: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    place(tools, ["go"], COMPILES)
    assert build.main() == 0
    (tools / "go").unlink()
    assert build.main() == 0
    assert capfd.readouterr().out == f"{build.cache_folder()}\n" * 2
    assert {path.name for path in build.cache_folder().iterdir()} == {*build.PACKAGES, ".lock"}


def test_a_failed_build_leaves_nothing_behind(tools: Path, capfd: pytest.CaptureFixture[str]) -> None:
    place(tools, ["go"], FAILS)
    assert build.main() == 1
    shown = capfd.readouterr().err
    assert "no such module" in shown
    assert "go build of etcd failed" in shown
    assert [path.name for path in build.cache_folder().iterdir()] == [".lock"]
