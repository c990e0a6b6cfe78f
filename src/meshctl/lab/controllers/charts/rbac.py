"""Roles and bindings of the charts; the rules themselves are data."""

from functools import cache
from importlib.resources import files

from meshctl import documents
from meshctl.lab.controllers.charts.metadata import Chart
from meshctl.names import CLUSTER_ROLE, CLUSTER_ROLE_BINDING
from meshctl.objects import Manifest


@cache
def _table() -> dict[str, list[list[list[str]]]]:
    text = (files("meshctl.lab") / "data" / "sail" / "rbac.yaml").read_text(encoding="utf-8")
    table: dict[str, list[list[list[str]]]] = documents.read(text)
    return table


def rules(*names: str) -> list[Manifest]:
    """Return the rules of these entries of the table, in order."""
    return [_rule(*row) for name in names for row in _table()[name]]


def _rule(groups: list[str], resources: list[str], verbs: list[str], names: list[str] | None = None) -> Manifest:
    rule: Manifest = {"apiGroups": groups, "resources": resources, "verbs": verbs}
    return {**rule, "resourceNames": names} if names else rule


def role_ref(kind: str, name: str) -> Manifest:
    """Return the role side of a binding."""
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def account(name: str, namespace: str) -> Manifest:
    """Return the subject side of a binding."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def cluster_role(chart: Chart, name: str, tables: tuple[str, ...], labels: dict[str, str]) -> Manifest:
    """Return a ClusterRole with the rules of these tables."""
    return chart.made(CLUSTER_ROLE, name, labels=labels, rules=rules(*tables))


def cluster_binding(chart: Chart, name: str, role: str, subject: tuple[str, str], labels: dict[str, str]) -> Manifest:
    """Return a ClusterRoleBinding of a role to an account (its name and namespace)."""
    body: Manifest = {"roleRef": role_ref("ClusterRole", role), "subjects": [account(*subject)]}
    return chart.made(CLUSTER_ROLE_BINDING, name, labels=labels, **body)
