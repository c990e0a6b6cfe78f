import pytest

from meshctl.render.junit import Case
from meshctl.render.matrix import cases, document, table
from meshctl.verification import Matrix

from .page import documented

ALL = {("cluster1", "v1"): 6, ("cluster1", "v2"): 4, ("cluster2", "v1"): 5, ("cluster2", "v2"): 5}
LIKELY = {("cluster2", "v1"): "the Service helloworld is not there\non cluster2"}


def matrix(counts: dict[tuple[str, str], int], hints: dict[tuple[str, str], str] | None = None) -> Matrix:
    return Matrix(("cluster1", "cluster2"), ("v1", "v2"), counts, 10, hints or {})


def without(*pairs: tuple[str, str]) -> dict[tuple[str, str], int]:
    return {pair: number for pair, number in ALL.items() if pair not in pairs}


COMPLETE = """\
from \\ to  v1 (cluster1)  v2 (cluster2)
cluster1               6              4
cluster2               5              5

Every version answered every cluster (10 requests from each cluster)."""

INCOMPLETE = """\
from \\ to  v1 (cluster1)  v2 (cluster2)
cluster1               6        MISSING
cluster2         MISSING              5

2 pairs of 4 missing (10 requests from each cluster):
  cluster1 -> v2 (cluster2): never answered
  cluster2 -> v1 (cluster1): never answered
      likely  the Service helloworld is not there on cluster2"""


def test_tables() -> None:
    assert table(matrix(ALL)) == COMPLETE
    assert table(matrix(without(("cluster1", "v2"), ("cluster2", "v1")), LIKELY)) == INCOMPLETE


def test_a_zero_is_missing_too() -> None:
    zero = matrix(ALL | {("cluster1", "v2"): 0})
    assert zero.missing() == (("cluster1", "v2"),)
    assert not zero.complete()


def test_nothing_proves_nothing() -> None:
    empty = Matrix((), (), {}, 0, {})
    assert not empty.complete()
    assert table(empty).endswith("\nNothing was asked.")


@pytest.mark.parametrize(
    ("versions", "version", "expected"),
    [(("v1", "v2"), "v2", "cluster2"), (("v1",), "v1", ""), (("v1", "v2"), "v9", "")],
)
def test_where_a_version_runs(versions: tuple[str, ...], version: str, expected: str) -> None:
    assert Matrix(("cluster1", "cluster2"), versions, {}, 0, {}).home(version) == expected


def test_a_large_mesh_gets_a_sentence_per_cluster() -> None:
    names = tuple(f"c{number}" for number in range(10))
    versions = tuple(f"v{number}" for number in range(10))
    counts = {(name, version): 3 for name in names for version in versions}
    del counts["c3", "v1"]
    lines = table(Matrix(names, versions, counts, 30, {})).splitlines()
    assert lines[2:5] == [
        "c2  10 of 10 versions answered, each at least 3 times",
        "c3  9 of 10 versions answered, MISSING: v1 (c1)",
        "c4  10 of 10 versions answered, each at least 3 times",
    ]
    assert lines[-2:] == [
        "1 pair of 100 missing (30 requests from each cluster):",
        "  c3 -> v1 (c1): never answered",
    ]


def test_the_document_as_pinned() -> None:
    assert document(matrix(without(("cluster2", "v1")), LIKELY)) == {
        "v": 1,
        "type": "verification",
        "complete": False,
        "clusters": ["cluster1", "cluster2"],
        "versions": ["v1", "v2"],
        "requests": 10,
        "answers": [
            {"from": "cluster1", "version": "v1", "count": 6},
            {"from": "cluster1", "version": "v2", "count": 4},
            {"from": "cluster2", "version": "v1", "count": 0},
            {"from": "cluster2", "version": "v2", "count": 5},
        ],
        "missing": [
            {"from": "cluster2", "version": "v1", "hint": "the Service helloworld is not there on cluster2"},
        ],
    }
    assert set(document(matrix(ALL))) == documented("`verification`")
    assert document(matrix(ALL))["complete"] is True
    assert document(matrix(ALL))["missing"] == []


def test_a_case_per_pair() -> None:
    assert cases(matrix(without(("cluster2", "v1")), LIKELY), seconds=3) == (
        Case("from cluster1", "cluster1 -> v1 (cluster1)", 1.5),
        Case("from cluster1", "cluster1 -> v2 (cluster2)", 1.5),
        Case(
            "from cluster2",
            "cluster2 -> v1 (cluster1)",
            1.5,
            "v1 never answered 10 requests from cluster2\nlikely: the Service helloworld is not there on cluster2",
        ),
        Case("from cluster2", "cluster2 -> v2 (cluster2)", 1.5),
    )
