"""What would change, for people: by cluster, field by field, and a sum at the end; colour only repeats what is said."""

import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from rich.text import Text

from meshctl.changes.model import FieldChange, ObjectChange, Outcome, Outlook, Repair
from meshctl.render.hiding import HIDDEN
from meshctl.render.text import count, one_line
from meshctl.spec import Cluster

LONGEST = 100
"""How much of a value is shown; of two long texts it is the part around the first difference."""
BEFORE = 24

MARKS: Mapping[Outcome, tuple[str, str]] = MappingProxyType(
    {
        Outcome.CREATE: ("+", "green"),
        Outcome.CHANGE: ("~", "yellow"),
        Outcome.TAKE_OVER: ("~", "yellow"),
        Outcome.CONFLICT: ("!", "red"),
        Outcome.UNKNOWN: ("?", "cyan"),
        Outcome.REFUSED: ("x", "red"),
    }
)
SAID: Mapping[Outcome, str] = MappingProxyType(
    {
        Outcome.TAKE_OVER: "takes over fields of another manager",
        Outcome.CONFLICT: "owned by someone else",
        Outcome.UNKNOWN: "not known yet",
        Outcome.REFUSED: "would be refused",
    }
)
SUMS: tuple[tuple[Outcome, str], ...] = (
    (Outcome.CREATE, "to create"),
    (Outcome.CHANGE, "to change"),
    (Outcome.TAKE_OVER, "to take over"),
    (Outcome.UNCHANGED, "unchanged"),
    (Outcome.CONFLICT, "owned by someone else"),
    (Outcome.UNKNOWN, "not known yet"),
    (Outcome.REFUSED, "refused"),
)
ALWAYS = (Outcome.CREATE, Outcome.CHANGE, Outcome.UNCHANGED)


def changes_text(outlook: Outlook) -> Text:
    """Return the changes as a text; `.plain` is the same without colour."""
    parts = [
        Text(f"{one_line(outlook.title)}: what would change. Nothing was written.", style="bold"),
        *(Text("\n").join(_cluster(outlook, cluster)) for cluster in outlook.mesh.clusters),
        *([Text("\n").join(notes)] if (notes := list(_notes(outlook))) else []),
        Text(summary(outlook), style="bold"),
    ]
    return Text("\n\n").join(parts)


def summary(outlook: Outlook) -> str:
    """Return the last line: how many objects there are of each outcome."""
    counts = outlook.counts
    parts = [f"{counts[outcome]} {said}" for outcome, said in SUMS if counts[outcome] or outcome in ALWAYS]
    repairs = [count(len(outlook.repairs), "repair")] if outlook.repairs else []
    return f"plan: {', '.join([*parts, *repairs])}"


def _cluster(outlook: Outlook, cluster: Cluster) -> Iterator[Text]:
    changes = [one for one in outlook.changes if one.cluster == cluster.name]
    unchanged = [one for one in changes if one.outcome is Outcome.UNCHANGED]
    yield Text(f"{cluster.name} (context {cluster.context}, {cluster.network})", style="bold")
    for change in changes:
        if change.outcome is not Outcome.UNCHANGED:
            yield from _object(change)
    yield from (_repair(one) for one in outlook.repairs if one.cluster == cluster.name)
    if unchanged:
        yield Text(f"  = {count(len(unchanged), 'object')} unchanged", style="dim")


def _object(change: ObjectChange) -> Iterator[Text]:
    mark, style = MARKS[change.outcome]
    manager = "" if change.manager == "meshctl" else f" as {change.manager}"
    said = SAID.get(change.outcome, "")
    why = (
        one_line(change.text)
        if change.outcome not in (Outcome.CONFLICT, Outcome.TAKE_OVER) or not change.fields
        else ""
    )
    told = ": ".join(filter(None, (said, why)))
    yield Text.assemble((f"  {mark} ", style), (f"{change.ref}{manager}", style), f": {told}" if told else "")
    for one in change.fields:
        yield _field(one, new=change.outcome is Outcome.CREATE)


def _field(one: FieldChange, *, new: bool) -> Text:
    owned = f"   {', '.join(one.owners)} {'owns' if len(one.owners) == 1 else 'own'} it" if one.owners else ""
    name = ("      ", (one.field, "bold"), ": ")
    after = (_value(one.new, one.old), "cyan" if one.pending else "green")
    if new:
        return Text.assemble(*name, after)
    if one.hidden and not one.pending:
        return Text.assemble(*name, f"{HIDDEN}, another value", (owned, "red"))
    before = HIDDEN if one.hidden else _value(one.old, one.new)
    return Text.assemble(*name, (before, "red"), " -> ", after, (owned, "red"))


def _value(value: Any, other: Any) -> str:
    if value is None:
        return "(not there)"
    if isinstance(value, str) and value.startswith("<") and value.endswith(">"):
        return one_line(value)
    text = one_line(json.dumps(value, ensure_ascii=False))
    if len(text) <= LONGEST:
        return text
    start = max(0, _first_difference(text, one_line(json.dumps(other, ensure_ascii=False))) - BEFORE)
    end = start + LONGEST
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _first_difference(one: str, other: str) -> int:
    return next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)


def _repair(one: Repair) -> Text:
    return Text.assemble(("  * ", "yellow"), ("repair: ", "yellow"), one_line(one.text))


def _notes(outlook: Outlook) -> Iterator[Text]:
    if outlook.counts[Outcome.CONFLICT]:
        yield Text(
            "! An install stops at a field that somebody else owns: give it back to meshctl there, or take it with "
            "--force-conflicts."
        )
    if outlook.counts[Outcome.REFUSED]:
        yield Text("x An install fails at what an API server refuses: mend it there first.")
