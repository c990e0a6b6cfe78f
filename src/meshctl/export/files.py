"""The objects of an install plan as files: one for each heading, numbered in the plan's order on its cluster."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter

from meshctl import manifests
from meshctl.export.yaml_text import yaml_text
from meshctl.objects import Manifest
from meshctl.plan import Apply, Fact, Plan, Step
from meshctl.plans.facts import Circumstances
from meshctl.plans.install import install
from meshctl.spec import Kernel, MeshSpec

REMOTE_SECRET, READER_TOKEN = "remote-secret.yaml", "reader-token.yaml"
GUARD, WARNING = "meshctl.io/not-ready", "<<fill in what stands in such brackets, then delete this line>>"
"""A label no API server accepts: what is not filled in cannot be applied by accident, whatever a CRD allows."""


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """The objects of one step on one cluster.

    `unknown` are the placeholders in it, `manager` is the field manager that `install` applies it with. `stage` counts
    from 1 what an engine may apply at once; 0 is what no engine can apply at the right moment.
    """

    step: str
    cluster: str
    title: str
    name: str
    objects: tuple[Manifest, ...]
    unknown: tuple[str, ...] = ()
    manager: str = "meshctl"
    stage: int = 0

    @property
    def text(self) -> str:
        """The file's content."""
        return f"# {self.title}, on {self.cluster}.\n{yaml_text(self.objects)}"


def offline_plan(mesh: MeshSpec) -> Plan:
    """Return the plan of `install`, as far as it is known without asking a cluster: kernels count as new."""
    servers = {remote.name: remote.server for remote in mesh.remotes}
    return install(mesh, Circumstances(lambda _: [], servers, old_kernel=mesh.kernel is Kernel.OLD))


def files_of(plan: Plan) -> tuple[ManifestFile, ...]:
    """Return the files of a plan, in its order. A remote secret is none: it holds a token."""
    stages, counted = stages_of(plan), dict.fromkeys((cluster.name for cluster in plan.mesh.clusters), 0)
    found = []
    for step in plan.steps:
        for action in applied(step):
            counted[action.on] += 1
            objects, unknown = _objects(plan.mesh, action)
            found.append(
                ManifestFile(
                    step=step.key,
                    cluster=action.on,
                    title=step.title,
                    name=f"{counted[action.on]:02}-{slug(step.title)}.yaml",
                    objects=objects,
                    unknown=unknown,
                    manager=action.manager,
                    stage=stages.get(step.key, 0),
                )
            )
    return tuple(found)


def applied(step: Step) -> Iterator[Apply]:
    """Yield what a step applies, but for the remote secret."""
    yield from (one for one in step.actions if isinstance(one, Apply) and one.template != REMOTE_SECRET)


def _objects(mesh: MeshSpec, action: Apply) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
    known = known_facts(mesh)
    unknown = {name: placeholder(fact) for name, fact in action.facts.items() if name not in known}
    values = {name: known.get(name) or unknown.get(name, "") for name in action.facts}
    objects = manifests.render(action.template, mesh, action.about, values)
    return tuple(guarded(one) if unknown else one for one in objects), tuple(unknown.values())


def known_facts(mesh: MeshSpec) -> Mapping[str, str]:
    """Return the facts that need no cluster: the primary's address if it was given, which then has no hostname."""
    address = mesh.primary.gateway_address
    return {"discovery": address, "hostname": ""} if address else {"hostname": ""}


def placeholder(fact: Fact) -> str:
    """Return what stands for a value that is only known at run time."""
    return f"<<{fact.text}>>"


def guarded(manifest: Manifest) -> Manifest:
    """Return an object that no API server accepts as it is."""
    meta = manifest["metadata"]
    return {**manifest, "metadata": {**meta, "labels": {GUARD: WARNING, **(meta.get("labels") or {})}}}


def slug(title: str) -> str:
    """Return a title as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower().replace("'", "")).strip("-")


# --- stages: what an engine may apply at once -------------------------------------------------------------------------
def is_staged(step: Step) -> bool:
    """Say whether an engine can apply what a step applies.

    Not the reader's token: made before its account, Kubernetes deletes it. `meshctl remote-secret` makes it.
    """
    return any(one.template != READER_TOKEN for one in applied(step))


def stages_of(plan: Plan) -> dict[str, int]:
    """Return the stage of every step an engine can carry out: one more than what it needs on the same cluster."""
    staged = {step.key: step.cluster for step in plan.steps if is_staged(step)}
    order = tuple(TopologicalSorter(plan.graph).static_order())
    found: dict[str, int] = {}
    for cluster in plan.mesh.clusters:
        reached: dict[str, int] = {}
        for key in order:
            own = staged.get(key) == cluster.name
            reached[key] = max((reached[need] for need in plan.graph[key]), default=0) + own
            if own:
                found[key] = reached[key]
    return found


Stage = tuple[str, int]
"""A cluster's name and the number of one of its stages."""


def stage_needs(plan: Plan) -> dict[Stage, tuple[Stage, ...]]:
    """Return what every stage needs, by the plan's graph: the nearest stages, whatever waits stand between."""
    stages = stages_of(plan)
    steps = {step.key: step for step in plan.steps}
    nearest: dict[str, frozenset[str]] = {}
    for key in TopologicalSorter(plan.graph).static_order():
        above = plan.graph[key]
        nearest[key] = frozenset(found for need in above for found in ({need} if need in stages else nearest[need]))
    needs: dict[Stage, set[Stage]] = {}
    for key, stage in stages.items():
        own = (steps[key].cluster, stage)
        needs.setdefault(own, set()).update((steps[need].cluster, stages[need]) for need in nearest[key])
    return {own: tuple(sorted(found - {own})) for own, found in needs.items()}
