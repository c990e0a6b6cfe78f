"""The removal chapter, in an order that works: what needs something goes before it.

The guide deletes everything in one command, and on real clusters that hangs: the CNI plugin is gone before the pods
whose networks it must take down. So: the samples and their pods first, then what lets istiod in, then remotes, then the
primary, the CNI plugin last, and namespaces when nothing needs an operator any more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from meshctl import conditions as is_
from meshctl.checks.inventory import ROOTS, is_anothers, listed, other_control_planes, ref_of
from meshctl.checks.preflight.operator import kubectl
from meshctl.errors import ClusterError
from meshctl.manifests import render
from meshctl.names import (
    CACERTS,
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    CONFIG_MAP,
    CONTROL_PLANE_CLUSTERS,
    GATEWAY_PODS,
    INJECTOR,
    ISTIO_CNI,
    ISTIO_REVISION,
    ISTIO_SYSTEM,
    ISTIOD,
    KINDS,
    LEASE,
    NAMESPACE,
    NETWORK_LABEL,
    POD,
    READER_TOKEN,
    SECRET,
    THE_CNI,
    THE_ISTIO,
    remote_secret,
)
from meshctl.objects import Ref, dig
from meshctl.plan import Act, Action, Awaited, Clients, Delete, Note, Plan, Step, Wait, named, refs_of, step
from meshctl.plans.repairs import nudge
from meshctl.plans.rescue import rescue
from meshctl.plans.verify import remove_samples
from meshctl.spec import Cluster, MeshSpec

CNI_PODS = "k8s-app=istio-cni-node"


@dataclass(frozen=True, slots=True)
class Removal:
    """What to remove and what to spare. `unreachable` says, by cluster name, why nothing can be done there."""

    keep_namespaces: bool = False
    keep_certificates: bool = False
    force: bool = False
    rescue: bool = False
    unreachable: Mapping[str, str] = field(default_factory=dict)


def teardown(mesh: MeshSpec, wanted: Removal) -> Plan:
    """Return the plan that removes the mesh, or what there is of one."""
    return Plan(f"Remove mesh {mesh.mesh_id} on {named(mesh)}", mesh, tuple(_steps(mesh, wanted)))


def _steps(mesh: MeshSpec, wanted: Removal) -> Iterator[Step]:
    primary = mesh.primary
    remotes_done: list[Step] = []
    yield (reached := reach(primary, wanted))
    yield (samples := needing(remove_samples(mesh, primary), [reached]))
    for remote in mesh.remotes:
        yield from (below := list(_remote(mesh, remote, wanted, reached)))
        if remote.name not in wanted.unreachable or not wanted.force:
            remotes_done.append(below[-1])

    # The primary still serves every remote that is there: it goes when they are gone, unless forced.
    yield (
        exposure := step(
            primary,
            "Remove the gateway and what it exposes",
            delete(
                primary,
                "the exposure",
                template_refs(mesh, primary, "expose-istiod.yaml", "expose-services.yaml"),
                mesh,
            ),
            *gateway(mesh, primary),
            needs=[samples, *remotes_done],
        )
    )
    yield from _control_plane(mesh, primary, wanted, [exposure])


def _remote(mesh: MeshSpec, remote: Cluster, wanted: Removal, primary_reached: Step) -> Iterator[Step]:
    yield (reached := reach(remote, wanted))
    yield (samples := needing(remove_samples(mesh, remote), [reached]))
    # On the primary: before the remote's Istio, or istiod would complain, and write its root certificate again.
    yield (
        secret := step(
            remote,
            "Remove the remote secret from the primary",
            delete(mesh.primary, "the remote secret", [remote_secret(remote.name)], mesh),
            needs=[primary_reached, samples],
        )
    )
    yield (below := step(remote, "Remove the gateway", *gateway(mesh, remote), needs=[samples]))
    yield from _control_plane(mesh, remote, wanted, [secret, below])


def _control_plane(mesh: MeshSpec, cluster: Cluster, wanted: Removal, needs: list[Step]) -> Iterator[Step]:
    """Yield the steps from Istio to the namespaces; the last one ends the cluster."""
    t, hint = mesh.timeouts.delete, operator_hint(cluster, wanted)
    yield (
        istio := step(
            cluster,
            "Remove Istio",
            nudge(cluster, THE_ISTIO),
            *([rescue(mesh, cluster, ISTIO_REVISION)] if wanted.rescue else []),
            # Istio has no finalizer and goes at once; the uninstall is done when its revisions are gone.
            delete(cluster, "Istio", [THE_ISTIO], mesh),
            *([rescue(mesh, cluster, ISTIO_REVISION)] if wanted.rescue else []),
            Delete(cluster.name, "its IstioRevisions", revisions(cluster), t, hint),
            Wait(
                "what Istio was made of to be gone",
                (
                    Awaited(cluster.name, INJECTOR, is_.gone),
                    Awaited(cluster.name, ISTIOD, is_.gone),
                ),
                t,
                hint,
            ),
            needs=needs,
        )
    )
    yield (
        cni := step(
            cluster,
            "Remove IstioCNI",
            *([rescue(mesh, cluster, ISTIO_CNI)] if wanted.rescue else []),
            delete(cluster, "IstioCNI", [THE_CNI], mesh, hint),
            Wait("its pods to be gone", (Awaited(cluster.name, CNI_DAEMON_SET, is_.gone),), t),
            Delete(cluster.name, "its pods", pods(cluster, CNI_NAMESPACE, CNI_PODS), t),
            needs=[istio],
        )
    )
    yield step(cluster, title_of_end(wanted), *ending(mesh, cluster, wanted), needs=[cni])


def title_of_end(wanted: Removal) -> str:
    """Return the heading of a cluster's last step."""
    return "Clean the namespaces" if wanted.keep_namespaces or wanted.keep_certificates else "Remove the namespaces"


def ending(mesh: MeshSpec, cluster: Cluster, wanted: Removal) -> Iterator[Action]:
    """Yield what a cluster's last step does: namespaces and what istiod wrote all over the cluster."""
    t = mesh.timeouts.delete
    keep_system = wanted.keep_namespaces or wanted.keep_certificates
    if keep_system:
        yield Act("clean istio-system", lambda clients: clean_system(clients, mesh, cluster, wanted))
    spaces = [Ref(NAMESPACE, ISTIO_SYSTEM)] if not keep_system else []
    spaces += [Ref(NAMESPACE, CNI_NAMESPACE)] if not wanted.keep_namespaces else []
    if spaces:
        hint = f"{kubectl(cluster)} get namespace {ISTIO_SYSTEM} -o jsonpath={{.status.conditions}}"
        yield delete(cluster, "the namespaces", spaces, mesh, hint)
    # istiod writes its root into every namespace, and nobody owns it: swept last, when nobody writes it any more. Its
    # Deployment is gone before its pods are.
    yield Delete(cluster.name, "istiod's pods", pods(cluster, ISTIO_SYSTEM, "app=istiod"), t)
    yield Delete(cluster.name, "istiod's root certificates", roots(cluster), t)


def reach(cluster: Cluster, wanted: Removal) -> Step:
    """Say at once what cannot be done because a cluster does not answer."""

    def do(_: Clients) -> Note | None:
        if reason := wanted.unreachable.get(cluster.name):
            msg = f"{cluster.name} cannot be reached, so nothing was removed there: {reason}"
            raise ClusterError(msg, hint="run teardown again when it answers; --force goes on with the others")
        return None

    return step(cluster, "Reach the cluster", Act("reach it", do))


def needing(one: Step, needs: Iterable[Step]) -> Step:
    """Return a step with more needs."""
    return Step(one.cluster, one.title, one.actions, (*one.needs, *(need.key for need in needs)), one.always)


def delete(on: Cluster, what: str, refs: Iterable[Ref], mesh: MeshSpec, hint: str = "") -> Delete:
    """Delete objects by name."""
    named = tuple(refs)
    return Delete(on.name, what, lambda _: named, mesh.timeouts.delete, hint)


def gateway(mesh: MeshSpec, cluster: Cluster) -> Iterator[Action]:
    """Yield the removal of a gateway, and of its pods: they must be gone before the CNI plugin is."""
    refs = template_refs(mesh, cluster, "gateway.yaml", "gateway-service.yaml")
    yield delete(cluster, "the gateway", refs, mesh)
    yield Delete(cluster.name, "its pods", pods(cluster, ISTIO_SYSTEM, GATEWAY_PODS), mesh.timeouts.delete)


def template_refs(mesh: MeshSpec, cluster: Cluster, *templates: str) -> tuple[Ref, ...]:
    """Return the names of what templates make, so that teardown can never forget what install learned to make."""
    return tuple(ref for template in templates for ref in refs_of(render(template, mesh, cluster, {}), KINDS))


def pods(cluster: Cluster, namespace: str, labels: str) -> Callable[[Clients], list[Ref]]:
    """Return the pods with these labels."""
    return lambda clients: [ref_of(POD, pod) for pod in clients[cluster.name].list(POD, namespace, labels)]


def revisions(cluster: Cluster) -> Callable[[Clients], list[Ref]]:
    """Return every IstioRevision but those of other meshes, none where they are not served."""
    return lambda clients: [
        ref_of(ISTIO_REVISION, obj)
        for obj in listed(clients[cluster.name], ISTIO_REVISION)
        if not is_anothers(ISTIO_REVISION, obj)
    ]


def roots(cluster: Cluster) -> Callable[[Clients], list[Ref]]:
    """Return istiod's root certificates in every namespace; none where another istiod would write them again."""

    def found(clients: Clients) -> list[Ref]:
        client = clients[cluster.name]
        if other_control_planes(client):
            return []
        return [ref_of(CONFIG_MAP, obj) for obj in client.list(CONFIG_MAP, "", ROOTS)]

    return found


def clean_system(clients: Clients, mesh: MeshSpec, cluster: Cluster, wanted: Removal) -> Note | None:
    """Take the mesh out of an istio-system that stays: tokens, elections, labels; and certificates unless they stay."""
    client = clients[cluster.name]
    namespace = client.get(Ref(NAMESPACE, ISTIO_SYSTEM))
    if namespace is None:
        return None
    doomed = [READER_TOKEN, *(ref_of(LEASE, obj) for obj in listed(client, LEASE, ISTIO_SYSTEM))]
    doomed += [Ref(CONFIG_MAP, name, ISTIO_SYSTEM) for name in ELECTIONS]
    doomed += [Ref(SECRET, "istio-ca-secret", ISTIO_SYSTEM)]
    doomed += [] if wanted.keep_certificates or wanted.keep_namespaces else [CACERTS]
    for ref in doomed:
        client.delete(ref)
    if dig(namespace, "metadata", "labels", NETWORK_LABEL) == cluster.network:
        client.merge(Ref(NAMESPACE, ISTIO_SYSTEM), {"metadata": {"labels": {NETWORK_LABEL: None}}})
    if dig(namespace, "metadata", "annotations", CONTROL_PLANE_CLUSTERS) == mesh.primary.name:
        client.merge(Ref(NAMESPACE, ISTIO_SYSTEM), {"metadata": {"annotations": {CONTROL_PLANE_CLUSTERS: None}}})
    return Note("istio-system stays, with its certificates")


ELECTIONS = (
    "istio-leader",
    "istio-ip-autoallocate",
    "istio-namespace-controller-election",
    "istio-gateway-status-leader",
    "istio-status-leader",
)
"""The ConfigMaps by which istiod's replicas elect a leader; nobody owns them."""


def operator_hint(cluster: Cluster, wanted: Removal) -> str:
    """Return where to look when something is not let go: the operator's log."""
    log = f"look at the operator: {kubectl(cluster)} -n sail-operator logs -l app.kubernetes.io/component=sail-operator"
    if wanted.rescue:
        return f"the operator runs, so its finalizers are its own; {log}"
    return f"{log}; if it is gone for good: --force-finalizers"
