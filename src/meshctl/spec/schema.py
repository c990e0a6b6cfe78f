"""The JSON Schema of the file, from the same table of fields that the loader reads, so that editors can complete it."""

from typing import Any

from meshctl.spec.fields import MESH
from meshctl.spec.forms import (
    Annotations,
    Choice,
    Duration,
    Field,
    Form,
    HelmValues,
    Section,
    Sections,
    Switch,
    Text,
    Texts,
)
from meshctl.spec.texts import DURATION_PATTERN, LONGEST_WAIT

Schema = dict[str, Any]


def file_schema() -> Schema:
    """Return the JSON Schema (2020-12) of a mesh file.

    Nothing is required: flags and variables may complete what a file leaves out. What one value means for another (the
    same network twice) only the loader sees.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "meshctl mesh file",
        "description": "A primary-remote, multi-network Istio mesh.",
        **_schema(MESH),
    }


def _schema(form: Form) -> Schema:
    match form:
        case Text():
            return {"type": "string", "pattern": _whole(form.pattern)}
        case Switch():
            return {"type": "boolean"}
        case Choice():
            return {"enum": list(form.words)}
        case Duration():
            return {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_WAIT},
                    {"type": "string", "pattern": _whole(DURATION_PATTERN)},
                ]
            }
        case Texts():
            return {"type": "array", "items": _schema(form.item), "uniqueItems": True}
        case Annotations():
            key = {"pattern": _whole(form.key.pattern)}
            return {"type": "object", "propertyNames": key, "additionalProperties": {"type": "string"}}
        case HelmValues():
            return _values(form)
        case Section():
            properties = {field.key: _field(field) for field in form.fields}
            return {"type": "object", "properties": properties, "additionalProperties": False}
        case Sections():
            return {"type": "array", "items": _schema(form.item)}


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _field(field: Field) -> Schema:
    default = {} if field.default is None else {"default": field.default}
    return {"description": field.about, **_schema(field.form), **default}


def _values(form: HelmValues) -> Schema:
    """Return an open object in which the reserved keys match nothing."""
    top: Schema = {"type": "object"}
    for reserved in form.reserved:
        here = top
        for key in reserved.keys:
            here = here.setdefault("properties", {}).setdefault(key, {})
        here |= {"description": f"Can't be given here: {reserved.why}.", "not": {}}
    return top
