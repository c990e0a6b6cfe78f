"""Reads links and commands out of the project's pages."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = "commands.md"
FENCE = re.compile(r"^```(\w*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`(meshctl(?: [^`]+)?)`")
STARTS = re.compile(r"(?:^|&&|\|\||[;|(]|^- )\s*(?:\$ )?(?:[A-Z_]+=\S+ )*meshctl(?: |$)")
BREAKS = frozenset({"|", "||", "&&", ";", ";;", "&", ")"})
REDIRECTIONS = frozenset({">", ">>", "<"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A command as a page shows it, and where; `whole` when it could be typed as it is."""

    place: str
    words: tuple[str, ...]
    whole: bool

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.words)}"


def pages() -> list[Path]:
    """Return every page that a reader is sent to."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(p for p in (ROOT / "docs").rglob("*.md"))]


def links(page: Path) -> list[str]:
    """Return the links of a page that lead somewhere in this project."""
    text = "\n".join(line for _, line in prose(page))
    return [target for target in LINK.findall(text) if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    heads = [line.lstrip("#").strip() for _, line in prose(page) if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands(page: Path) -> list[Shown]:
    """Return every meshctl command of a page, from its blocks and from its sentences."""
    name = str(page.relative_to(ROOT))
    found = [
        Shown(f"{name}:{number}", tuple(words), whole=True)
        for number, line in blocks(page)
        if STARTS.search(line)
        for words in simple_commands(line)
    ]
    for number, line in prose(page):
        found += [Shown(f"{name}:{number}", tuple(shlex.split(text)), whole=False) for text in SPAN.findall(line)]
    return found


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines outside of blocks, with their numbers."""
    yield from ((number, line) for number, language, line in lines(page) if language is None)


def blocks(page: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of blocks that hold commands; a line that goes on is one with the next."""
    held = ""
    for number, language, line in lines(page):
        if language in ("", "sh", "yaml"):
            held += line.strip()
            if held.endswith("\\"):
                held = held[:-1]
                continue
            yield number, held
        held = ""


def lines(page: Path) -> Iterator[tuple[int, str | None, str]]:
    """Yield the lines with their numbers and the language of the block they are in, None outside of blocks."""
    language: str | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if fence and language is None:
            language = fence[1]
        elif line == "```":
            language = None
        else:
            yield number, language, line


def simple_commands(line: str) -> Iterator[list[str]]:
    """Yield the meshctl commands of a shell line, without redirections and comments."""
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    for before, word in pairwise(["", *lexer, ";"]):
        if word in BREAKS:
            if "meshctl" in words:
                yield words[words.index("meshctl") :]
            words = []
        elif word not in REDIRECTIONS and before not in REDIRECTIONS:
            words.append(word)
