from xml.etree import ElementTree as ET

from meshctl.certs.material import Severity
from meshctl.checks.catalog import check_of
from meshctl.checks.catalog.check import Check
from meshctl.checks.finding import Finding, found
from meshctl.checks.report import Member, Report
from meshctl.errors import Exit
from meshctl.render.junit import junit
from meshctl.render.preflight import report_cases, report_document, report_text

from .page import documented


def check(code: str) -> Check:
    known = check_of(code)
    assert known is not None
    return known


MADE = tuple(check(code) for code in ("MESH-101", "MESH-103", "MESH-104", "MESH-110"))
MEMBERS = (
    Member("cluster1", "ctx-east", "https://192.0.2.1:6443", "v1.34.2"),
    Member("cluster2", "w", "https://192.0.2.2:6443", ""),
)
SILENT = found(check("MESH-101"), "cluster2", "no answer\nin time", "is it up?")
CLOCK = found(
    check("MESH-104"), "cluster1", "its clock is ahead", "let NTP set it", "chronyc makestep", ("601 s", "\x1b[31mnow")
)
RIGHT = found(check("MESH-110"), "cluster1", "no permission to list nodes")


def report(*findings: Finding, skipped: tuple[Check, ...] = (), passed_over: tuple[Finding, ...] = ()) -> Report:
    made = tuple(one for one in MADE if one not in skipped)
    return Report(MEMBERS, made, skipped, findings, passed_over, 20, 0.84)


BAD = """\
cluster1  ctx-east  Kubernetes v1.34.2  https://192.0.2.1:6443
cluster2  w         did not answer  https://192.0.2.2:6443

reachability   ✗ 1 of 3 checks
  ✗ cluster2: no answer in time [MESH-101]
      → is it up?
  ! cluster1: its clock is ahead [MESH-104]
      601 s
      now
      → let NTP set it
      → chronyc makestep

skipped: MESH-110 (rights are missing)
      cluster1: no permission to list nodes

not ready to install: 1 error and 1 warning (20 requests to 2 clusters, 0.8 s)
more about it: meshctl explain MESH-101 MESH-104"""


def test_the_report_says_what_was_found_and_what_was_left_out() -> None:
    one = report(SILENT, CLOCK, skipped=(check("MESH-110"),), passed_over=(RIGHT,))
    assert report_text(one).plain == BAD
    assert one.exit_code is Exit.REFUSED


def test_warnings_refuse_nothing() -> None:
    one = report(CLOCK)
    assert one.exit_code is Exit.DONE
    assert "ready to install, with 1 warning (20 requests" in report_text(one).plain


def test_nothing_found_is_said_by_counts() -> None:
    lines = report_text(report()).plain.splitlines()
    assert lines[3:] == [
        "reachability   ✓ 3 of 3 checks",
        "rights         ✓ 1 of 1 check",
        "",
        "ready to install (20 requests to 2 clusters, 0.8 s)",
    ]


def test_the_document_is_this_contract() -> None:
    one = report(SILENT, CLOCK, skipped=(check("MESH-110"),), passed_over=(RIGHT,))
    assert report_document(one) == {
        "v": 1,
        "type": "preflight",
        "exit_code": 3,
        "errors": 1,
        "warnings": 1,
        "requests": 20,
        "seconds": 0.84,
        "clusters": [
            {"name": "cluster1", "context": "ctx-east", "server": "https://192.0.2.1:6443", "version": "v1.34.2"},
            {"name": "cluster2", "context": "w", "server": "https://192.0.2.2:6443", "version": None},
        ],
        "checks": [
            {"code": code, "category": category, "title": check(code).title, "result": result}
            for code, category, result in (
                ("MESH-101", "reachability", "error"),
                ("MESH-103", "reachability", "passed"),
                ("MESH-104", "reachability", "warning"),
                ("MESH-110", "rights", "skipped"),
            )
        ],
        "findings": [
            {
                "code": "MESH-101",
                "severity": "error",
                "category": "reachability",
                "cluster": "cluster2",
                "text": "no answer in time",
                "hint": "is it up?",
                "command": "",
                "evidence": [],
            },
            {
                "code": "MESH-104",
                "severity": "warning",
                "category": "reachability",
                "cluster": "cluster1",
                "text": "its clock is ahead",
                "hint": "let NTP set it",
                "command": "chronyc makestep",
                "evidence": ["601 s", "now"],
            },
        ],
        "skipped": [
            {
                "code": "MESH-110",
                "severity": "error",
                "category": "rights",
                "cluster": "cluster1",
                "text": "no permission to list nodes",
                "hint": "",
                "command": "",
                "evidence": [],
            }
        ],
    }


def test_the_document_is_documented() -> None:
    assert set(report_document(report())) == documented("`preflight`")


def test_every_check_is_a_test_case_and_only_errors_fail_one() -> None:
    suites = ET.fromstring(junit(report_cases(report(SILENT, CLOCK)))).findall("testsuite")
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("reachability", "3", "1"),
        ("rights", "1", "0"),
    ]
    failure = suites[0].find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "cluster2: no answer"


def test_how_severe_a_finding_is_is_its_own() -> None:
    milder = Finding(Severity.WARNING, "cluster1", "hm", code="MESH-101")
    assert report(milder).exit_code is Exit.DONE
