"""Texts never hold secrets; should one slip in, no renderer lets it out."""

import json
from collections.abc import Callable

import pytest
from rich.console import ConsoleDimensions

from meshctl.errors import Exit, MeshctlError
from meshctl.events import Ended, Event, Failure, Finished, Outcome, Planned, Progressed, Started, Warned
from meshctl.render import jsonl, plain, timeline_json
from meshctl.render.draw import draw
from meshctl.render.journal import Closing, Journal, Opening, Place, closing_line, event_line, opening_line
from meshctl.render.junit import Case, junit
from meshctl.render.matrix import table
from meshctl.render.problems import problems
from meshctl.render.summary import summary
from meshctl.render.timeline import timeline
from meshctl.render.timeline_page import timeline_page
from meshctl.render.tree import grown
from meshctl.verification import Matrix

from .story import ISTIO, NOON, REMOTE

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJlLWJ5dGVz"
TEXT = f"refused: {TOKEN}"
FAILURE = Failure(TEXT, TEXT, TEXT, Exit.FAILED)
EVENTS: tuple[Event, ...] = (
    Planned(NOON, TEXT, ("cluster1", "cluster2"), (ISTIO, REMOTE)),
    Warned(NOON, ISTIO, TEXT),
    Warned(NOON, None, TEXT),
    Started(NOON, REMOTE),
    Progressed(NOON, REMOTE, TEXT),
    Finished(NOON, ISTIO, Outcome.FAILED, 1, TEXT, FAILURE),
    Ended(NOON, 1, Exit.FAILED, 0, 1, 0),
)
JOURNAL = Journal(
    Opening(NOON, "install", TEXT, (Place("cluster1", TEXT, "network1"),), "1.0"),
    EVENTS,
    Closing(NOON + 1, Exit.REFUSED, TEXT, TEXT),
)
RENDERERS: dict[str, Callable[[], str]] = {
    "plain": lambda: "\n".join(filter(None, map(plain.line, EVENTS))),
    "json": lambda: "\n".join(map(jsonl.line, EVENTS)),
    "live": lambda: draw(grown(EVENTS), NOON, ConsoleDimensions(400, 40)).plain,
    "live, small": lambda: draw(grown(EVENTS), NOON, ConsoleDimensions(400, 4)).plain,
    "summary": lambda: summary(grown(EVENTS)).plain,
    "problems": lambda: problems(MeshctlError(TEXT, hint=TEXT)).plain,
    "report": lambda: timeline_page(timeline(JOURNAL)),
    "report as JSON": lambda: json.dumps(timeline_json.document(timeline(JOURNAL))),
    "journal": lambda: "\n".join(
        [opening_line(JOURNAL.opening), *map(event_line, EVENTS), closing_line(Closing(NOON, Exit.FAILED, TEXT, TEXT))]
    ),
    "junit": lambda: junit([Case(TEXT, TEXT, 0, TEXT)]),
    "matrix": lambda: table(Matrix(("a",), ("v1",), {}, 10, {("a", "v1"): TEXT})),
}


@pytest.mark.parametrize("name", RENDERERS)
def test_a_token_is_hidden(name: str) -> None:
    text = RENDERERS[name]()
    assert TOKEN not in text
    assert "hidden" in text
