"""What a plan would apply, with a stand-in for everything that is only known when it runs."""

from collections.abc import Callable

from meshctl.manifests import render
from meshctl.objects import Manifest
from meshctl.plan import Apply
from meshctl.render.plan_text import shown
from meshctl.spec import MeshSpec


def objects_of(mesh: MeshSpec) -> Callable[[Apply], list[Manifest]]:
    """Return a function from an Apply to its objects."""

    def objects(action: Apply) -> list[Manifest]:
        stand_ins = {name: shown(fact) for name, fact in action.facts.items()}
        return render(action.template, mesh, action.about, stand_ins)

    return objects
