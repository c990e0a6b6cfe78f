"""A folder is written whole or not at all, and what is somebody else's stays."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshctl.errors import SpecError
from meshctl.export.folder import MARKER, undisturbed, write_folder

FIRST = {"README.md": "one\n", "cluster1/01-a.yaml": "a: 1\n", "cluster2/01-b.yaml": "b: 1\n"}
SECOND = {"README.md": "two\n", "cluster1/01-a.yaml": "a: 2\n"}


def content(folder: Path) -> dict[str, str]:
    """Return everything in a folder but the marker."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MARKER)
    return {str(path.relative_to(folder)): path.read_text() for path in found}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where to write; nothing unfinished may be left beside it."""
    yield tmp_path / "deep" / "out"
    assert [path for path in tmp_path.rglob("*") if "unfinished" in path.name] == []


def test_the_second_time_replaces_the_first(folder: Path) -> None:
    write_folder(folder, FIRST, force=False)
    assert content(folder) == FIRST
    write_folder(folder, FIRST, force=False)
    assert content(folder) == FIRST
    write_folder(folder, SECOND, force=False)
    assert content(folder) == SECOND
    assert not (folder / "cluster2").exists()


def test_an_empty_folder_and_a_fresh_repository_will_do(folder: Path) -> None:
    (folder / ".git").mkdir(parents=True)
    write_folder(folder, FIRST, force=False)
    assert content(folder) == FIRST
    assert (folder / ".git").is_dir()


def test_what_others_have_put_there_stays(folder: Path) -> None:
    write_folder(folder, FIRST, force=False)
    (folder / "cluster2" / "notes.txt").write_text("mine")
    write_folder(folder, SECOND, force=False)
    assert content(folder) == {**SECOND, "cluster2/notes.txt": "mine"}


def foreign(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")


def edited(folder: Path) -> None:
    write_folder(folder, FIRST, force=False)
    (folder / "cluster1" / "01-a.yaml").write_text("a: mine\n")
    (folder / "cluster2" / "01-b.yaml").write_text("b: mine\n")


def in_the_way(folder: Path) -> None:
    write_folder(folder, {"README.md": "one\n"}, force=False)
    (folder / "cluster1").mkdir()
    (folder / "cluster1" / "01-a.yaml").write_text("a: mine\n")


def broken_marker(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / MARKER).write_text("{")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (foreign, ["is not empty, and not a folder that meshctl has rendered"]),
        (edited, ["01-a.yaml was changed since it was rendered", "01-b.yaml was changed since it was rendered"]),
        (in_the_way, ["01-a.yaml is in the way, and not of meshctl's making"]),
        (broken_marker, ["is not empty, and not a folder that meshctl has rendered"]),
    ],
)
def test_nothing_of_anybody_elses_is_overwritten_but_by_force(folder: Path, make: object, said: list[str]) -> None:
    assert callable(make)
    make(folder)
    before = content(folder)

    with pytest.raises(SpecError) as refused:
        write_folder(folder, FIRST, force=False)
    assert [any(text in problem for problem in refused.value.problems) for text in said] == [True] * len(said)
    assert len(refused.value.problems) == len(said)
    assert content(folder) == before

    write_folder(folder, FIRST, force=True)
    assert FIRST.items() <= content(folder).items()
    assert content(folder).get("thesis.tex") == before.get("thesis.tex")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("text")
    for force in (False, True):
        with pytest.raises(SpecError, match="is not a folder"):
            write_folder(tmp_path / "out", FIRST, force=force)


def test_a_marker_leads_nowhere_else(folder: Path) -> None:
    write_folder(folder, FIRST, force=False)
    outside = folder.parent / "precious"
    outside.write_text("one\n")
    marker = json.loads((folder / MARKER).read_text())
    marker["files"] |= {"../precious": marker["files"]["README.md"], str(outside): marker["files"]["README.md"]}
    (folder / MARKER).write_text(json.dumps(marker))

    write_folder(folder, SECOND, force=True)

    assert outside.read_text() == "one\n"


def test_what_cannot_be_written_leaves_everything_as_it_was(folder: Path) -> None:
    write_folder(folder, FIRST, force=False)
    # A file where a folder is to be: that is found out when the exchange has begun.
    (folder / "flux").write_text("mine")
    with pytest.raises(FileExistsError):
        write_folder(folder, {**SECOND, "flux/kustomizations.yaml": "x"}, force=True)
    assert content(folder) == {**FIRST, "flux": "mine"}


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests run in the background of a shell: that has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_comes_after_the_writing(ctrl_c: None) -> None:
    seen: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted_while_writing(seen)
    assert seen == ["written"]


def interrupted_while_writing(seen: list[str]) -> None:
    """Write, and be interrupted meanwhile."""
    with undisturbed():
        os.kill(os.getpid(), signal.SIGINT)
        seen.append("written")
    seen.append("never")
