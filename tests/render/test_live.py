"""The live display on a pretended terminal: what it leaves behind."""

import sys
from io import StringIO

import pytest
from rich.console import Console

from meshctl.render.live import PER_SECOND, LiveSink

from .story import EVENTS, NOON

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def terminal() -> tuple[Console, StringIO]:
    stream = StringIO()
    return Console(file=stream, force_terminal=True, width=80, height=24, color_system=None), stream


class BrokenError(Exception):
    pass


def break_off(sink: LiveSink) -> None:
    for event in EVENTS[:9]:
        sink(event)
    raise BrokenError


def test_the_cursor_comes_back_and_the_picture_goes_when_the_run_has_ended() -> None:
    console, stream = terminal()
    with LiveSink(console, lambda: NOON + 20) as sink:
        for event in EVENTS:
            sink(event)
    written = stream.getvalue()
    assert written.startswith(HIDE)
    assert written.count(HIDE) == written.count(SHOW)
    # The picture's six lines and the line break after them are wiped from below.
    assert written.rpartition(SHOW)[2].count("\x1b[1A\x1b[2K") >= 6


def test_the_last_state_stays_when_the_run_breaks_off() -> None:
    console, stream = terminal()
    with pytest.raises(BrokenError), LiveSink(console, lambda: NOON + 20) as sink:
        break_off(sink)
    written = stream.getvalue()
    assert "  cluster1  ✓ 2 done" in written
    assert written.endswith(SHOW)


def test_an_interrupt_restores_the_terminal_too() -> None:
    console, stream = terminal()
    before = sys.stderr
    with pytest.raises(KeyboardInterrupt), LiveSink(console, lambda: NOON + 20):
        raise KeyboardInterrupt
    assert stream.getvalue().endswith(SHOW)
    assert sys.stderr is before


def test_notes_go_above_the_picture_uncut() -> None:
    console, stream = terminal()
    with LiveSink(console, lambda: NOON + 20) as sink:
        sink(EVENTS[0])
        sink.note("GET /api/v1/" + "x" * 100 + " [not markup]")
    assert "GET /api/v1/" + "x" * 100 + " [not markup]" in stream.getvalue()


def test_it_can_be_entered_again_without_wiping_what_came_between() -> None:
    console, stream = terminal()
    sink = LiveSink(console, lambda: NOON + 20)
    for _ in range(2):
        with sink:
            sink(EVENTS[0])
        sink.note("between")
    again = stream.getvalue().partition("between")[2]
    # One picture is drawn on leaving; had the first been remembered, the second would begin by going up.
    assert again.index("Install mesh1") < again.index(SHOW)
    assert "\x1b[1A" not in again.partition("Install mesh1")[0]


def test_nothing_is_drawn_before_the_plan() -> None:
    console, stream = terminal()
    with LiveSink(console, lambda: NOON):
        pass
    assert stream.getvalue().replace(HIDE, "").replace(SHOW, "").strip() == ""


def test_the_pace_is_bounded() -> None:
    assert PER_SECOND <= 8
