"""Errors we foresee, as a user reads them: what is wrong, every problem on its own line, then the next thing to do."""

from rich.text import Text

from meshctl.errors import MeshctlError, SpecError
from meshctl.render.text import count, one_line


def problems(error: MeshctlError) -> Text:
    """Return the text for an error; `.plain` is the same without colour."""
    return Text("\n").join([*_lines(error), *_hint(error.hint)])


def _lines(error: MeshctlError) -> list[Text]:
    found = error.problems if isinstance(error, SpecError) else tuple(error.message.splitlines())
    texts = [Text(one_line(text)) for text in found if text.strip()]
    if len(texts) == 1:
        return [_label("error: ").append_text(texts[0])]
    if isinstance(error, SpecError):
        return [
            _label("error: ").append(count(len(texts), "problem")),
            *(Text("  ").append_text(one) for one in texts),
        ]
    first, *rest = texts or [Text(type(error).__name__)]
    return [_label("error: ").append_text(first), *(Text("  ").append_text(one) for one in rest)]


def _hint(hint: str) -> list[Text]:
    lines = [one_line(line) for line in hint.splitlines() if line.strip()]
    if not lines:
        return []
    first, *rest = lines
    return [
        Text("hint: ", style="bold").append(first, style="not bold"),
        *(Text(f"      {line}") for line in rest),
    ]


def _label(text: str) -> Text:
    return Text().append(text, style="bold red")
