"""What was given against the table of fields: the same values in their one spelling, and every problem with them."""

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from meshctl.spec.forms import (
    Annotations,
    Choice,
    Duration,
    Form,
    HelmValues,
    Section,
    Sections,
    Switch,
    Text,
    Texts,
)
from meshctl.spec.places import Keys, Problem, spell
from meshctl.spec.texts import LONGEST_WAIT, seconds

_DURATION = "a duration above zero and up to 24h, such as 90s, 5m, 1h30m or 300 (seconds)"


def read(form: Form, value: Any, at: Keys, problems: list[Problem]) -> Any:
    """Return the value as `form` wants it, or None after adding to `problems` what is wrong with it."""
    match form:
        case Text():
            return _text(form, value, at, problems)
        case Switch():
            return _expect(bool, value, "true or false", at, problems)
        case Choice():
            return _choice(form, value, at, problems)
        case Duration():
            return _duration(value, at, problems)
        case Texts():
            return _texts(form, value, at, problems)
        case Annotations():
            return _annotations(form, value, at, problems)
        case HelmValues():
            return _helm_values(form, value, at, problems)
        case Section():
            return _section(form, value, at, problems)
        case Sections():
            return _sections(form, value, at, problems)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that helps with an unknown word."""
    plain = {_plain(name): name for name in known}
    close = get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return f"did you mean {plain[close[0]]}?" if close else f"known are {', '.join(plain.values())}"


def _plain(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


def quote(text: str) -> str:
    """Return a given text as it may stand in a sentence: quoted, escaped, not too long."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def describe(value: Any) -> str:
    """Return what a value of the wrong type is, in words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}" if abs(value) < 1e15 else "a number"
        case str():
            return f"the text {quote(value)}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _wrong_type(value: Any, expected: str) -> str:
    if value is None:
        return f"is empty; give it {expected}, or take the key away"
    quotes = "; put it in quotes" if expected == "text" and isinstance(value, bool | int | float) else ""
    return f"must be {expected}, not {describe(value)}{quotes}"


def _expect(kind: type, value: Any, expected: str, at: Keys, problems: list[Problem]) -> Any:
    if isinstance(value, kind):
        return value
    problems.append(Problem(at, _wrong_type(value, expected)))
    return None


def _text(form: Text, value: Any, at: Keys, problems: list[Problem]) -> str | None:
    text = _expect(str, value, "text", at, problems)
    if text is None:
        return None
    problem = text_problem(form, text)
    if problem:
        problems.append(Problem(at, problem))
        return None
    return form.tidy(text)


def text_problem(form: Text, text: str) -> str:
    """Say what is wrong with a text; empty when nothing is."""
    if not text.strip() and not form.matches(text):
        return "must not be empty"
    problem = form.check(text)
    if not problem and not form.matches(text):
        problem = f"{quote(text)} is not {form.noun}"
    return problem


def _choice(form: Choice, value: Any, at: Keys, problems: list[Problem]) -> str | None:
    word: str | None = _expect(str, value, "text", at, problems)
    if word is None or word in form.words:
        return word
    words = " or ".join(form.words) if len(form.words) < 3 else f"one of {', '.join(form.words)}"
    problems.append(Problem(at, f"must be {words}, not {quote(word)}"))
    return None


def _duration(value: Any, at: Keys, problems: list[Problem]) -> float | None:
    if isinstance(value, str):
        found = seconds(value)
    elif isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_WAIT:
        found = float(value)
    else:
        found = None
    if found is None:
        problems.append(Problem(at, _wrong_type(value, _DURATION)))
    return found


def _texts(form: Texts, value: Any, at: Keys, problems: list[Problem]) -> list[str] | None:
    given = _expect(list, value, "a list", at, problems)
    if given is None:
        return None
    read_texts = [_text(form.item, item, (*at, index), problems) for index, item in enumerate(given)]
    for index, text in enumerate(read_texts):
        if text is not None and text in read_texts[:index]:
            problems.append(Problem((*at, index), f"{text} is in the list already"))
    return [text for text in read_texts if text is not None]


def _annotations(form: Annotations, value: Any, at: Keys, problems: list[Problem]) -> dict[str, str] | None:
    given = _expect(dict, value, "a mapping", at, problems)
    if given is None:
        return None
    found: dict[str, str] = {}
    for key, text in given.items():
        problem = text_problem(form.key, key)
        if problem:
            problems.append(Problem((*at, key), problem))
        elif isinstance(_expect(str, text, "text", (*at, key), problems), str):
            found[key] = text
    return found


def _helm_values(form: HelmValues, value: Any, at: Keys, problems: list[Problem]) -> dict[str, Any] | None:
    given = _expect(dict, value, "a mapping", at, problems)
    if given is None:
        return None
    problems += [
        Problem((*at, *reserved.keys), f"can't be given here: {reserved.why}")
        for reserved in form.reserved
        if _holds(given, reserved.keys)
    ]
    problems += [Problem((*at, *keys), "is not a number that JSON knows") for keys in _strange_numbers(given, ())]
    return {**given}


def _holds(values: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _strange_numbers(value: Any, at: Keys) -> list[Keys]:
    """Return where infinities and not-a-numbers are: YAML has them, a custom resource can't."""
    if isinstance(value, float) and not math.isfinite(value):
        return [at]
    inside: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    return [keys for key, item in inside for keys in _strange_numbers(item, (*at, key))]


def _section(form: Section, value: Any, at: Keys, problems: list[Problem]) -> dict[str, Any] | None:
    """Return the section with its known keys; what was given but is wrong is there as None."""
    given = _expect(dict, value, "a mapping", at, problems)
    if given is None:
        return None
    known = [field.key for field in form.fields]
    found: dict[str, Any] = {}
    for key, item in given.items():
        field = form.field(key)
        if field is None:
            problems.append(Problem((*at, key), f"unknown key{_elsewhere(form, key)}; {suggestion(key, known)}"))
        else:
            found[key] = read(field.form, item, (*at, key), problems)
    return found


def _elsewhere(form: Section, key: str) -> str:
    """Return where a key belongs that stands one level too high."""
    homes = [
        spell((field.key, key))
        for field in form.fields
        if isinstance(field.form, Section) and field.form.field(key) is not None
    ]
    return f" here (there is {' and '.join(homes)})" if homes else ""


def _sections(form: Sections, value: Any, at: Keys, problems: list[Problem]) -> list[dict[str, Any] | None] | None:
    if isinstance(value, dict):
        problems.append(Problem(at, "must be a list, not a mapping; begin each entry with a dash"))
        return None
    given = _expect(list, value, "a list", at, problems)
    if given is None:
        return None
    return [_section(form.item, item, (*at, index), problems) for index, item in enumerate(given)]
