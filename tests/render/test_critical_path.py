"""Which chain of steps decided how long a run took: a table."""

import pytest

from meshctl.render.critical_path import critical_path

Needs = dict[str, tuple[str, ...]]


@pytest.mark.parametrize(
    ("needs", "ends", "expected"),
    [
        pytest.param({}, {}, (), id="nothing was done"),
        pytest.param({"a": ()}, {"a": 1.0}, ("a",), id="one step"),
        pytest.param({"a": ()}, {}, (), id="a step that never began"),
        pytest.param({"a": (), "b": ("a",)}, {"a": 1.0, "b": 3.0}, ("a", "b"), id="a chain"),
        pytest.param({"a": (), "b": ()}, {"a": 2.0, "b": 1.0}, ("a",), id="apart: the later end"),
        pytest.param(
            {"quick": (), "slow": (), "last": ("quick", "slow"), "apart": ()},
            {"quick": 1.0, "slow": 9.0, "last": 10.0, "apart": 8.0},
            ("slow", "last"),
            id="the need that ended last",
        ),
        pytest.param(
            {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")},
            {"a": 1.0, "b": 5.0, "c": 4.0, "d": 6.0},
            ("a", "b", "d"),
            id="a diamond",
        ),
        pytest.param(
            {"a": (), "b": ("a",), "c": ("b",)},
            {"a": 1.0, "b": 5.0},
            ("a", "b"),
            id="what was skipped is not on it",
        ),
        pytest.param(
            {"a": (), "b": ("a",), "sweep": ("b",)},
            {"a": 5.0, "sweep": 6.0},
            ("sweep",),
            id="a step that is always performed, after one that was not",
        ),
        pytest.param(
            {"a": (), "b": ("a",), "long": ()},
            {"a": 1.0, "b": 2.0, "long": 7.0},
            ("long",),
            id="a long step that nobody needs",
        ),
    ],
)
def test_the_chain(needs: Needs, ends: dict[str, float], expected: tuple[str, ...]) -> None:
    assert critical_path(needs, ends) == expected
