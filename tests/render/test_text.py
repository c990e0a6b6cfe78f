from datetime import timedelta, timezone

import pytest

from meshctl.render.text import clock, count, date, one_line, several, span, ticking

from .story import NOON

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLWJ5dGVz"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as it is", "as it is"),
        ("two\nlines\r\n", "two lines"),
        ("tabs\tand   spaces", "tabs and spaces"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("back\x08space \x1b", "back space"),
        ("right\u202eto left", "right to left"),
        (f"token {TOKEN} was refused", "token <hidden> was refused"),
        (f"key: {KEY} end", "key: <hidden> end"),
        ("key: -----BEGIN PRIVATE KEY-----\nMII", "key: <hidden>"),
        ("Authorization: Bearer 0123456789abcdef0123", "Authorization: Bearer <hidden>"),
        ("the Bearer token has expired", "the Bearer token has expired"),
        ("Umlaute äöü und 漢字", "Umlaute äöü und 漢字"),
    ],
)
def test_texts_from_elsewhere_become_one_harmless_line(text: str, expected: str) -> None:
    assert one_line(text) == expected


@pytest.mark.parametrize(
    ("seconds", "finished", "running"),
    [
        (-0.001, "0.0 s", "0 s"),
        (0, "0.0 s", "0 s"),
        (0.44, "0.4 s", "0 s"),
        (59.94, "59.9 s", "59 s"),
        (59.96, "1 min 00 s", "59 s"),
        (72.4, "1 min 12 s", "1 min 12 s"),
        (3599.7, "1 h 00 min", "59 min 59 s"),
        (7320, "2 h 02 min", "2 h 02 min"),
    ],
)
def test_durations(seconds: float, finished: str, running: str) -> None:
    assert (span(seconds), ticking(seconds)) == (finished, running)


def test_moments_are_shown_where_we_are() -> None:
    east = timezone(timedelta(hours=8), "CST")
    assert (clock(NOON), date(NOON)) == ("12:00:00", "2026-11-24, UTC")
    assert (clock(NOON, east), date(NOON, east)) == ("20:00:00", "2026-11-24, CST")


def test_counts_and_lists() -> None:
    assert [count(number, "step") for number in (0, 1, 2)] == ["0 steps", "1 step", "2 steps"]
    assert several(["a", "b"], "cluster", most=2) == "a, b"
    assert several(["a", "b", "c"], "cluster", most=2) == "3 clusters"
