"""What a status report is drawn on: how wide the terminal is, and which characters it knows."""

from dataclasses import dataclass

from rich.text import Text

from meshctl.checks.status.model import Health
from meshctl.render.draw import ASCII, UNICODE, Marks
from meshctl.render.text import one_line


@dataclass(frozen=True, slots=True)
class Pen:
    """How wide the paper is, and what can be drawn on it: every character of `lines` has its place."""

    width: int = 80
    marks: Marks = UNICODE
    lines: str = "┌─┐│└┘├▶◀┬"
    cut: str = "…"

    def mark(self, health: Health) -> str:
        """Return the sign of a health; no two share one, for not everybody sees colours."""
        well, broken = self.marks.done, self.marks.failed
        return {Health.WELL: well, Health.BROKEN: broken, Health.WARNING: "!", Health.UNKNOWN: "?"}[health]

    def crop(self, text: str, width: int) -> str:
        """Return a text that is no longer than `width`."""
        plain = one_line(text)
        return plain if len(plain) <= width else plain[: max(width - 1, 0)] + self.cut


def ascii_pen(width: int) -> Pen:
    """Return the pen for terminals that know no more than ASCII."""
    return Pen(width, ASCII, "+-+|+++><+", "~")


def pen_for(encoding: str, width: int) -> Pen:
    """Return the pen for a stream of this encoding."""
    return Pen(width) if encoding.lower().startswith("utf") else ascii_pen(width)


def writable(text: Text, encoding: str) -> Text:
    """Return the text with a stand-in for every character that the encoding lacks; as long as before."""
    plain = text.plain.translate({ord("…"): "~"}) if not encoding.lower().startswith("utf") else text.plain
    return Text(plain.encode(encoding, "replace").decode(encoding), spans=text.spans)
