"""A preflight's report: grouped for people, as a document and as test cases for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from meshctl.certs.material import Severity
from meshctl.checks.catalog import Category, Check, check_of
from meshctl.checks.finding import Finding
from meshctl.checks.report import Report
from meshctl.errors import Exit
from meshctl.render.junit import Case
from meshctl.render.text import count, one_line, span

VERSION = 1
GOOD, BAD, DOUBTFUL = "✓", "✗", "!"
NAME = max(len(category) for category in Category)


def report_text(report: Report) -> Text:
    """Return the report for people; `.plain` is the same without colour."""
    parts = [_members(report), _categories(report), _skipped(report), _end(report)]
    return Text("\n\n").join(Text("\n").join(lines) for lines in parts if lines)


def report_document(report: Report) -> dict[str, Any]:
    """Return the report as JSON-like data; docs/reference/events.md describes its keys."""
    return {
        "v": VERSION,
        "type": "preflight",
        "exit_code": int(report.exit_code),
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
        "clusters": [
            {"name": one.name, "context": one.context, "server": one.server, "version": one.version or None}
            for one in report.members
        ],
        "checks": [_check(check, report) for check in (*report.made, *report.skipped)],
        "findings": [_finding(one) for one in report.findings],
        "skipped": [_finding(one) for one in report.passed_over],
    }


def report_cases(report: Report) -> tuple[Case, ...]:
    """Return one test case per check that was made; warnings do not fail one."""
    cases = []
    for check in report.made:
        errors = [one for one in report.of(check) if one.severity is Severity.ERROR]
        complaint = "\n".join(f"{_where(one)}{one.text}\n{one.advice}".rstrip() for one in errors)
        cases.append(Case(str(check.category), f"{check.code} {check.title}", 0.0, complaint or None))
    return tuple(cases)


def _members(report: Report) -> list[Text]:
    name = max(len(one.name) for one in report.members)
    context = max(len(one.context) for one in report.members)
    return [
        Text.assemble(
            f"{one.name:<{name}}  {one.context:<{context}}  ",
            one_line(f"Kubernetes {one.version}") if one.version else ("did not answer", "red"),
            (f"  {one_line(one.server)}", "dim"),
        )
        for one in report.members
    ]


def _categories(report: Report) -> list[Text]:
    return [line for category, checks in report.categories() for line in _category(category, checks, report)]


def _category(category: Category, checks: Sequence[Check], report: Report) -> Iterator[Text]:
    findings = [one for check in checks for one in report.of(check)]
    good = sum(not report.of(check) for check in checks)
    yield Text.assemble(f"{category:<{NAME}}  ", _mark(findings), f" {good} of {count(len(checks), 'check')}")
    for one in findings:
        yield Text.assemble("  ", _mark([one]), f" {_where(one)}{one_line(one.text)} ", (f"[{one.code}]", "dim"))
        yield from (Text(f"      {one_line(seen)}", style="dim") for seen in one.evidence)
        if one.hint:
            yield Text(f"      → {one_line(one.hint)}")
        if one.command:
            yield Text.assemble("      → ", (one_line(one.command), "bold"))


def _mark(findings: Sequence[Finding]) -> tuple[str, str]:
    if not findings:
        return GOOD, "green"
    return (BAD, "red") if any(one.severity is Severity.ERROR for one in findings) else (DOUBTFUL, "yellow")


def _where(one: Finding) -> str:
    return f"{one.cluster}: " if one.cluster else ""


def _skipped(report: Report) -> list[Text]:
    return [
        line
        for check in report.skipped
        for line in (
            Text(f"skipped: {check.code} ({check.title})", style="yellow"),
            *(
                Text(f"      {_where(one)}{one_line(one.text)}", style="dim")
                for one in report.passed_over
                if one.code == check.code
            ),
        )
    ]


def _end(report: Report) -> list[Text]:
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    made = f"({count(report.requests, 'request')} to {count(len(report.members), 'cluster')}, {span(report.seconds)})"
    if report.exit_code is Exit.DONE:
        said = f", with {count(warnings, 'warning')}" if warnings else ""
        lines = [Text.assemble(("ready to install", "bold green"), f"{said} {made}")]
    else:
        also = f" and {count(warnings, 'warning')}" if warnings else ""
        lines = [Text.assemble(("not ready to install: ", "bold red"), f"{count(errors, 'error')}{also} {made}")]
    codes = list(dict.fromkeys(one.code for one in report.findings))
    return [*lines, Text(f"more about it: meshctl explain {' '.join(codes)}")] if codes else lines


def _check(check: Check, report: Report) -> dict[str, Any]:
    if check in report.skipped:
        result = "skipped"
    elif found := report.of(check):
        result = "error" if any(one.severity is Severity.ERROR for one in found) else "warning"
    else:
        result = "passed"
    return {"code": check.code, "category": str(check.category), "title": check.title, "result": result}


def _category_of(code: str) -> str:
    check = check_of(code)
    return str(check.category) if check else ""


def _finding(one: Finding) -> dict[str, Any]:
    return {
        "code": one.code,
        "severity": str(one.severity),
        "category": _category_of(one.code),
        "cluster": one.cluster or None,
        "text": one_line(one.text),
        "hint": one_line(one.hint),
        "command": one_line(one.command),
        "evidence": [one_line(seen) for seen in one.evidence],
    }
