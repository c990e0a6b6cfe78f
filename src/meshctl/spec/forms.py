"""The forms a value of the file may have: what the loader asks of it and what the JSON Schema says of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshctl.spec.places import Keys


def _accept(_: str) -> str:
    return ""


def _same(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Text:
    """A text that matches `pattern` in full and against which `check` has nothing to say.

    `noun` says what it should be, as in "is not ..."; `tidy` brings an accepted text to its one spelling.
    """

    pattern: str
    noun: str
    check: Callable[[str], str] = _accept
    tidy: Callable[[str], str] = _same

    def matches(self, text: str) -> bool:
        """Tell whether the whole text is of the pattern."""
        return re.fullmatch(self.pattern, text) is not None


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duration:
    """Seconds as a number, or a text like 5m."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of different texts."""

    item: Text


@dataclass(frozen=True, slots=True)
class Annotations:
    """A mapping of texts to texts."""

    key: Text


@dataclass(frozen=True, slots=True)
class Reserved:
    """A value that users may not set, because meshctl does, or because nobody would read it."""

    keys: Keys
    why: str


@dataclass(frozen=True, slots=True)
class HelmValues:
    """Anything JSON can say, passed through to a custom resource, but for what is reserved."""

    reserved: tuple[Reserved, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping with known keys only."""

    fields: tuple["Field", ...]

    def field(self, key: str) -> "Field | None":
        """Return the field of that key."""
        return next((field for field in self.fields if field.key == key), None)


@dataclass(frozen=True, slots=True)
class Sections:
    """A list of sections."""

    item: Section


Form = Text | Switch | Choice | Duration | Texts | Annotations | HelmValues | Section | Sections


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the file. `default` is what holds when it is absent; None where that is nothing."""

    key: str
    form: Form
    about: str
    default: Any = None


def form_at(form: Form | None, keys: Keys) -> Form | None:
    """Return the form of what lies at `keys` below `form`; None where the file knows no such key."""
    for key in keys:
        match form, key:
            case Section(), str():
                found = form.field(key)
                form = found.form if found else None
            case Sections(), int():
                form = form.item
            case Texts(), int():
                form = form.item
            case Annotations(), str():
                form = ANYTHING
            case HelmValues(), _:
                form = HelmValues(())
            case _:
                return None
    return form


ANYTHING = Text(r"[\s\S]*", "a text")
