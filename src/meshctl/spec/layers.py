"""File, environment and flags laid over each other into one tree, with the source of every value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshctl.spec import environment
from meshctl.spec.fields import MESH
from meshctl.spec.file import parse, read_file
from meshctl.spec.flags import Flags
from meshctl.spec.forms import Annotations, Choice, Duration, Form, Section, Switch, Text, Texts, form_at
from meshctl.spec.places import Keys, Places, Source, Spelling, spell, split_assignment
from meshctl.spec.reading import quote, suggestion

SET = Source("--set", Spelling.SET)


@dataclass(slots=True)
class Draft:
    """What was given so far. `whole` is false where a file could not be read, so that nothing in it can be missed."""

    tree: dict[str, Any] = field(default_factory=dict)
    sources: dict[Keys, Source] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    whole: bool = True

    @property
    def places(self) -> Places:
        """Where every value came from."""
        return Places(self.sources)

    def put(self, keys: Keys, value: Any, source: Source) -> str:
        """Lay a value over what is there, making the mappings and lists around it; say why that can't be."""
        problem = _misfit(self.tree, keys)
        if problem:
            return problem
        here: Any = self.tree
        for index, key in enumerate(keys):
            last = index == len(keys) - 1
            there = key in (here if isinstance(here, dict) else range(len(here)))
            if last or not there:
                self._forget(keys[: index + 1])
                self.sources[keys[: index + 1]] = source
                item: Any = value if last else _container(keys[index + 1])
                if isinstance(here, list) and not there:
                    here.append(item)
                else:
                    here[key] = item
            here = here[key]
        return ""

    def _forget(self, keys: Keys) -> None:
        """Drop the sources of a value that is about to be replaced as a whole."""
        for old in [old for old in self.sources if old[: len(keys)] == keys]:
            del self.sources[old]


def _container(key: str | int = "") -> dict[str, Any] | list[Any]:
    return [] if isinstance(key, int) else {}


def _misfit(tree: dict[str, Any], keys: Keys) -> str:
    """Say why `tree` can't hold something at `keys`."""
    here: Any = tree
    for index, key in enumerate(keys):
        at = keys[:index]
        if isinstance(key, str):
            if not isinstance(here, dict):
                return f"{spell(at)} is not a mapping"
            here = here.get(key, _container(*keys[index + 1 : index + 2]))
        else:
            if not isinstance(here, list):
                return f"{spell(at)} is not a list"
            if key > len(here):
                return f"there is no {spell((*at, key))} yet; the next is {spell((*at, len(here)))}"
            here = here[key] if key < len(here) else _container(*keys[index + 1 : index + 2])
    return ""


def lay(flags: Flags, environ: Mapping[str, str]) -> Draft:
    """Return everything that was given: the file below, over it the environment, over that the flags.

    West clusters are counted by position: the first `--west` replaces the context of the file's `west[0]`, and one more
    `--west` than the file has entries adds a cluster; what else the file says of an entry stays. `--west` replaces
    MESHCTL_WEST as a whole. Among the flags `--set` comes after `--east`, `--west` and `--kubeconfig`, and the last
    `--set` of a path counts; `--server` and `--gateway-address` come last, when every cluster has its name.
    """
    draft = Draft(problems=environment.problems(environ))
    variables = environment.given(environ)
    _lay_file(draft, flags, variables)
    _lay_environment(draft, flags, variables)
    for keys, text, label in (
        (("east", "context"), flags.east, "--east"),
        (("kubeconfig",), flags.kubeconfig, "--kubeconfig"),
    ):
        if text is not None:
            draft.put(keys, text, Source(label))
    _lay_west(draft, flags.west, Source("--west"))
    for assignment in flags.sets:
        _lay_set(draft, assignment)
    _lay_named(draft, flags.servers, "server", "--server")
    _lay_named(draft, flags.gateway_addresses, "gatewayAddress", "--gateway-address")
    return draft


def _lay_file(draft: Draft, flags: Flags, variables: Mapping[str, str]) -> None:
    if flags.file == "":
        draft.problems.append("--file: must not be empty")
    name = flags.file or variables.get(environment.FILE.name)
    if not name:
        return
    parsed = read_file(Path(name))
    draft.problems += [fault.at(name) for fault in parsed.faults]
    draft.whole = parsed.whole
    draft.sources[()] = Source(name, Spelling.FILE)
    if isinstance(parsed.value, dict):
        draft.tree = parsed.value
    elif parsed.whole:
        draft.whole = False
        what = "is empty" if parsed.value is None else "is not a mapping"
        draft.problems.append(f"{name}: {what}; a mesh file has keys such as east and west")


def _lay_environment(draft: Draft, flags: Flags, variables: Mapping[str, str]) -> None:
    for variable in environment.VARIABLES:
        text = variables.get(variable.name)
        if text is None or variable == environment.FILE:
            continue
        source = Source(variable.name)
        if variable != environment.WEST:
            value, problem = value_of(form_at(MESH, variable.keys), text)
            draft.problems += [f"{variable.name}: {problem}"] if problem else []
            if not problem:
                draft.put(variable.keys, value, source)
        elif not flags.west:
            _lay_west(draft, [context.strip() for context in text.split(",")], source)


def _lay_west(draft: Draft, contexts: Sequence[str], source: Source) -> None:
    for index, context in enumerate(contexts):
        draft.put(("west", index, "context"), context, source)


def _lay_set(draft: Draft, assignment: str) -> None:
    split = split_assignment(assignment)
    if split is None:
        draft.problems.append(f"--set {assignment.partition('=')[0]}: write path=value, as in west[0].network=net7")
        return
    keys, text = split
    value, problem = value_of(form_at(MESH, keys), text)
    problem = problem or draft.put(keys, value, SET)
    if problem:
        draft.problems.append(f"--set {spell(keys)}: {problem}")


def value_of(form: Form | None, text: str) -> tuple[Any, str]:
    """Return what a text from a flag or variable means for a field, and what is wrong with it.

    Fields that are texts take it as it is; a list of texts may be written with commas; the rest is YAML.
    """
    match form:
        case Text() | Choice() | Duration() | None:
            return text, ""
        case Texts() if not text.lstrip().startswith("["):
            return [part.strip() for part in text.split(",")] if text.strip() else [], ""
        case Switch() | Texts() | Annotations() | Section():
            pass
        case _ if not text:
            return "", ""
    parsed = parse(text)
    return parsed.value, "; ".join(fault.text for fault in parsed.faults)


def _lay_named(draft: Draft, pairs: Sequence[str], key: str, flag: str) -> None:
    clusters = named_clusters(draft.tree)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name or "://" in name:
            draft.problems.append(f"{flag}: write NAME=VALUE, where NAME is a cluster's name, as in cluster2=...")
            continue
        keys = clusters.get(name)
        if keys is not None:
            draft.put((*keys, key), text, Source(f"{flag} {name}"))
        elif draft.whole:
            draft.problems.append(f"{flag}: no cluster is called {quote(name)}; {suggestion(name, clusters)}")


def named_clusters(tree: Mapping[str, Any]) -> dict[str, Keys]:
    """Return where each cluster is, by its name and by its context; a name counts before a context."""
    west = tree.get("west")
    entries: list[tuple[Keys, Any]] = [(("east",), tree.get("east"))]
    entries += [(("west", index), entry) for index, entry in enumerate(west)] if isinstance(west, list) else []
    names: dict[str, Keys] = {}
    contexts: dict[str, Keys] = {}
    for number, (keys, entry) in enumerate(entries, start=1):
        given = entry if isinstance(entry, dict) else {}
        names.setdefault(str(given.get("clusterName", default_name("cluster", number))), keys)
        if given.get("context"):
            contexts.setdefault(str(given["context"]), keys)
    return {**contexts, **names}


def default_name(stem: str, number: int) -> str:
    """Return the guide's name: cluster1 or network1 for the primary, cluster2 ... for the remotes in their order."""
    return f"{stem}{number}"
