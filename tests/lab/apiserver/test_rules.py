"""The part of CEL that definitions of the mesh use."""

import pytest

from meshctl.lab.apiserver.rules import UnsupportedRuleError, evaluate

SELF = {
    "metadata": {"name": "default"},
    "namespace": "n",
    "values": {"global": {"istioNamespace": "n"}},
    "list": [1, 2],
}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("self.metadata.name == 'default'", True),
        ('self.metadata.name != "default"', False),
        (
            "!has(self.values) || !has(self.values.global) || self.values.global.istioNamespace == self.__namespace__",
            True,
        ),
        ("has(self.nope.deeper) && self.nope.deeper == 1", False),
        ("has(self.nope) ? false : true", True),
        ("size(self.list) >= 2 && self.list.size() < 3", True),
        ("self.metadata.name in ['a', 'default']", True),
        ("self.metadata.name.startsWith('def') && !self.metadata.name.endsWith('x')", True),
        ("self.metadata.name.matches('^[a-z]+$')", True),
        ("(1 < 2) == true", True),
    ],
)
def test_rules(rule: str, holds: bool) -> None:
    assert evaluate(rule, {"self": SELF}) is holds


@pytest.mark.parametrize("rule", ["self.all(x, x > 1)", "oldSelf.a == 1", "self.nope == 1", "self.", "1 +"])
def test_rules_beyond_that_are_not_judged(rule: str) -> None:
    with pytest.raises(UnsupportedRuleError):
        evaluate(rule, {"self": SELF})
