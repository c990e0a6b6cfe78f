"""The catalogue is what findings, `explain` and the reference are made of: it must be whole and in order."""

import re

import pytest

from meshctl.checks.catalog import CATALOG, DIAGNOSIS, PREFLIGHT, STATUS, Category, Check, check_of

CASES = [pytest.param(check, id=check.code) for check in CATALOG]


def test_codes_are_unique_and_in_order() -> None:
    for checks, first in ((PREFLIGHT, "1"), (DIAGNOSIS, "2"), (STATUS, "3")):
        codes = [check.code for check in checks]
        assert codes == sorted(set(codes))
        assert all(re.fullmatch(rf"MESH-{first}\d\d", code) for code in codes)


def test_the_categories_of_preflight_come_one_after_the_other() -> None:
    order = [check.category for check in PREFLIGHT]
    assert order == sorted(order, key=list(Category).index)


@pytest.mark.parametrize("check", CASES)
def test_every_text_is_whole(check: Check) -> None:
    assert check.title == check.title.strip()
    assert check.title[-1] not in ".!?"
    assert check.title.lower() != check.explanation.lower()
    assert check.explanation.endswith(".")
    assert check.remedy
    for text in (check.title, check.explanation, check.remedy):
        assert "  " not in text
        assert text.count("`") % 2 == 0


@pytest.mark.parametrize("typed", ["MESH-103", "mesh-103", " Mesh-103 ", "103"])
def test_a_code_is_found_however_it_was_typed(typed: str) -> None:
    found = check_of(typed)
    assert found is not None
    assert found.code == "MESH-103"


def test_what_is_no_code_finds_nothing() -> None:
    assert check_of("MESH-999") is None
    assert check_of("") is None
