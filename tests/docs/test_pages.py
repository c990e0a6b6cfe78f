"""What the pages show can be followed: links lead somewhere, and commands are commands."""

from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from meshctl.cli.app import app
from tests.docs.reading import GENERATED, ROOT, Shown, anchors, commands, links, pages, simple_commands

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]
SHOWN = [shown for page in pages() if page.name != GENERATED for shown in commands(page)]
HELP = {"-h", "--help"}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        path = page.resolve().parent / name if name else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            lost.append(target)
    assert lost == []


def test_every_page_of_the_documentation_is_led_to() -> None:
    led_to = {
        (page.resolve().parent / target.partition("#")[0]).resolve() for page in pages() for target in links(page)
    }
    alone = [page for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in led_to]
    assert [str(page) for page in alone if page.name != "README.md"] == []


@pytest.mark.parametrize("shown", [one for one in SHOWN if one.whole], ids=str)
def test_every_command_parses(shown: Shown) -> None:
    command, path, rest = found(shown.words)
    if isinstance(command, TyperGroup):
        assert rest, "a group without one of its commands"
        assert set(rest) <= options_of(command)
    elif not set(rest) & HELP:
        command.make_context(path, rest)


@pytest.mark.parametrize("shown", [one for one in SHOWN if not one.whole], ids=str)
def test_every_command_in_a_sentence_exists(shown: Shown) -> None:
    command, _, rest = found(shown.words)
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= options_of(command)
    if isinstance(command, TyperGroup):
        assert [word for word in rest if not word.startswith("-")] == []


def options_of(command: TyperCommand | TyperGroup) -> set[str]:
    """Return the options of a command."""
    return HELP | {name for param in command.params if isinstance(param, TyperOption) for name in param.opts}


def found(words: tuple[str, ...]) -> tuple[TyperCommand | TyperGroup, str, list[str]]:
    """Return the command that words lead to, how it is called, and the words that are left."""
    here: object = typer.main.get_command(app)
    path, rest = words[0], list(words[1:])
    while isinstance(here, TyperGroup) and rest and rest[0] in here.commands:
        path, here = f"{path} {rest[0]}", here.commands[rest[0]]
        rest = rest[1:]
    assert isinstance(here, TyperCommand | TyperGroup)
    return here, path, rest


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("meshctl schema > mesh.schema.json", [["meshctl", "schema"]]),
        ("cd x && meshctl lab down  # and that's it", [["meshctl", "lab", "down"]]),
        ("meshctl verify -o json | jq .complete", [["meshctl", "verify", "-o", "json"]]),
        ("A=1 meshctl install --set 'west[0].network=n'", [["meshctl", "install", "--set", "west[0].network=n"]]),
        ("kubectl get pods", []),
    ],
)
def test_how_commands_are_read(line: str, expected: list[list[str]]) -> None:
    assert list(simple_commands(line)) == expected


def test_commands_are_found_at_all() -> None:
    assert len(SHOWN) > 50
