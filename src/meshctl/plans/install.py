"""The installation chapter of the guide: the same headings, in the same order, on an honest graph.

What a step `needs` is what it really needs, not what stands above it on the page: so everything that can run at the
same time does, and an install takes as long as its longest chain.
"""

from collections.abc import Iterator

from meshctl.plan import Plan, Step, named
from meshctl.plans.facts import Circumstances
from meshctl.plans.headings import (
    expose,
    gateway_address,
    install_cni,
    install_gateway,
    install_primary,
    install_remote,
    introduce,
    namespaces,
    old_kernel,
    prove_injection,
    reader_token,
    remote_ready,
    whole_primary,
    whole_remote,
)
from meshctl.spec import Cluster, MeshSpec


def install(mesh: MeshSpec, found: Circumstances) -> Plan:
    """Return the plan that makes the mesh, or finds it made."""
    return Plan(
        f"Install mesh {mesh.mesh_id} (Istio {mesh.istio_version}) on {named(mesh)}", mesh, tuple(_steps(mesh, found))
    )


def _steps(mesh: MeshSpec, found: Circumstances) -> Iterator[Step]:
    primary = mesh.primary
    yield (spaces := namespaces(mesh, primary))
    # A cloud takes minutes to hand out an address: ask for it on second 0. The pods behind it come later.
    yield (address := gateway_address(mesh, primary, found, needs=[spaces]))
    # No injected sample starts without the CNI plugin, but istiod and the gateways do: nothing below waits for it.
    yield (cni := install_cni(mesh, primary, needs=[spaces]))
    yield (istio := install_primary(mesh, needs=[spaces]))
    yield from (adapted := old_kernel(mesh, found, istio))
    yield (injection := prove_injection(mesh, primary, needs=[istio, *adapted]))
    yield (gateway := install_gateway(mesh, primary, needs=[injection]))
    # The gateway's pods take longer to start than these take to apply, hence no need of each other.
    yield (control_plane := expose(mesh, "Expose the control plane", "expose-istiod.yaml", needs=[istio]))
    yield (services := expose(mesh, "Expose the services", "expose-services.yaml", needs=[istio]))

    for remote in mesh.remotes:
        below = list(_remote(mesh, remote, found, address, [istio, gateway, control_plane]))
        yield from below
        yield whole_remote(mesh, remote, needs=[*below, services])
    yield whole_primary(mesh, needs=[cni, gateway, control_plane, services])


def _remote(
    mesh: MeshSpec, remote: Cluster, found: Circumstances, address: Step, control_plane: list[Step]
) -> Iterator[Step]:
    """Yield the steps of one remote; they need the primary and each other, never another remote."""
    yield (spaces := namespaces(mesh, remote))
    yield gateway_address(mesh, remote, found, needs=[spaces])
    yield install_cni(mesh, remote, needs=[spaces])
    # Nothing of the primary's istiod is needed yet, only the address: the operator's probe fails until it answers.
    yield (istio := install_remote(mesh, remote, found, needs=[spaces, address]))
    yield (token := reader_token(mesh, remote, needs=[istio]))
    yield (secret := introduce(mesh, remote, found, needs=[token]))
    yield (ready := remote_ready(mesh, remote, found, needs=[*control_plane, istio, secret]))
    yield (injection := prove_injection(mesh, remote, needs=[ready]))
    yield install_gateway(mesh, remote, needs=[injection])
