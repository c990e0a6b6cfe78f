"""A plan, told instead of performed: for people as text, for programs as a document.

Steps have the plan's numbers, which are the guide's order; what a step needs is said by those numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from textwrap import indent
from typing import Any

from meshctl.objects import Manifest, dig
from meshctl.plan import Act, Action, Apply, Delete, Fact, Plan, Probe, Step, Wait
from meshctl.render.mask import masked
from meshctl.render.text import count, one_line, span

VERSION = 1

Objects = Callable[[Apply], Sequence[Manifest]]
"""The objects of an Apply, with `shown(fact)` in place of what is not known yet."""

Dump = Callable[[Manifest], str]
"""An object as text, for those who want to see all of it."""


def shown(fact: Fact) -> str:
    """Return what stands for a fact's answer."""
    return fact.stand_in


def plan_text(plan: Plan, objects: Objects, dump: Dump | None = None) -> str:
    """Return a plan as text: its steps by cluster, what they need, do, and apply; with `dump`, objects in full."""
    numbers = {step.key: number for number, step in enumerate(plan.steps, 1)}
    clusters = tuple(dict.fromkeys(step.cluster for step in plan.steps))
    head = f"{plan.title}: {count(len(plan.steps), 'step')} on {count(len(clusters), 'cluster')}. Nothing was written."
    parts = [head, *(_cluster(plan, name, numbers, _Teller(objects, dump)) for name in clusters)]
    return "\n\n".join(parts)


def plan_document(plan: Plan, objects: Objects) -> dict[str, Any]:
    """Return a plan as JSON-like data; docs/reference/events.md describes its keys."""
    return {
        "v": VERSION,
        "type": "plan",
        "title": plan.title,
        "mesh": plan.mesh.mesh_id,
        "clusters": [{"name": one.name, "context": one.context, "network": one.network} for one in plan.mesh.clusters],
        "steps": [
            {
                "key": step.key,
                "cluster": step.cluster,
                "title": step.title,
                "needs": list(step.needs),
                "always": step.always,
                "actions": [_action(action, objects) for action in step.actions],
            }
            for step in plan.steps
        ],
    }


class _Teller:
    """Puts actions into words."""

    def __init__(self, objects: Objects, dump: Dump | None) -> None:
        self._objects = objects
        self._dump = dump

    def lines(self, action: Action, cluster: str) -> Iterator[str]:
        """Yield an action as lines; a cluster is named only when it is not the step's own."""
        match action:
            case Apply():
                yield f"apply   {action.template}{_elsewhere(action.on, cluster)}{_as(action.manager)}"
                yield from (f"        {name} = {shown(fact)}" for name, fact in action.facts.items())
                for manifest in self._objects(action):
                    yield from (f"        {line}" for line in self._object(manifest))
            case Wait():
                yield f"wait    {one_line(action.what)} (up to {span(action.timeout)})"
                yield from (f"        {one.ref}{_elsewhere(one.cluster, cluster)}" for one in action.objects)
            case Probe():
                yield f"ask     {one_line(action.what)} (up to {span(action.timeout)})"
            case Delete():
                where = _elsewhere(action.on, cluster)
                yield f"delete  {one_line(action.what)}{where}, wait until gone (up to {span(action.timeout)})"
            case Act():
                yield f"do      {one_line(action.what)}"

    def _object(self, manifest: Manifest) -> list[str]:
        if self._dump is None:
            return [_name(manifest)]
        return ["---", *self._dump(masked(manifest)).splitlines()]


def _cluster(plan: Plan, name: str, numbers: dict[str, int], teller: _Teller) -> str:
    found = next((one for one in plan.mesh.clusters if one.name == name), None)
    about = f" (context {found.context}, {found.network})" if found else ""
    steps = [_step(step, numbers, teller) for step in plan.steps if step.cluster == name]
    return "\n".join([f"{name}{about}", *steps])


def _step(step: Step, numbers: dict[str, int], teller: _Teller) -> str:
    needs = ", ".join(str(numbers[need]) for need in step.needs)
    when = f"after {needs}" if needs else "at once"
    always = ", whatever became of it" if step.always and needs else ""
    lines = [line for action in step.actions for line in teller.lines(action, step.cluster)]
    return "\n".join(
        [f"{numbers[step.key]:>4}. {step.title}  [{when}{always}]", *(indent(one, " " * 8) for one in lines)]
    )


def _elsewhere(on: str, cluster: str) -> str:
    return f" on {on}" if on != cluster else ""


def _as(manager: str) -> str:
    return "" if manager == "meshctl" else f" as {manager}"


def _name(manifest: Manifest) -> str:
    namespace = dig(manifest, "metadata", "namespace")
    where = f" in {namespace}" if namespace else ""
    return f"{str(manifest.get('kind', '?')).lower()}/{dig(manifest, 'metadata', 'name')}{where}"


def _action(action: Action, objects: Objects) -> dict[str, Any]:
    match action:
        case Apply():
            return {
                "action": "apply",
                "cluster": action.on,
                "template": action.template,
                "about": action.about.name,
                "manager": action.manager,
                "facts": {name: shown(fact) for name, fact in action.facts.items()},
                "objects": [masked(manifest) for manifest in objects(action)],
                "timeout": action.timeout,
            }
        case Wait():
            return {
                "action": "wait",
                "what": one_line(action.what),
                "objects": [{"cluster": one.cluster, "object": str(one.ref)} for one in action.objects],
                "timeout": action.timeout,
            }
        case Probe():
            return {"action": "probe", "what": one_line(action.what), "timeout": action.timeout}
        case Delete():
            return {
                "action": "delete",
                "cluster": action.on,
                "what": one_line(action.what),
                "timeout": action.timeout,
            }
        case Act():
            return {"action": "act", "what": one_line(action.what), "timeout": action.timeout}
