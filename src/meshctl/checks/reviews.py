"""Which rights a user lacks, asked in as few requests as can be: everything at once, rules by namespace, or singly."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from meshctl.checks.rights import Right, Rights
from meshctl.cluster import Client
from meshctl.errors import ClusterError
from meshctl.names import RULES_REVIEW
from meshctl.objects import Manifest, dig

AT_ONCE = 8
"""How many single questions a cluster is asked at the same time: there may be a hundred, and it may be far away."""

NOWHERE = "meshctl-no-such-namespace"
"""A namespace without role bindings, for there is none of that name: what holds there holds in the whole cluster."""


def missing(client: Client, wanted: Rights) -> tuple[Right, ...]:
    """Return the rights the user does not have.

    An administrator is found out by a single question. Anybody else's rules are asked for, namespace by namespace; and
    where the server says that these may not be all, as with a webhook that authorizes, every right is asked for.
    """
    if client.allowed("*", "*", "*"):
        return ()
    asked = sorted(wanted)
    rules = rules_of(client, {right.namespace for right in asked})
    if rules is not None:
        return tuple(right for right in asked if not granted(rules[right.namespace], right))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda right: _allowed(client, right), asked))
    return tuple(right for right, allowed in zip(asked, answers, strict=True) if not allowed)


def rules_of(client: Client, namespaces: Iterable[str]) -> Mapping[str, list[Manifest]] | None:
    """Return the rules that hold for the user by namespace (the empty one: everywhere); None when they may be more."""
    wanted = sorted(namespaces)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda namespace: _rules(client, namespace or NOWHERE), wanted))
    complete = {name: rules for name, rules in zip(wanted, answers, strict=True) if rules is not None}
    return complete if len(complete) == len(wanted) else None


def _rules(client: Client, namespace: str) -> list[Manifest] | None:
    review: Manifest = {
        "apiVersion": RULES_REVIEW.api_version,
        "kind": RULES_REVIEW.name,
        "spec": {"namespace": namespace},
    }
    try:
        status = client.create(review).get("status") or {}
    except ClusterError:
        return None  # a proxy in between may not let it pass; single reviews are the surer way
    if status.get("incomplete") is not False or status.get("evaluationError"):
        return None
    return list(status.get("resourceRules") or [])


def granted(rules: Iterable[Manifest], right: Right) -> bool:
    """Say whether one of the rules grants a right; a rule for named objects grants nothing of the others."""
    return any(_grants(rule, right) for rule in rules)


def _grants(rule: Manifest, right: Right) -> bool:
    names = rule.get("resourceNames") or []
    _, _, part = right.resource.partition("/")
    resources = {right.resource, "*", *((f"*/{part}",) if part else ())}
    return (
        bool({right.verb, "*"} & {*_listed(rule, "verbs")})
        and bool({right.group, "*"} & {*_listed(rule, "apiGroups")})
        and bool(resources & {*_listed(rule, "resources")})
        and (not names or right.name in names)
    )


def _listed(rule: Manifest, key: str) -> list[str]:
    return list(dig(rule, key) or [])


def _allowed(client: Client, right: Right) -> bool:
    resource, _, subresource = right.resource.partition("/")
    return client.allowed(right.verb, resource, right.group, right.namespace, subresource, right.name)
