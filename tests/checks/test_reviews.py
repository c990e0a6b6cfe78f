"""Which rights are missing, and with how few questions that is found out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from meshctl.checks.reviews import NOWHERE, granted, missing
from meshctl.checks.rights import Right
from meshctl.errors import ForbiddenError
from meshctl.objects import Manifest
from tests.core.fake import FakeClient

NO_RULES: Mapping[str, Any] = MappingProxyType({})
PODS, EXEC = Right("list", "", "pods", "a"), Right("create", "", "pods/exec", "a")
NODES, SPACE = Right("list", "", "nodes"), Right("patch", "", "namespaces", name="a")


def rule(verbs: str, groups: str, resources: str, names: str = "") -> Manifest:
    made = {"verbs": verbs.split(), "apiGroups": groups.split(",") if groups else [""], "resources": resources.split()}
    return {**made, "resourceNames": names.split()} if names else made


@pytest.mark.parametrize(
    ("right", "rules", "expected"),
    [
        (PODS, [rule("get list", "", "pods")], True),
        (PODS, [rule("*", "*", "*")], True),
        (PODS, [rule("get", "", "pods"), rule("list", "", "services")], False),
        (PODS, [rule("list", "apps", "pods")], False),
        (PODS, [rule("list", "", "pods", "one")], False),
        (EXEC, [rule("create", "", "pods")], False),
        (EXEC, [rule("create", "", "pods/exec")], True),
        (EXEC, [rule("create", "", "*/exec")], True),
        (EXEC, [rule("create", "", "*")], True),
        (SPACE, [rule("patch", "", "namespaces", "a b")], True),
        (SPACE, [rule("patch", "", "namespaces", "b")], False),
        (SPACE, [rule("patch", "", "namespaces")], True),
        (PODS, [{"verbs": ["list"], "nonResourceURLs": ["*"]}], False),
        (PODS, [], False),
    ],
)
def test_what_a_rule_grants(right: Right, rules: list[Manifest], expected: bool) -> None:
    assert granted(rules, right) is expected


class Reviewed(FakeClient):
    """A cluster that answers reviews, and counts them."""

    def __init__(
        self,
        rules: Mapping[str, list[Manifest]] = NO_RULES,
        singly: frozenset[Right] = frozenset(),
        more: Mapping[str, Any] = NO_RULES,
        *,
        everything: bool = False,
    ) -> None:
        super().__init__()
        self.rules, self.singly, self.more, self.everything = rules, singly, more, everything
        self.asked: list[str] = []

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        namespace = manifest["spec"]["namespace"]
        self.asked.append(f"rules {namespace}")
        if "refused" in self.more:
            raise ForbiddenError("no", status=403)
        return {"status": {"resourceRules": self.rules.get(namespace, []), "incomplete": False, **self.more}}

    def allowed(
        self, verb: str, resource: str, group: str = "", namespace: str = "", subresource: str = "", name: str = ""
    ) -> bool:
        self.asked.append(f"{verb} {resource}")
        if verb == "*":
            return self.everything
        path = f"{resource}/{subresource}" if subresource else resource
        return Right(verb, group, path, namespace, name) in self.singly


WANTED = frozenset({PODS, EXEC, NODES, SPACE})


def test_an_administrator_is_asked_once() -> None:
    cluster = Reviewed(everything=True)
    assert missing(cluster, WANTED) == ()
    assert cluster.asked == ["* *"]


def test_rules_are_asked_once_for_a_namespace_and_once_for_the_cluster() -> None:
    rules = {"a": [rule("list", "", "pods nodes"), rule("patch", "", "namespaces")], NOWHERE: [rule("*", "", "nodes")]}
    cluster = Reviewed(rules=rules)
    # What holds in one namespace alone does not hold for the cluster.
    assert missing(cluster, WANTED) == tuple(sorted({EXEC, SPACE}))
    assert sorted(cluster.asked) == ["* *", "rules a", f"rules {NOWHERE}"]


@pytest.mark.parametrize(
    "more", [{"incomplete": True}, {"evaluationError": "no rules of a webhook"}, {"refused": True}]
)
def test_where_rules_may_not_be_all_every_right_is_asked_for(more: dict[str, Any]) -> None:
    everything = [rule("*", "*", "*")]
    cluster = Reviewed(rules={"a": everything, NOWHERE: everything}, more=more, singly=frozenset({PODS, SPACE}))
    assert missing(cluster, WANTED) == tuple(sorted({EXEC, NODES}))
    assert len([one for one in cluster.asked if not one.startswith(("*", "rules"))]) == len(WANTED)
