from io import StringIO

import pytest

from meshctl.errors import LockedError, MeshctlError, RefusedError, SpecError
from meshctl.render.choose import say
from meshctl.render.problems import problems

ONE = "error: mesh.yaml: west[1].network: already used by cluster1"
MANY = """\
error: 2 problems
  mesh.yaml: mesh_id: must not be empty
  mesh.yaml: west[1].network: already used by cluster1
hint: print the schema: meshctl schema"""
REFUSED = """\
error: the clusters are not fit
  cluster1: no operator
  cluster2: no operator
hint: install the operator,
      then run the same command again"""


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SpecError(["mesh.yaml: west[1].network: already used by cluster1"]), ONE),
        (
            SpecError(
                ["mesh.yaml: mesh_id: must not be empty", "mesh.yaml: west[1].network: already used by cluster1"],
                hint="print the schema: meshctl schema",
            ),
            MANY,
        ),
        (
            RefusedError(
                "the clusters are not fit\ncluster1: no operator\n\ncluster2: no operator",
                hint="install the operator,\nthen run the same command again",
            ),
            REFUSED,
        ),
        (LockedError("cluster1: held by another run"), "error: cluster1: held by another run"),
        (MeshctlError("\x1b[2Jodd\ttext"), "error: odd text"),
        (MeshctlError(""), "error: MeshctlError"),
    ],
)
def test_texts(error: MeshctlError, expected: str) -> None:
    assert problems(error).plain == expected


def test_colour_adds_nothing_but_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = StringIO()
    say(problems(MeshctlError("bad", hint="do [this]")), stream, colour=True)
    assert stream.getvalue() == "\x1b[1;31merror: \x1b[0mbad\n\x1b[1mhint: \x1b[0mdo [this]\n"
