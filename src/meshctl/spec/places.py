"""Where a value came from, so that every problem names the place where it can be put right."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

Keys = tuple[str | int, ...]
"""The way from the top of the file to a value: keys of mappings, indices of lists."""

_KEY = r"(?:[^.\[\]=\\]|\\.)+"
_INDEX = r"\[[0-9]{1,4}\]"
_PART = rf"{_KEY}(?:{_INDEX})*"
_ASSIGNMENT = re.compile(rf"(?P<keys>{_PART}(?:\.{_PART})*)=(?P<value>.*)", re.DOTALL)
_TOKEN = re.compile(rf"(?P<key>{_KEY})|\[(?P<index>[0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value at `keys`."""

    keys: Keys
    text: str


class Spelling(Enum):
    """How a value is named behind the label of its source."""

    FILE = "label: keys"
    SET = "label keys"
    NAMED = "label"


@dataclass(frozen=True, slots=True)
class Source:
    """One source of values: a file, `--set`, a flag or an environment variable."""

    label: str
    spelling: Spelling = Spelling.NAMED


def spell(keys: Keys) -> str:
    r"""Return keys as `--set` takes them: `west[0].gateway.annotations.foo\.bar`."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += ("." if text else "") + re.sub(r"([.\[\]=\\])", r"\\\1", key)
    return text


def split_assignment(text: str) -> tuple[Keys, str] | None:
    """Return the keys and the value of `path=value`; None where it is not written like that."""
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        return None
    keys = (
        int(token["index"]) if token["index"] else re.sub(r"\\(.)", r"\1", token["key"])
        for token in _TOKEN.finditer(match["keys"])
    )
    return tuple(keys), match["value"]


@dataclass(frozen=True, slots=True)
class Places:
    """The source of every value that was given; what was not given belongs to the file, or else to the flag to use."""

    sources: Mapping[Keys, Source] = field(default_factory=dict)

    def source(self, keys: Keys) -> Source | None:
        """Return the source of the value, or of the nearest one around it."""
        return next((self.sources[keys[:end]] for end in range(len(keys), -1, -1) if keys[:end] in self.sources), None)

    def of(self, keys: Keys) -> str:
        """Return the place of the value as it stands before a problem."""
        end = next((end for end in range(len(keys), -1, -1) if keys[:end] in self.sources), None)
        if end is None:
            return _flag_for(keys)
        source = self.sources[keys[:end]]
        match source.spelling:
            case Spelling.FILE:
                return f"{source.label}: {spell(keys)}" if keys else source.label
            case Spelling.SET:
                return f"{source.label} {spell(keys)}"
            case Spelling.NAMED:
                return f"{source.label}: {spell(keys[end:])}" if keys[end:] else source.label


def _flag_for(keys: Keys) -> str:
    """Return the flag that would give a value which nothing has given."""
    match keys:
        case ("east",) | ("east", "context"):
            return "--east"
        case ("west",) | ("west", int(), "context"):
            return "--west"
        case _:
            return f"--set {spell(keys)}"
