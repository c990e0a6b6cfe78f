"""A journal is read back as it was written, and as far as it was."""

import pytest

from meshctl.errors import Exit
from meshctl.events import Event, Warned
from meshctl.render.journal import Closing, Journal, Opening, Place, closing_line, event_line, opening_line, read

from .story import EVENTS, NOON

OPENING = Opening(
    NOON - 1,
    "install",
    "mesh1",
    (Place("cluster1", "east", "network1"), Place("cluster2", "west", "network2")),
    "1.2.3",
)
CLOSING = Closing(NOON + 613, Exit.TIMEOUT)
ALL: tuple[Event, ...] = (Warned(NOON - 0.5, None, "clocks differ"), *EVENTS)
LINES = [opening_line(OPENING), *map(event_line, ALL), closing_line(CLOSING)]


def test_what_is_written_is_read() -> None:
    assert read(LINES) == Journal(OPENING, ALL, CLOSING)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], None),
        (LINES[1:], None),
        (LINES[:5], Journal(OPENING, ALL[:4], None)),
        ([*LINES[:4], LINES[4][:20]], Journal(OPENING, ALL[:3], None)),
        ([*LINES, '{"v": 1, "type": "of a later meshctl", "at": 1, "step": null}'], Journal(OPENING, ALL, CLOSING)),
        ([*LINES, '{"v": 99, "type": "run"}', "[]", ""], Journal(OPENING, ALL, CLOSING)),
    ],
)
def test_what_is_there_is_read(lines: list[str], expected: Journal | None) -> None:
    assert read(lines) == expected


def test_an_error_keeps_its_lines() -> None:
    closing = Closing(NOON, Exit.REFUSED, "nothing was written, because\ncluster1: no operator", "cure it")
    found = read([opening_line(OPENING), closing_line(closing)])
    assert found == Journal(OPENING, (), closing)
