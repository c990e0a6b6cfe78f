"""Custom resource definitions: what they must say, what their status says, and the resource they make."""

from meshctl.lab.apiserver.resources import Resource
from meshctl.lab.apiserver.shapes import PLAIN, of_schema
from meshctl.lab.apiserver.status import Problem
from meshctl.objects import Kind, Manifest

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


def resource_of(definition: Manifest) -> Resource:
    """Return the resource that a definition makes."""
    spec = definition["spec"]
    names = spec["names"]
    served = [version for version in spec["versions"] if version.get("served")]
    stored = next((version for version in spec["versions"] if version.get("storage")), spec["versions"][0])
    served.sort(key=lambda version: version is not stored)
    schemas = {
        version["name"]: (version.get("schema") or {}).get("openAPIV3Schema") or {} for version in spec["versions"]
    }
    kind = Kind(names["kind"], names["plural"], stored["name"], spec["group"], namespaced=spec["scope"] == "Namespaced")
    schema = schemas[stored["name"]]
    return Resource(
        kind,
        tuple(names.get("shortNames") or ()),
        status="status" in (stored.get("subresources") or {}),
        generation=True,
        scale="scale" in (stored.get("subresources") or {}),
        categories=tuple(names.get("categories") or ()),
        versions=tuple(version["name"] for version in served),
        shape=of_schema(schema) if schema else PLAIN,
        schemas=schemas,
        columns=tuple(stored.get("additionalPrinterColumns") or ()),
    )


def complete(definition: Manifest) -> Manifest:
    """Return a definition with its defaults."""
    spec = dict(definition.get("spec") or {})
    names = dict(spec.get("names") or {})
    if names.get("kind"):
        names.setdefault("listKind", f"{names['kind']}List")
        names.setdefault("singular", names["kind"].lower())
    spec["names"] = names
    spec.setdefault("conversion", {"strategy": "None"})
    return {**definition, "spec": spec}


def established(definition: Manifest, now: str) -> Manifest:
    """Return the status of a definition that is served."""
    reasons = {"NamesAccepted": "NoConflicts", "Established": "InitialNamesAccepted"}
    messages = {"NamesAccepted": "no conflicts found", "Established": "the initial names have been accepted"}
    spec = definition["spec"]
    return {
        "acceptedNames": spec["names"],
        "conditions": [
            {"lastTransitionTime": now, "message": messages[name], "reason": reason, "status": "True", "type": name}
            for name, reason in reasons.items()
        ],
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }


def problems(definition: Manifest) -> list[Problem]:
    """Return what is wrong with a definition."""
    spec = definition.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    found = [
        Problem(f"spec.{path}", "FieldValueRequired", "Required value")
        for path, value in (
            ("group", spec.get("group")),
            ("scope", spec.get("scope")),
            ("names.plural", names.get("plural")),
            ("names.kind", names.get("kind")),
            ("versions", versions),
        )
        if not value
    ]
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    name = definition["metadata"].get("name")
    if not found and name != wanted:
        message = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        found.append(Problem("metadata.name", "FieldValueInvalid", message))
    if versions and sum(bool(version.get("storage")) for version in versions) != 1:
        message = "Invalid value: must have exactly one version marked as storage version"
        found.append(Problem("spec.versions", "FieldValueInvalid", message))
    return found
