"""The forms in which objects are served besides plain JSON: tables for `kubectl get`, and metadata alone."""

from collections.abc import Iterable

from meshctl.lab.apiserver.cells import columns
from meshctl.lab.apiserver.resources import Resource
from meshctl.objects import Manifest

_GROUP = "meta.k8s.io/v1"


def table(resource: Resource, objects: Iterable[Manifest], revision: str, include: str, rest: str = "") -> Manifest:
    """Return a Table of objects. `include`: how much of each object goes with its row (None, Metadata, Object)."""
    found = columns(resource)
    metadata: Manifest = {"resourceVersion": revision}
    if rest:
        metadata["continue"] = rest
    return {
        "kind": "Table",
        "apiVersion": _GROUP,
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.kind,
                "format": column.format,
                "description": "",
                "priority": int(column.wide),
            }
            for column in found
        ],
        "rows": [{"cells": [column.cell(obj) for column in found], **_object(obj, include)} for obj in objects],
    }


def _object(obj: Manifest, include: str) -> Manifest:
    if include == "None":
        return {}
    return {"object": obj if include == "Object" else partial(obj)}


def partial(obj: Manifest) -> Manifest:
    """Return an object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": _GROUP, "metadata": obj["metadata"]}


def wanted(accept: str) -> str:
    """Return the form that an Accept header prefers: Table, PartialObjectMetadata, PartialObjectMetadataList or ''."""
    first = accept.split(",", 1)[0]
    parameters = dict(part.strip().partition("=")[::2] for part in first.split(";")[1:])
    return parameters.get("as", "") if parameters.get("g") == "meta.k8s.io" else ""
