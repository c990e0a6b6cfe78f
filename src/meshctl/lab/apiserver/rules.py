"""A small part of CEL: enough for the validation rules that mesh operators put into their definitions.

Understood: literals, lists, `self` and its fields, `has()`, `size()`, `!`, comparison, `in`, `&&`, `||`, `?:`,
parentheses, `startsWith`/`endsWith`/`matches`/`contains`. A rule that uses anything else is not evaluated.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<string>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<op>&&|\|\||==|!=|<=|>=|[-+!<>?:().,\[\]]))"
)
_LITERALS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "in": lambda a, b: a in b,
}
_METHODS: Mapping[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
    "matches": lambda text, pattern: re.search(pattern, text) is not None,
}


class UnsupportedRuleError(Exception):
    """The rule uses more of CEL than is understood here."""


class AbsentFieldError(Exception):
    """The rule reads a field that is not there."""


Names = Mapping[str, Any]
Node = Callable[[Names], Any]


def evaluate(rule: str, values: Names) -> Any:
    """Return what a rule says of these values."""
    try:
        return _Parser(_tokens(rule)).whole()(values)
    except (AbsentFieldError, TypeError) as error:
        raise UnsupportedRuleError(str(error)) from error


def _tokens(rule: str) -> list[tuple[str, str]]:
    tokens, place, text = [], 0, rule.strip()
    while place < len(text):
        found = _TOKEN.match(text, place)
        if not found:
            raise UnsupportedRuleError(text[place:])
        tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
        place = found.end()
    return tokens


def _field(value: Any, name: str) -> Any:
    plain = name.removeprefix("__").removesuffix("__") if name.startswith("__") else name
    if not isinstance(value, dict) or plain not in value:
        raise AbsentFieldError(name)
    return value[plain]


def _present(node: Node) -> Node:
    def present(values: Names) -> bool:
        try:
            node(values)
        except AbsentFieldError:
            return False
        return True

    return present


def _either(left: Node, right: Node, *, decided: bool) -> Node:
    """`||` and `&&`: an operand that fails does not matter when the other decides."""

    def result(values: Names) -> bool:
        try:
            first = bool(left(values))
        except AbsentFieldError:
            if bool(right(values)) == decided:
                return decided
            raise
        return first if first == decided else bool(right(values))

    return result


class _Parser:
    """Recursive descent: one method per level of precedence, each returning a function of the values."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._place = 0

    def whole(self) -> Node:
        node = self._choice()
        if self._place != len(self._tokens):
            raise UnsupportedRuleError(self._peek())
        return node

    def _peek(self) -> str:
        return self._tokens[self._place][1] if self._place < len(self._tokens) else ""

    def _take(self, *texts: str) -> str:
        text = self._peek()
        if text not in texts:
            return ""
        self._place += 1
        return text

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise UnsupportedRuleError(self._peek())

    def _choice(self) -> Node:
        test = self._or()
        if not self._take("?"):
            return test
        yes = self._choice()
        self._need(":")
        no = self._choice()
        return lambda values: yes(values) if test(values) else no(values)

    def _or(self) -> Node:
        node = self._and()
        while self._take("||"):
            node = _either(node, self._and(), decided=True)
        return node

    def _and(self) -> Node:
        node = self._comparison()
        while self._take("&&"):
            node = _either(node, self._comparison(), decided=False)
        return node

    def _comparison(self) -> Node:
        left = self._unary()
        text = self._take(*_COMPARE)
        if not text:
            return left
        compare, right = _COMPARE[text], self._unary()
        return lambda values: compare(left(values), right(values))

    def _unary(self) -> Node:
        if self._take("!"):
            inner = self._unary()
            return lambda values: not inner(values)
        return self._path()

    def _path(self) -> Node:
        node = self._atom()
        while self._take("."):
            node = self._member(node)
        return node

    def _member(self, node: Node) -> Node:
        name = self._name()
        if not self._take("("):
            return lambda values: _field(node(values), name)
        arguments = self._arguments(")")
        if name == "size" and not arguments:
            return lambda values: len(node(values))
        if name not in _METHODS or len(arguments) != 1:
            raise UnsupportedRuleError(name)
        method, argument = _METHODS[name], arguments[0]
        return lambda values: method(node(values), argument(values))

    def _name(self) -> str:
        if self._place >= len(self._tokens) or self._tokens[self._place][0] != "name":
            raise UnsupportedRuleError(self._peek())
        self._place += 1
        return self._tokens[self._place - 1][1]

    def _arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while not self._take(end):
            found.append(self._choice())
            if self._peek() != end:
                self._need(",")
        return found

    def _atom(self) -> Node:
        kind, text = self._tokens[self._place] if self._place < len(self._tokens) else ("", "")
        self._place += 1
        match kind:
            case "number":
                number = float(text) if "." in text else int(text)
                return lambda _: number
            case "string":
                string = re.sub(r"\\(.)", r"\1", text[1:-1])
                return lambda _: string
            case "name":
                return self._named(text)
        if text == "(":
            node = self._choice()
            self._need(")")
            return node
        if text == "[":
            items = self._arguments("]")
            return lambda values: [item(values) for item in items]
        raise UnsupportedRuleError(text)

    def _named(self, name: str) -> Node:
        if name in _LITERALS:
            return lambda _: _LITERALS[name]
        if name in ("has", "size") and self._take("("):
            inner = self._choice()
            self._need(")")
            return _present(inner) if name == "has" else lambda values: len(inner(values))
        if name != "self":
            raise UnsupportedRuleError(name)
        return lambda values: values[name]
