import xml.etree.ElementTree as ET

from meshctl.render.junit import Case, junit

EXPECTED = """\
<?xml version="1.0" encoding="utf-8"?>
<testsuites tests="3" failures="1" time="1.750">
  <testsuite name="from a" tests="2" failures="1" time="1.500">
    <testcase classname="from a" name="a -&gt; v1" time="1.250"/>
    <testcase classname="from a" name="a -&gt; v2" time="0.250">
      <failure message="no &lt;answer&gt;">no &lt;answer&gt;
likely: a "gate" &amp; way</failure>
    </testcase>
  </testsuite>
  <testsuite name="from b" tests="1" failures="0" time="0.250">
    <testcase classname="from b" name="b -&gt; v1" time="0.250"/>
  </testsuite>
</testsuites>
"""


def test_suites_hold_their_cases_in_order() -> None:
    cases = [
        Case("from a", "a -> v1", 1.25),
        Case("from b", "b -> v1", 0.25),
        Case("from a", "a -> v2", 0.25, 'no <answer>\nlikely: a "gate" & way'),
    ]
    assert junit(cases) == EXPECTED


def test_any_text_makes_a_document_that_can_be_read() -> None:
    text = junit([Case('a"b', "tab\there", 0, "\x00\x1b[31mred\x1b[0m ]]> \x08'\"\n\nlast"), Case("s", "empty", 0, "")])
    root = ET.fromstring(text)
    failures = [found.text for found in root.iter("failure")]
    assert [case.get("name") for case in root.iter("testcase")] == ["tab here", "empty"]
    assert failures == ["red ]]> '\"\n\nlast", None]


def test_no_cases() -> None:
    assert ET.fromstring(junit([])).attrib == {"tests": "0", "failures": "0", "time": "0.000"}
