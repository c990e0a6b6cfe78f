"""May a user do this? Roles and bindings as they are stored, evaluated for each request."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from meshctl.lab.apiserver.hooks import Asked, User
from meshctl.lab.apiserver.resources import Resource
from meshctl.lab.apiserver.status import StatusError, about
from meshctl.lab.apiserver.store import Store
from meshctl.objects import Kind, Manifest

_MASTERS = "system:masters"
ROLE_KINDS, BINDING_KINDS = ("Role", "ClusterRole"), ("RoleBinding", "ClusterRoleBinding")
_BINDINGS = "rolebindings.rbac.authorization.k8s.io"
_ROLES = "roles.rbac.authorization.k8s.io"
_CLUSTER_BINDINGS = "clusterrolebindings.rbac.authorization.k8s.io"
_CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"


class Authorizer:
    """Answers for one cluster."""

    def __init__(self, cluster: str, store: Store, denied: Callable[[Asked], bool]) -> None:
        self._cluster = cluster
        self._store = store
        self._denied = denied

    def allowed(self, user: User, asked: Asked) -> bool:
        """Whether the user may."""
        asked = replace(asked, cluster=self._cluster, user=user.name)
        if self._denied(asked):
            return False
        return _MASTERS in user.groups or any(_grants(rule, asked) for rule in self.rules(user, asked.namespace))

    def reason(self, user: User, asked: Asked) -> str:
        """Say which binding allows it; empty for masters, who need none."""
        if _MASTERS in user.groups:
            return ""
        places = [(_CLUSTER_BINDINGS, "")] + ([(_BINDINGS, asked.namespace)] if asked.namespace else [])
        for resource, namespace in places:
            for snapshot in self._store.items(resource, namespace):
                if any(_grants(rule, asked) for rule in self._bound(snapshot.obj, user, namespace)):
                    return _because(snapshot.obj, user, namespace)
        return ""

    def overruled(self, user: User) -> bool:
        """Whether something besides roles decides, so that they do not tell everything."""
        return self._denied(Asked(self._cluster, user.name, "*", "*", "*"))

    def rules(self, user: User, namespace: str) -> Iterator[Manifest]:
        """Yield the rules that hold for a user in a namespace."""
        if _MASTERS in user.groups:
            yield {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
            yield {"nonResourceURLs": ["*"], "verbs": ["*"]}
        for snapshot in self._store.items(_CLUSTER_BINDINGS):
            yield from self._bound(snapshot.obj, user, "")
        if namespace:
            for snapshot in self._store.items(_BINDINGS, namespace):
                yield from self._bound(snapshot.obj, user, namespace)

    def _bound(self, binding: Manifest, user: User, namespace: str) -> Iterator[Manifest]:
        if not any(_names(subject, user, namespace) for subject in binding.get("subjects") or ()):
            return
        ref = binding["roleRef"]
        place = (_CLUSTER_ROLES, "") if ref.get("kind") == "ClusterRole" else (_ROLES, namespace)
        role = self._store.get(*place, ref["name"])
        if role is None:
            return
        yield from role.obj.get("rules") or ()
        if selectors := (role.obj.get("aggregationRule") or {}).get("clusterRoleSelectors"):
            yield from self._aggregated(selectors)

    def _aggregated(self, selectors: list[Manifest]) -> Iterator[Manifest]:
        for snapshot in self._store.items(_CLUSTER_ROLES):
            labels = snapshot.obj["metadata"].get("labels") or {}
            wanted = [selector.get("matchLabels") or {} for selector in selectors]
            if any(all(labels.get(key) == value for key, value in pairs.items()) for pairs in wanted):
                yield from snapshot.obj.get("rules") or ()


def _because(binding: Manifest, user: User, namespace: str) -> str:
    subject = next(one for one in binding["subjects"] if _names(one, user, namespace))
    name = f"{binding['metadata']['name']}/{namespace}" if namespace else binding["metadata"]["name"]
    ref = binding["roleRef"]
    whom = f"{subject['name']}/{subject.get('namespace')}" if subject["kind"] == "ServiceAccount" else subject["name"]
    kind = binding["kind"]
    return f'RBAC: allowed by {kind} "{name}" of {ref["kind"]} "{ref["name"]}" to {subject["kind"]} "{whom}"'


def _names(subject: Manifest, user: User, namespace: str) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            where = subject.get("namespace") or namespace
            return user.name == f"system:serviceaccount:{where}:{subject['name']}"
        case _:
            return False


def _grants(rule: Manifest, asked: Asked) -> bool:
    if not _has(rule.get("verbs"), asked.verb):
        return False
    if asked.path:
        return any(_covers(pattern, asked.path) for pattern in rule.get("nonResourceURLs") or ())
    resource = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    offered = rule.get("resources") or ()
    any_with_sub = bool(asked.subresource) and f"*/{asked.subresource}" in offered
    names = rule.get("resourceNames") or ()
    return (
        _has(rule.get("apiGroups"), asked.group)
        and (_has(offered, resource) or any_with_sub)
        and (not names or asked.name in names)
    )


def _has(offered: list[str] | tuple[str, ...] | None, wanted: str) -> bool:
    return bool(offered) and ("*" in (offered or ()) or wanted in (offered or ()))


def _covers(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == path


def refusal(user: User, asked: Asked, resource: Resource | None) -> StatusError:
    """Return the 403 that names what the user may not do."""
    if asked.path:
        text = f'forbidden: User "{user.name}" cannot {asked.verb} path "{asked.path}"'
        return StatusError(403, "Forbidden", text, {})
    plural = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    full = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    name = f' "{asked.name}"' if asked.name else ""
    text = (
        f'{full}{name} is forbidden: User "{user.name}" cannot {asked.verb} resource "{plural}" '
        f'in API group "{asked.group}" {where}'
    )
    kind = resource.kind if resource else Kind("", asked.resource, group=asked.group)
    return StatusError(403, "Forbidden", text, about(kind, asked.name))
