"""YAML as plain JSON-like data, strictly: one document, no key twice, every problem with its line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

LARGEST = 256 * 1024
DEEPEST = 40
MOST_VALUES = 20_000

_STR = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null")}
# Kubernetes' own YAML knows no dates and no = key: such words are texts there, so they are here.
_AS_WRITTEN = {_STR, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text as YAML; `line` is 0 where it concerns the whole."""

    line: int
    text: str

    def at(self, label: str) -> str:
        """Return the fault as a problem of the file or flag called `label`."""
        return f"{label}:{self.line}: {self.text}" if self.line else f"{label}: {self.text}"


@dataclass(frozen=True, slots=True)
class Parsed:
    """The data, and the faults; `whole` is false where the data is not all that the author meant."""

    value: Any = None
    faults: tuple[Fault, ...] = ()
    whole: bool = True


def read_file(path: Path, largest: int = LARGEST) -> Parsed:
    """Return what a YAML file says; a file that can't be read is a fault too."""
    try:
        with path.open("rb") as stream:
            content = stream.read(largest + 1)
    except OSError as error:
        return _broken(Fault(0, f"can't be read: {(error.strerror or 'unknown reason').lower()}"))
    except ValueError:
        return _broken(Fault(0, "can't be read: the path holds a zero byte"))
    if len(content) > largest:
        return _broken(Fault(0, f"is larger than {largest // 1024} KiB; that is no file for meshctl"))
    try:
        return parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _broken(Fault(line, "is not UTF-8 text"))


def parse(text: str) -> Parsed:
    """Return what a YAML text says."""
    try:
        fault = _shape_fault(text)
        if fault:
            return _broken(fault)
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        return _broken(_syntax_fault(error, text))
    if node is None:
        return Parsed()
    walk = _Walk(loader)
    value = walk.value(node, ())
    return Parsed(value, tuple(walk.faults), whole=walk.left > 0)


def _broken(fault: Fault) -> Parsed:
    return Parsed(None, (fault,), whole=False)


def _shape_fault(text: str) -> Fault | None:
    """Look at the text as a stream of events, which needs no recursion however deep it is."""
    depth = 0
    documents = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if documents > 1:
            return Fault(_line(event), "a second document begins here; one file describes one mesh")
        if depth > DEEPEST:
            return Fault(_line(event), f"is nested deeper than {DEEPEST} levels")
    return None


def _line(marked: yaml.Event | yaml.Node) -> int:
    return marked.start_mark.line + 1 if marked.start_mark else 0


def _syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.problem, error.context) if part)
        return Fault(mark.line + 1 if mark else 0, f"is not YAML: {said}")
    position = getattr(error, "position", 0)
    return Fault(text.count("\n", 0, position) + 1, "is not YAML: a character that may not stand in it")


@dataclass(slots=True)
class _Walk:
    """One way through the nodes. Aliases are followed as if written out, so `left` bounds how much that may be."""

    loader: yaml.SafeLoader
    faults: list[Fault] = field(default_factory=list)
    left: int = MOST_VALUES

    def value(self, node: yaml.Node, above: tuple[int, ...]) -> Any:
        """Return the data of a node; `above` holds the nodes it is in."""
        self.left -= 1
        if self.left == 0:
            self.fault(node, f"holds more than {MOST_VALUES} values, with its aliases written out")
        if self.left <= 0:
            return None
        if id(node) in above:
            self.fault(node, "an alias leads back to where it stands")
            return None
        inside = (*above, id(node))
        match node:
            case yaml.MappingNode():
                return self.mapping(node, inside)
            case yaml.SequenceNode():
                return [self.value(item, inside) for item in node.value]
            case _:
                return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, above: tuple[int, ...]) -> dict[str, Any]:
        """Return a mapping, in the order written; a merge (<<) gives what is not written out."""
        lines: dict[str, int] = {}
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.key(key_node)
            if key is None:
                continue
            if key in lines:
                self.fault(key_node, f"the key {key} is given twice (first on line {lines[key]})")
            lines.setdefault(key, _line(key_node))
            found[key] = self.value(value_node, above)
        for merged in self.merges(node, above):
            found = {**found, **{key: value for key, value in merged.items() if key not in found}}
        return found

    def merges(self, node: yaml.MappingNode, above: tuple[int, ...]) -> Iterator[dict[str, Any]]:
        """Yield every mapping that this one merges, the strongest first."""
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    merged = self.value(source, above)
                    if isinstance(merged, dict):
                        yield merged
                    else:
                        self.fault(source, "<< takes mappings only")

    def key(self, node: yaml.Node) -> str | None:
        """Return the key; it must be a text, as JSON's are."""
        if isinstance(node, yaml.ScalarNode) and node.tag in _AS_WRITTEN:
            return str(node.value)
        what = f"the key {node.value}" if isinstance(node, yaml.ScalarNode) else "a key"
        self.fault(node, f"{what} must be text; put it in quotes")
        return None

    def scalar(self, node: yaml.Node) -> Any:
        """Return one value of the kinds JSON has."""
        if node.tag in _AS_WRITTEN:
            return node.value
        if node.tag not in _SCALARS:
            self.fault(node, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')} is not allowed")
            return None
        try:
            return self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError, KeyError):
            self.fault(node, "can't be read as the kind of value it looks like; put it in quotes")
            return None

    def fault(self, node: yaml.Node, text: str) -> None:
        """Remember what is wrong at the line of a node."""
        self.faults.append(Fault(_line(node), text))
