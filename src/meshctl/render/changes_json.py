"""What would change, for programs: one document; docs/reference/events.md describes its keys."""

from typing import Any

from meshctl.changes.model import FieldChange, ObjectChange, Outcome, Outlook
from meshctl.render.text import one_line

VERSION = 1


def changes_document(outlook: Outlook, exit_code: int) -> dict[str, Any]:
    """Return the changes as JSON-like data."""
    return {
        "v": VERSION,
        "type": "changes",
        "title": one_line(outlook.title),
        "mesh": outlook.mesh.mesh_id,
        "exit_code": exit_code,
        "clusters": [
            {"name": one.name, "context": one.context, "network": one.network} for one in outlook.mesh.clusters
        ],
        "summary": {outcome.value: outlook.counts[outcome] for outcome in Outcome} | {"repairs": len(outlook.repairs)},
        "objects": [_object(one) for one in outlook.changes],
        "repairs": [{"cluster": one.cluster, "step": one.step, "text": one_line(one.text)} for one in outlook.repairs],
    }


def _object(change: ObjectChange) -> dict[str, Any]:
    return {
        "cluster": change.cluster,
        "step": change.step,
        "api_version": change.ref.kind.api_version,
        "kind": change.ref.kind.name,
        "namespace": change.ref.namespace,
        "name": change.ref.name,
        "manager": change.manager,
        "outcome": change.outcome.value,
        "text": one_line(change.text),
        "fields": [_field(one) for one in change.fields],
    }


def _field(one: FieldChange) -> dict[str, Any]:
    return {
        "field": one.field,
        "old": one.old,
        "new": one.new,
        "hidden": one.hidden,
        "known": not one.pending,
        "owners": list(one.owners),
    }
