"""The README of a folder of manifests: in which order they are applied, and what to wait for in between.

Its blocks are the whole procedure: a test reads them out and runs them, so they cannot drift from the plan.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from meshctl import __version__
from meshctl.export.by_hand import Hand
from meshctl.export.files import ManifestFile
from meshctl.names import GATEWAY_SERVICE
from meshctl.plan import Plan, Step
from meshctl.spec import Kernel, MeshSpec

HEAD = """\
# Mesh {mesh}, Istio {istio}

{clusters}

Made by meshctl {version}. Do not edit: change the mesh, and render again with

```sh
{render}
```

What applying these files by hand makes is what `meshctl install` makes. They are applied as the field manager it
uses, so either can go on where the other ended. Applied as another manager, or without `--server-side`, nothing is
lost: equal values have two owners, and a value that differs is a conflict that names both.

## Before

Every cluster is clean of an earlier mesh, runs the Sail operator, and hands out addresses to Services of type
LoadBalancer. Its `cacerts` come from one root (`{certificates}`). `meshctl install` would check all this, and the
rights; files cannot. {kernels} kubectl is 1.31 or newer, and everything is typed in this folder.

## Step by step

A command that fails, or does not end, is where to look; do not go on past it.
"""
KERNELS = """\
Kernels are 4.11 or newer on every node (otherwise: `kernel: old` in the mesh file)."""
PROOF = """\

## Prove it

By what the clusters say of themselves, and by real traffic from every cluster to every other:

```sh
{status}
{verify}
```
"""
ADDRESS = """\

### {cluster}: Fill in the address

`{missing}` stands in the next file, with a label that keeps it from being applied. If the load balancer hands out a
hostname, take an IP it resolves to. Commit the files now, if a repository holds them.

```sh
ADDRESS=$({kubectl} get service {service} -o jsonpath='{{.status.loadBalancer.ingress[0].ip}}')
{render} --gateway-address {primary}="$ADDRESS"
```
"""
TEMPLATE = """\

### {cluster}: Fill in the template

`{missing}` stands in the next file, with a label that keeps it from being applied. It is the gateway template of the
ConfigMap `istio-sidecar-injector`, with an empty list in place of its one sysctl. `{install}` makes this edit itself
and goes on from here; by hand, fill in a copy, delete the label, and apply the copy instead of the file.
"""


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands of meshctl that a README names, as they are typed in its folder."""

    render: str
    certificates: str
    install: str
    status: str
    verify: str
    introduce: str


def readme(plan: Plan, files: Sequence[ManifestFile], hand: Hand, commands: Commands) -> str:
    """Return the README of a folder that holds the files of a plan."""
    mesh = plan.mesh
    head = HEAD.format(
        mesh=mesh.mesh_id,
        istio=mesh.istio_version,
        version=__version__,
        clusters="\n".join(_clusters(mesh)),
        kernels="" if mesh.kernel is Kernel.OLD else KERNELS,
        render=commands.render,
        certificates=commands.certificates,
    )
    proof = PROOF.format(status=commands.status, verify=commands.verify)
    return "".join([head, *_steps(plan, files, hand, commands), proof])


def _clusters(mesh: MeshSpec) -> Iterator[str]:
    yield "| cluster | context | network | role |"
    yield "|---|---|---|---|"
    for one in mesh.clusters:
        role = "primary" if one == mesh.primary else "remote"
        yield f"| {one.name} | {one.context} | {one.network} | {role} |"


def _steps(plan: Plan, files: Sequence[ManifestFile], hand: Hand, commands: Commands) -> Iterator[str]:
    unknown = {one.step: one.unknown for one in files if one.unknown}
    filled: set[str] = set()
    for step in plan.steps:
        missing = [text for text in unknown.get(step.key, ()) if text not in filled]
        if missing:
            filled.update(missing)
            yield _fill_in(plan.mesh, missing, step, hand, commands)
        typed = hand.commands(step)
        if typed:
            yield f"\n### {step.cluster}: {step.title}\n\n{block(typed)}"


def block(commands: Iterable[str]) -> str:
    """Return commands as a block."""
    return "\n".join(["```sh", *commands, "```", ""])


def _fill_in(mesh: MeshSpec, missing: Sequence[str], step: Step, hand: Hand, commands: Commands) -> str:
    text = TEMPLATE if step.cluster == mesh.primary.name else ADDRESS
    return text.format(
        cluster=step.cluster,
        missing="`, `".join(missing),
        install=commands.install,
        render=commands.render,
        kubectl=hand.kubectl(mesh.primary.name, GATEWAY_SERVICE),
        service=GATEWAY_SERVICE.name,
        primary=mesh.primary.name,
    )
