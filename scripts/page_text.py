"""The few forms of Markdown that the generated pages are made of."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |" for line in lines]


def code(text: object) -> str:
    """Return a text as code, or nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def page(title: str, *paragraphs: str) -> list[str]:
    """Return the beginning of a page."""
    return [f"# {title}", "", *(line for paragraph in paragraphs for line in (paragraph, ""))]


def sentences(text: str | None) -> list[str]:
    """Return the paragraphs of a help text."""
    return [" ".join(part.split()) for part in (text or "").split("\n\n") if part.strip()] or [""]
