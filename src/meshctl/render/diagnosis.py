"""A diagnosis as people read it, and as the document that programs read."""

from collections.abc import Iterator
from typing import Any

from rich.text import Text

from meshctl.checks.catalog import check_of
from meshctl.checks.diagnosis.result import Chain, Diagnosis, State
from meshctl.checks.finding import Finding
from meshctl.render.text import count, one_line

VERSION = 1
"""Of the document; changes when a key goes or means something else."""

MOST = 5
"""How many consequences are listed."""


def diagnosis_text(found: Diagnosis) -> Text:
    """Return the text; `.plain` is the same without colour."""
    lines = [Text("\n").join(block(one)) for one in found.first]
    if found.healthy:
        lines = [_whole(found)]
    elif found.following:
        lines.append(Text("\n").join(_following(found)))
    if unknown := list(_unknown(found)):
        lines.append(Text("\n").join(unknown))
    if found.warnings:
        lines.append(Text("\n").join(_warnings(found)))
    return Text("\n\n").join(lines)


def block(one: Finding) -> Iterator[Text]:
    """Yield the lines of one finding: what is wrong, what shows it, why it matters, what mends it."""
    check = check_of(one.code)
    yield Text.assemble((f"{one.code}  ", "bold red"), (one_line(one.text), "bold"))
    for seen in one.evidence:
        yield Text(f"  seen  {one_line(seen)}")
    if check:
        yield Text(f"  why   {check.explanation}", style="dim")
    if one.command:
        yield Text.assemble("  mend  ", (one_line(one.command), "bold green"))
    if one.hint:
        yield Text(f"  next  {one_line(one.hint)}")


def _whole(found: Diagnosis) -> Text:
    links = sum(one.state is State.WHOLE for chain in found.chains for one in chain.links)
    names = ", ".join(cluster.name for cluster in found.mesh.clusters)
    return Text(f"nothing is broken: {count(links, 'link')} of mesh {found.mesh.mesh_id} on {names} are whole", "green")


def _following(found: Diagnosis) -> Iterator[Text]:
    yield Text("Broken besides, and perhaps because of it:")
    for one in found.following[:MOST]:
        yield Text(f"  {one.code}  {one_line(one.text)}", style="dim")
    if len(found.following) > MOST:
        yield Text(f"  and {len(found.following) - MOST} more", style="dim")


def _unknown(found: Diagnosis) -> Iterator[Text]:
    whys = dict.fromkeys(
        one.why for chain in found.chains for one in chain.links if one.state is State.UNKNOWN and not chain.first
    )
    if whys and found.healthy:
        yield Text("Not known:", style="yellow")
        yield from (Text(f"  {one_line(why)}", style="yellow") for why in whys)


def _warnings(found: Diagnosis) -> Iterator[Text]:
    yield Text("Worth a look:", style="yellow")
    for one in found.warnings:
        advice = one.command or one.hint
        yield Text(f"  {one.code}  {one.cluster}: {one_line(one.text)}" + (f" → {one_line(advice)}" if advice else ""))


def document(found: Diagnosis) -> dict[str, Any]:
    """Return the diagnosis as JSON-like data."""
    return {
        "version": VERSION,
        "mesh": found.mesh.mesh_id,
        "healthy": found.healthy,
        "broken": [_finding(one) for one in found.first],
        "consequences": [_finding(one) for one in found.following],
        "warnings": [_finding(one) for one in found.warnings],
        "chains": [_chain(chain) for chain in found.chains],
    }


def _finding(one: Finding) -> dict[str, Any]:
    check = check_of(one.code)
    return {
        "code": one.code,
        "cluster": one.cluster,
        "severity": str(one.severity),
        "text": one_line(one.text),
        "evidence": [one_line(seen) for seen in one.evidence],
        "why": check.explanation if check else "",
        "command": one.command,
        "hint": one_line(one.hint),
    }


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "cluster": chain.cluster.name,
        "role": "primary" if chain.shared else "remote",
        "links": [
            {"code": one.check.code, "link": one.whole, "state": str(one.state), "why": one_line(one.why)}
            for one in chain.links
        ],
    }
