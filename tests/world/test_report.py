"""Every run can leave a report of where its time went, whatever becomes of the run."""

import json
import signal
import stat
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.world.conftest import NewLab
from tests.world.harness import MESH, SECONDS, LabUnderTest

SHORT = ("--set", "timeouts.address=2s")


def report(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    assert (found["v"], found["type"]) == (1, "timeline")
    return found


def outcomes(said: dict[str, Any]) -> set[str]:
    return {step["outcome"] for plan in said["plans"] for step in plan["steps"]}


def test_every_command_leaves_one_however_it_ends(new_lab: NewLab, tmp_path: Path) -> None:
    lab, file, page = new_lab("--fault", "lb-never@east"), tmp_path / "run.json", tmp_path / "run.html"

    failed = lab.install("--report", str(file), *SHORT)
    assert failed.code == 4
    assert failed.err.endswith(f"report: {file}\n")
    said = report(file)
    assert (said["command"], said["exit_code"], said["error"]) == ("install", 4, None)
    (asked,) = [one for one in said["plans"][0]["steps"] if one["outcome"] == "failed"]
    assert (asked["cluster"], asked["failure"]["exit_code"]) == ("cluster1", 4)
    (wait,) = asked["waits"]
    assert wait["what"] == "the load balancer to give an address"
    assert [one["text"].rpartition(": ")[2] for one in wait["reasons"]] == [
        "the load balancer has not given an address yet"
    ]
    assert outcomes(said) == {"succeeded", "failed", "skipped"}
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"], "nothing else is left beside it"

    lab.clear()
    lab.fault("operator-absent@west")
    refused = lab.install("--report", str(file))
    assert refused.code == 3
    assert "operator" in report(file)["error"]["message"]
    assert report(file)["plans"] == []
    lab.clear()

    assert lab.install("--report", str(file)).code == 0
    said = report(file)
    assert (said["exit_code"], outcomes(said)) == (0, {"succeeded"})
    path = said["plans"][0]["critical_path"]
    steps = {step["key"]: step for step in said["plans"][0]["steps"]}
    assert [key for key in steps if steps[key]["critical"]] != []
    assert all(before in steps[after]["needs"] for before, after in pairwise(path))

    verified = lab.verify("--report", str(page))
    assert verified.code == 0
    text = page.read_text()
    assert "meshctl verify of mesh1: done" in text
    assert "Remove the samples" in text
    assert lab.verify("-o", "json", "--report", str(file)).code == 0
    assert [plan["title"].split()[0] for plan in report(file)["plans"]] == ["Verify", "Remove"]

    assert lab.teardown("-o", "json", "--report", str(file)).code == 0
    assert report(file)["command"] == "teardown"


def test_an_interrupted_run_leaves_one(new_lab: NewLab, tmp_path: Path) -> None:
    lab, file = new_lab("--fault", "lb-never@east"), tmp_path / "run.json"
    process = lab.begin("install", *MESH, "--plain", "--report", str(file))
    assert process.stderr is not None
    for line in process.stderr:
        if "the load balancer has not given an address yet" in line:
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert err.endswith(f"report: {file}\n")
    assert report(file)["exit_code"] == 130
    assert "interrupted" in outcomes(report(file))


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("run.txt", "ends in none of .html, .json"),
        ("no/such/folder/run.html", "no such file or directory"),
        ("folder.json", "is a directory"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_begins(tmp_path: Path, name: str, complaint: str) -> None:
    (tmp_path / "folder.json").mkdir()
    # There are no such clusters: whoever asked one of them would say so.
    (tmp_path / "kubeconfig").write_text(
        json.dumps(
            {
                "clusters": [
                    {"name": name, "cluster": {"server": f"https://127.0.0.1:{port}"}}
                    for name, port in (("east", 1), ("west", 2))
                ],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": one, "context": {"cluster": one, "user": "u"}} for one in ("east", "west")],
            }
        )
    )
    for command in ("install", "verify", "teardown"):
        result = LabUnderTest(tmp_path).meshctl(command, *MESH, "--report", str(tmp_path / name))
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("error: --report: ")
        assert complaint in result.err
        assert result.err.count("\n") == 1
    assert not (tmp_path / "state").exists()


def test_a_dry_run_has_nothing_to_report(tmp_path: Path) -> None:
    result = LabUnderTest(tmp_path).install("--dry-run", "--report", str(tmp_path / "run.html"))
    assert result.code == 2
    assert "exclude each other" in result.err


def test_the_journals_of_the_last_runs_are_kept_for_their_owner(new_lab: NewLab, tmp_path: Path) -> None:
    lab = new_lab()
    folder = lab.folder / "state" / "journals"
    assert lab.install("--dry-run").code == 0
    assert not folder.exists(), "a dry run performs nothing"
    assert lab.install().code == 0
    (journal,) = folder.iterdir()
    assert stat.filemode(journal.stat().st_mode) == "-rw-------"
    assert stat.filemode(folder.stat().st_mode) == "drwx------"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [lines[0]["type"], lines[-1]["type"], lines[-1]["exit_code"]] == ["run", "left", 0]
    for number in range(12):
        (folder / f"20200101T00000{number:02}.0-install-old.jsonl").write_text("")
    assert lab.install().code == 0
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 10
    assert journal.name in names


def test_a_run_that_is_killed_leaves_its_journal(new_lab: NewLab) -> None:
    lab = new_lab("--fault", "lb-never@east")
    process = lab.begin("install", *MESH, "--plain")
    assert process.stderr is not None
    for line in process.stderr:
        if "the load balancer has not given an address yet" in line:
            break
    process.kill()
    process.communicate(timeout=SECONDS)
    (journal,) = (lab.folder / "state" / "journals").iterdir()
    types = [json.loads(line)["type"] for line in journal.read_text().splitlines()]
    assert types[0] == "run"
    assert "progressed" in types
    assert "left" not in types
