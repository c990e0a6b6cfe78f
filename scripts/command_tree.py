"""Says every command and option as Markdown, from the tree of commands that the command line itself uses."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import typer
from page_text import code, page, sentences, table
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from meshctl.cli.app import app

NAME = "meshctl"


@dataclass(frozen=True, slots=True)
class Command:
    """One command with its full name."""

    name: str
    command: TyperCommand | TyperGroup


def commands(name: str = NAME, node: object = None) -> Iterator[Command]:
    """Yield every command of the tree, groups before what is in them."""
    here = typer.main.get_command(app) if node is None else node
    if isinstance(here, TyperGroup):
        yield Command(name, here)
        for below in here.commands:
            yield from commands(f"{name} {below}", here.commands[below])
    elif isinstance(here, TyperCommand):
        yield Command(name, here)


def commands_page() -> list[str]:
    """Return the page of every command and option."""
    found = list(commands())
    lines = page(
        "Commands",
        "Every command also takes `-h` and `--help`. An option that can be repeated says so.",
        "Which mesh a command is about comes from `--east`, `--west`, `--kubeconfig`, `--file` and `--set`, from the "
        "[environment](environment.md) and from the [mesh file](mesh-file.md): a flag beats a variable, a variable "
        "beats the file. Every problem found is reported at once, before any cluster is asked. "
        "[Exit codes](exit-codes.md) are the same for all commands.",
    )
    lines += table(
        ("command", "what it does"),
        (
            (f"[`{one.name}`](#{one.name.replace(' ', '-')})", sentences(one.command.help)[0])
            for one in found
            if isinstance(one.command, TyperCommand)
        ),
    )
    for one in found:
        lines += ["", *described(one)]
    return lines


def described(one: Command) -> list[str]:
    """Return the section of one command, under its group's if it has one."""
    depth = "#" * max(2, one.name.count(" ") + 1)
    parts = [[f"{depth} {one.name}"], *([text] for text in sentences(one.command.help))]
    if isinstance(one.command, TyperCommand):
        parts += [["```", usage(one), "```"]]
    parts += [rows] if (rows := parameters(one.command)) else []
    return [line for part in parts for line in (*part, "")][:-1]


def usage(one: Command) -> str:
    """Return how a command is called."""
    arguments = [argument_of(param) for param in one.command.params if isinstance(param, TyperArgument)]
    required = [
        f"{longest(param)} {placeholder(param)}"
        for param in one.command.params
        if isinstance(param, TyperOption) and param.required
    ]
    return " ".join([one.name, *required, "[OPTIONS]", *arguments])


def argument_of(param: TyperArgument) -> str:
    """Return an argument as usage shows it."""
    if param.metavar:
        return param.metavar
    name = str(param.name).upper() + ("..." if param.nargs != 1 else "")
    return name if param.required else f"[{name}]"


def parameters(command: TyperCommand | TyperGroup) -> list[str]:
    """Return the tables of a command's arguments and options."""
    rows = [
        (code(argument_of(param)), "", param.help)
        for param in command.params
        if isinstance(param, TyperArgument) and param.help
    ]
    rows += [
        (spelling(param), code(default_of(param)), (param.help or "") + repeats(param))
        for param in command.params
        if isinstance(param, TyperOption) and not param.hidden
    ]
    return table(("option", "default", "meaning"), rows) if rows else []


def spelling(param: TyperOption) -> str:
    """Return how an option is written, short form last."""
    takes = placeholder(param)
    names = sorted(param.opts, key=len, reverse=True)
    shown = [f"{name} {takes}".rstrip() if name.startswith("--") else name for name in names]
    return ", ".join(code(name) for name in [*shown, *param.secondary_opts])


def longest(param: TyperOption) -> str:
    """Return an option's long name."""
    return max(param.opts, key=len)


def placeholder(param: TyperOption) -> str:
    """Return what stands for an option's value, empty for a flag."""
    if param.is_flag:
        return ""
    if param.metavar:
        return param.metavar
    if isinstance(param.default, Enum):
        return "|".join(str(member.value) for member in type(param.default))
    return "NUMBER" if isinstance(param.default, int | float) else str(param.name).upper()


def default_of(param: TyperOption) -> str:
    """Return an option's default, empty where there is none to speak of."""
    value = param.default.value if isinstance(param.default, Enum) else param.default
    if value in (None, False, "") or isinstance(value, list | tuple) or callable(value):
        return ""
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def repeats(param: TyperOption) -> str:
    """Say that an option can be repeated, unless its text does."""
    return " May be repeated." if param.multiple and "repeat" not in (param.help or "") else ""
