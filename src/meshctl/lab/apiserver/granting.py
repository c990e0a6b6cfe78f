"""Nobody grants rights that he does not have: what writes of roles and bindings are checked for."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from meshctl.lab.apiserver.hooks import Asked, User
from meshctl.lab.apiserver.rbac import BINDING_KINDS, ROLE_KINDS, Authorizer
from meshctl.lab.apiserver.status import forbidden
from meshctl.lab.apiserver.store import Store
from meshctl.lab.apiserver.targets import Target
from meshctl.objects import Kind, Manifest, dig

_GROUP = "rbac.authorization.k8s.io"


def refuse_escalation(store: Store, rbac: Authorizer, user: User, target: Target, body: Any) -> None:
    """Raise 403 when a role or binding would give its subjects more than its writer has."""
    kind = target.resource.kind
    if not isinstance(body, dict) or kind.group != _GROUP:
        return
    name = target.name or str(dig(body, "metadata", "name") or "")
    live = store.get(kind.resource, target.namespace, name)
    if kind.name in ROLE_KINDS:
        verb, rules = "escalate", body.get("rules") or ()
        if live is not None and live.obj.get("rules") == body.get("rules"):
            return
    elif kind.name in BINDING_KINDS:
        verb, rules = "bind", _granted(store, target.namespace, body.get("roleRef") or {})
        if live is not None and live.obj.get("subjects") == body.get("subjects"):
            return
    else:
        return
    asked = Asked("", user.name, verb, _GROUP, kind.plural, namespace=target.namespace, name=name)
    missing = [text for rule in rules for text in _missing(rbac, user, target.namespace, rule)]
    if missing and not rbac.allowed(user, asked):
        raise _refusal(kind, name, user, missing)


def _granted(store: Store, namespace: str, ref: Manifest) -> list[Manifest]:
    plural, where = ("clusterroles", "") if ref.get("kind") == "ClusterRole" else ("roles", namespace)
    role = store.get(f"{plural}.{_GROUP}", where, str(ref.get("name")))
    return list(role.obj.get("rules") or ()) if role else []


def _missing(rbac: Authorizer, user: User, namespace: str, rule: Manifest) -> Iterator[str]:
    """Yield what of a rule the user lacks, as one text for each group, resource and name."""
    verbs = rule.get("verbs") or ()
    for group, resource, name in product(
        rule.get("apiGroups") or (), rule.get("resources") or (), rule.get("resourceNames") or ("",)
    ):
        plural, _, part = resource.partition("/")
        lacking = [
            verb
            for verb in verbs
            if not rbac.allowed(user, Asked("", user.name, verb, group, plural, part, namespace, name))
        ]
        if lacking:
            names = f', ResourceNames:["{name}"]' if name else ""
            listed = " ".join(f'"{verb}"' for verb in lacking)
            yield f'{{APIGroups:["{group}"], Resources:["{resource}"]{names}, Verbs:[{listed}]}}'


def _refusal(kind: Kind, name: str, user: User, missing: list[str]) -> Exception:
    groups = " ".join(f'"{group}"' for group in user.groups)
    why = (
        f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n'
        + "\n".join(missing)
    )
    return forbidden(kind, name, why)
