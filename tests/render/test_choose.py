from collections.abc import Mapping
from datetime import UTC
from io import StringIO

import pytest
from rich.text import Text

from meshctl.render.choose import Look, Output, choose, open_sink, say
from meshctl.render.jsonl import JsonSink
from meshctl.render.live import LiveSink
from meshctl.render.plain import PlainSink

from .story import EVENTS

XTERM = {"TERM": "xterm-256color"}
DUMB = {"TERM": "dumb"}


@pytest.mark.parametrize(
    ("output", "is_terminal", "environ", "expected"),
    [
        (Output.AUTO, True, XTERM, Look(Output.LIVE, colour=True)),
        (Output.AUTO, True, {}, Look(Output.LIVE, colour=True)),
        (Output.AUTO, False, XTERM, Look(Output.PLAIN, colour=False)),
        (Output.AUTO, True, XTERM | {"NO_COLOR": "1"}, Look(Output.LIVE, colour=False)),
        (Output.AUTO, True, XTERM | {"NO_COLOR": ""}, Look(Output.LIVE, colour=True)),
        (Output.AUTO, True, XTERM | {"CI": "true"}, Look(Output.PLAIN, colour=True)),
        (Output.AUTO, True, XTERM | {"CI": "1"}, Look(Output.PLAIN, colour=True)),
        (Output.AUTO, True, XTERM | {"CI": "false"}, Look(Output.LIVE, colour=True)),
        (Output.AUTO, True, DUMB, Look(Output.PLAIN, colour=False)),
        (Output.LIVE, True, XTERM | {"CI": "true"}, Look(Output.LIVE, colour=True)),
        (Output.LIVE, True, DUMB, Look(Output.PLAIN, colour=False)),
        (Output.LIVE, False, XTERM, Look(Output.PLAIN, colour=False)),
        (Output.PLAIN, True, XTERM, Look(Output.PLAIN, colour=True)),
        (Output.PLAIN, True, XTERM | {"NO_COLOR": "1"}, Look(Output.PLAIN, colour=False)),
        (Output.JSON, True, XTERM, Look(Output.JSON, colour=True)),
        (Output.JSON, False, {"CI": "true"}, Look(Output.JSON, colour=False)),
    ],
)
def test_who_decides(output: Output, is_terminal: bool, environ: Mapping[str, str], expected: Look) -> None:
    assert choose(output, is_terminal=is_terminal, environ=environ) == expected


@pytest.mark.parametrize(
    ("output", "kind", "out", "err"),
    [
        (Output.JSON, JsonSink, '{"v": 1, "type": "started"', "a request\n"),
        (Output.PLAIN, PlainSink, "", "12:00:00  cluster1    started   Create the namespaces\na request\n"),
        (Output.LIVE, LiveSink, "", "\x1b[?25l"),
    ],
)
def test_results_go_to_stdout_and_progress_to_stderr(output: Output, kind: type, out: str, err: str) -> None:
    stdout, stderr = StringIO(), StringIO()
    with open_sink(Look(output, colour=False), stdout=stdout, stderr=stderr, zone=UTC) as sink:
        assert isinstance(sink, kind)
        sink(EVENTS[1])
        sink.note("a request")
    assert stdout.getvalue().startswith(out)
    assert bool(stdout.getvalue()) == bool(out)
    assert stderr.getvalue().startswith(err)


def test_without_a_zone_times_are_those_of_the_machine() -> None:
    stderr = StringIO()
    with open_sink(Look(Output.PLAIN, colour=False), stdout=StringIO(), stderr=stderr) as sink:
        sink(EVENTS[1])
    assert stderr.getvalue().endswith("  cluster1    started   Create the namespaces\n")


def test_styled_texts_are_never_wrapped() -> None:
    long = "a sentence of some words " * 20
    plain, coloured = StringIO(), StringIO()
    say(Text(long, style="red"), plain, colour=False)
    say(Text(long, style="red"), coloured, colour=True)
    assert plain.getvalue() == f"{long}\n"
    assert coloured.getvalue().count("\n") == 1
    assert "\x1b[31m" in coloured.getvalue()
