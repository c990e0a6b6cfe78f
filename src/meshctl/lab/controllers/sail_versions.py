"""Which Istio versions a build of the Sail operator offers and can install, per flavour and fault."""

from dataclasses import dataclass

from meshctl.lab.sites import Flavour, Site, World

OPERATOR_NAMESPACE = "sail-operator"
# A reserved domain stands for the registries of the two projects: nothing in the lab is ever pulled.
_HUBS = {Flavour.VENDOR: "registry.lab.invalid/asm", Flavour.UPSTREAM: "registry.lab.invalid/istio"}


@dataclass(frozen=True, slots=True)
class Build:
    """One build of the operator.

    `offered` is the enum of its CRDs, newest first; `installable` pairs a version with the version of its charts,
    which is also the tag of its images.
    """

    flavour: Flavour
    tag: str
    offered: tuple[str, ...]
    installable: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The name of the operator's Deployment."""
        return "servicemesh-operator2" if self.flavour is Flavour.VENDOR else "sail-operator"

    @property
    def created_by(self) -> str:
        """The value of the label `app.kubernetes.io/created-by`."""
        return "servicemesh-operator2" if self.flavour is Flavour.VENDOR else "sailoperator"

    @property
    def hub(self) -> str:
        """Where this build's images come from."""
        return _HUBS[self.flavour]

    def resolve(self, version: str) -> str:
        """Return the concrete version behind `version` (maybe `v1.28-latest`), or nothing when there are no charts."""
        prefix = version.removesuffix("latest").replace("-", ".")
        for concrete, _ in self.installable:
            if version == concrete or (version.endswith("-latest") and concrete.startswith(prefix)):
                return concrete
        return ""

    def chart_version(self, version: str) -> str:
        """Return the version of the charts (and the tag of the images) of a concrete Istio version."""
        return dict(self.installable)[version]


def _vendor(*, newest: bool, able: bool) -> Build:
    older = ("v1.28.3", "v1.28.1", "v1.26-latest", "v1.26.3", "v1.24-latest", "v1.24.6")
    charts = (("v1.28.3", "1.28.3-asm-r0"), ("v1.28.1", "1.28.1-asm-r1"), ("v1.26.3", "1.26.3-asm-r2"))
    return Build(
        Flavour.VENDOR,
        "2.1.2" if able else "2.1.1",
        ("v1.28-latest", "v1.28.6", *older) if newest else ("v1.28-latest", *older),
        (("v1.28.6", "1.28.6-asm-r0"), *charts) if able else charts,
    )


def _patches(minor: str, last: int, first: int = 0) -> tuple[str, ...]:
    return tuple(f"v{minor}.{patch}" for patch in range(last, first - 1, -1))


def _upstream(*, newest: bool, able: bool) -> Build:
    older = ("v1.28-latest", *_patches("1.28", 3), "v1.27-latest", *_patches("1.27", 3))
    newer = ("v1.30-latest", *_patches("1.30", 3), "v1.29-latest", *_patches("1.29", 2))
    offered = (*newer, "v1.28-latest", *_patches("1.28", 6, 4), *older[1:]) if newest else older
    charts = (*_patches("1.30", 3), *_patches("1.29", 2), *_patches("1.28", 6)) if able else _patches("1.28", 3)
    return Build(Flavour.UPSTREAM, "1.30.3" if able else "1.28.3", offered, tuple((v, v[1:]) for v in charts))


def build(world: World, site: Site) -> Build:
    """Return the build that is installed on a site, given the faults in force."""
    old = world.faults.on("old-crd", site.context)
    ahead = world.faults.on("crd-ahead", site.context)
    make = _vendor if world.flavour is Flavour.VENDOR else _upstream
    return make(newest=not old or ahead, able=not old and not ahead)


def named(installed: Build) -> tuple[str, ...]:
    """Return the offered versions that have charts, aliases included, for the description of `spec.version`."""
    # A CRD that is newer than its operator does not know that the operator lacks a version: it names all of 1.28.
    return tuple(v for v in installed.offered if installed.resolve(v) or v.startswith("v1.28"))
