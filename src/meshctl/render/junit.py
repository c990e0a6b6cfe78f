"""Results as JUnit XML, which every CI system can show."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from meshctl.render.text import one_line


@dataclass(frozen=True, slots=True)
class Case:
    """One result; `failure` is None when it is good."""

    suite: str
    case: str
    seconds: float
    failure: str | None = None


def junit(cases: Sequence[Case]) -> str:
    """Return the XML document, suites in the order of their first case."""
    suites = tuple(dict.fromkeys(one.suite for one in cases))
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f"<testsuites{_totals(cases)}>",
        *(line for suite in suites for line in _suite(suite, [one for one in cases if one.suite == suite])),
        "</testsuites>",
    ]
    return "\n".join(lines) + "\n"


def _suite(name: str, cases: Sequence[Case]) -> list[str]:
    rows = [line for one in cases for line in _case(one)]
    return [f"  <testsuite name={_attribute(name)}{_totals(cases)}>", *rows, "  </testsuite>"]


def _case(one: Case) -> list[str]:
    names = f"classname={_attribute(one.suite)} name={_attribute(one.case)}"
    start = f"    <testcase {names} time={_time(one.seconds)}"
    if one.failure is None:
        return [f"{start}/>"]
    lines = [one_line(line) for line in one.failure.splitlines()] or [""]
    text = escape("\n".join(lines))
    return [f"{start}>", f"      <failure message={_attribute(lines[0])}>{text}</failure>", "    </testcase>"]


def _totals(cases: Sequence[Case]) -> str:
    failures = sum(one.failure is not None for one in cases)
    return f' tests="{len(cases)}" failures="{failures}" time={_time(sum(one.seconds for one in cases))}'


def _time(seconds: float) -> str:
    return f'"{seconds:.3f}"'


def _attribute(text: str) -> str:
    return quoteattr(one_line(text))
