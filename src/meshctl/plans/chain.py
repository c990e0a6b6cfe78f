"""What an install waits for: Istio ready or healthy, and the chain of causes that makes a remote so."""

from meshctl import conditions as is_
from meshctl.checks.preflight.operator import kubectl
from meshctl.checks.probes import taken_up
from meshctl.names import (
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    READER_TOKEN,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
    remote_secret,
)
from meshctl.objects import Condition, Ref
from meshctl.plan import Awaited, Probe, Wait
from meshctl.spec import Cluster, MeshSpec

THE_NAMESPACE = Ref(NAMESPACE, ISTIO_SYSTEM)


def chain(mesh: MeshSpec, remote: Cluster) -> tuple[Awaited, ...]:
    """Return what makes a remote ready, in the order of cause and effect; the first open link is the one to show."""
    return (
        on(remote, THE_NAMESPACE, is_.annotated_for(mesh.primary.name), "annotation"),
        on(mesh.primary, remote_secret(remote.name), is_.holds_cluster(remote.name), "remote secret"),
        on(remote, INJECTOR, is_.ca_bundle_set, "caBundle"),
        on(remote, INJECTOR, is_.probe_passed, "probe"),
        *istio_ready(mesh, remote),
    )


def connection(mesh: MeshSpec, remote: Cluster, server: str) -> Probe:
    """Wait until istiod has connected to a remote: the link of the chain that no object shows."""
    primary = mesh.primary
    return Probe(
        "istiod to connect",
        lambda clients: taken_up(clients, mesh, remote, server),
        mesh.timeouts.sync,
        triggers=((remote.name, INJECTOR), (primary.name, remote_secret(remote.name)), (primary.name, ISTIOD)),
        hint=(
            f"another address: --server {remote.name}=https://HOST:6443; another token: "
            f"{kubectl(remote)} -n {ISTIO_SYSTEM} delete secret {READER_TOKEN.name}, then run this again"
        ),
    )


def exposure_hint(primary: Cluster) -> str:
    """Return where to look when a remote does not get through to istiod."""
    return (
        f"try the gateway's address from a node of the remote (nc -vz ADDRESS 15017), and look at the gateway: "
        f"{kubectl(primary)} -n {ISTIO_SYSTEM} get service,pods,gateways.networking.istio.io"
    )


def gone_revision(mesh: MeshSpec, cluster: Cluster) -> Wait:
    """Wait for the revision of an Istio that was removed: it goes after its Istio, and would take a new one along."""
    return Wait("an earlier removal to end", (on(cluster, THE_REVISION, is_.not_leaving),), mesh.timeouts.delete)


def istio_ready(mesh: MeshSpec, cluster: Cluster) -> tuple[Awaited, ...]:
    """Istio and its active revision, both current and ready; the CNI plugin does not matter yet."""
    revision = is_.revision_at(mesh.istio_version, healthy=False)
    istio = is_.istio_at(mesh.istio_version, healthy=False)
    return on(cluster, THE_ISTIO, istio), on(cluster, THE_REVISION, revision)


def istio_healthy(mesh: MeshSpec, cluster: Cluster) -> tuple[Awaited, ...]:
    """Istio, its active revision and IstioCNI, all current and healthy."""
    revision = is_.revision_at(mesh.istio_version, healthy=True)
    return (
        on(cluster, THE_CNI, is_.sail_healthy),
        on(cluster, THE_ISTIO, is_.istio_at(mesh.istio_version, healthy=True)),
        on(cluster, THE_REVISION, revision),
    )


def on(cluster: Cluster, ref: Ref, condition: Condition, link: str = "") -> Awaited:
    """Shorten `Awaited` for the plan's lines."""
    return Awaited(cluster.name, ref, condition, link)
