"""Rights handed out one by one, so that a user can have any set of them: a group per right.

Roles are made once; who has which is a matter of the groups in a certificate, which the API server believes at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meshctl.checks.rights import Right, Rights
from meshctl.objects import Manifest

RBAC = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Grants:
    """Every right that some user of a test is to have."""

    rights: tuple[Right, ...]

    def groups(self, rights: Rights) -> tuple[str, ...]:
        """Return the groups of a user who has exactly these rights."""
        return tuple(self._group(right) for right in sorted(rights))

    def objects(self, namespaces: Iterable[str] = ()) -> Manifest:
        """Return a role and a binding for every right, or for those of some namespaces only."""
        wanted = set(namespaces)
        chosen = [right for right in self.rights if not wanted or right.namespace in wanted]
        items = [obj for right in chosen for obj in _granting(self._group(right), right)]
        return {"apiVersion": "v1", "kind": "List", "items": items}

    def _group(self, right: Right) -> str:
        return f"right-{self.rights.index(right)}"


def _granting(group: str, right: Right) -> Iterator[Manifest]:
    prefix = "" if right.namespace else "Cluster"
    where = {"namespace": right.namespace} if right.namespace else {}
    head = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": group, **where}}
    names = {"resourceNames": [right.name]} if right.name else {}
    rule = {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb], **names}
    role = {"apiGroup": RBAC, "kind": f"{prefix}Role", "name": group}
    yield {**head, "kind": f"{prefix}Role", "rules": [rule]}
    subject = {"apiGroup": RBAC, "kind": "Group", "name": group}
    yield {**head, "kind": f"{prefix}RoleBinding", "roleRef": role, "subjects": [subject]}
