"""Label and field selectors: from the text of a query, or from a LabelSelector, to a question about one object."""

import re
from collections.abc import Callable, Iterable, Mapping

from meshctl.lab.apiserver.status import bad_request
from meshctl.objects import Manifest, dig

Predicate = Callable[[Manifest], bool]
_Labels = Mapping[str, str]

_SET = re.compile(r"^(?P<key>[^\s!=,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s!=,()]*)$")
_EXISTS = re.compile(r"^(?P<no>!?)\s*(?P<key>[^\s!=,()]+)$")


def labels_match(text: str) -> Predicate:
    """Return whether an object has the labels that a `labelSelector` asks for."""
    tests = [_label_test(part.strip(), text) for part in _split(text) if part.strip()]
    return lambda obj: all(test(_labels(obj)) for test in tests)


def selector_matches(selector: Manifest | None) -> Callable[[_Labels], bool]:
    """Return whether labels fit a LabelSelector (matchLabels and matchExpressions); an empty one fits all."""
    wanted = (selector or {}).get("matchLabels") or {}
    tests = [_expression(item) for item in (selector or {}).get("matchExpressions") or ()]
    return lambda labels: (
        all(labels.get(key) == value for key, value in wanted.items()) and all(test(labels) for test in tests)
    )


def fields_match(text: str, allowed: Iterable[str]) -> Predicate:
    """Return whether an object has the fields that a `fieldSelector` asks for."""
    known = {"metadata.name", "metadata.namespace", *allowed}
    tests = [_field_test(part.strip(), known) for part in text.split(",") if part.strip()]
    return lambda obj: all(test(obj) for test in tests)


def _labels(obj: Manifest) -> _Labels:
    return obj["metadata"].get("labels") or {}


def _split(text: str) -> list[str]:
    return re.split(r",(?![^(]*\))", text)


def _label_test(part: str, whole: str) -> Callable[[_Labels], bool]:
    if found := _SET.match(part):
        values = [value.strip() for value in found["values"].split(",")]
        return _expression({"key": found["key"], "operator": _OPERATORS[found["op"]], "values": values})
    if found := _EQUAL.match(part):
        operator = "NotIn" if found["op"] == "!=" else "In"
        return _expression({"key": found["key"], "operator": operator, "values": [found["value"]]})
    if found := _EXISTS.match(part):
        return _expression({"key": found["key"], "operator": "DoesNotExist" if found["no"] else "Exists"})
    raise bad_request(f"unable to parse requirement: found {part!r} in {whole!r}")


_OPERATORS = {"in": "In", "notin": "NotIn"}


def _expression(item: Manifest) -> Callable[[_Labels], bool]:
    key, operator, values = item["key"], item["operator"], item.get("values") or []
    match operator:
        case "In":
            return lambda labels: key in labels and labels[key] in values
        case "NotIn":
            return lambda labels: labels.get(key) not in values if key in labels else True
        case "Exists":
            return lambda labels: key in labels
        case _:
            return lambda labels: key not in labels


def _field_test(part: str, known: set[str]) -> Predicate:
    found = _EQUAL.match(part)
    if not found:
        raise bad_request(f"invalid field selector: {part}")
    path, value, wanted = found["key"], found["value"], found["op"] != "!="
    if path not in known and len(known) == 2:
        raise bad_request(f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"')
    if path not in known:
        raise bad_request(f"field label not supported: {path}")
    keys = path.split(".")
    return lambda obj: (_text(dig(obj, *keys)) == value) == wanted


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
