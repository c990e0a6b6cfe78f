"""The installation chapter of the guide: the same headings, in the same order, on an honest graph.

What a step `needs` is what it really needs, not what stands above it on the page: so everything that can run at the
same time does, and an install takes as long as its longest chain.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshctl import conditions as is_
from meshctl.checks.gateway_pods import gateway_up
from meshctl.checks.kernel import template_in_force
from meshctl.checks.probes import injection_works, synced, taken_up
from meshctl.names import (
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    GATEWAY_DEPLOYMENT,
    GATEWAY_SERVICE,
    INJECTOR,
    INJECTOR_TEMPLATES,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    READER_ACCOUNT,
    READER_TOKEN,
    ROOT_CERT,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
    remote_secret,
)
from meshctl.objects import Condition, Ref, Verdict
from meshctl.plan import Act, Apply, Awaited, Clients, Note, Plan, Probe, Step, Wait, step
from meshctl.plans.facts import (
    Resolve,
    discovery_address,
    discovery_hostname,
    gateway_addresses,
    old_kernel_template,
    reader_kubeconfig,
)
from meshctl.plans.repairs import forget_unled, nudge, recycle_gateway
from meshctl.spec import Cluster, MeshSpec

THE_NAMESPACE = Ref(NAMESPACE, ISTIO_SYSTEM)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What was found out about the clusters beforehand: API server URLs by remote, and whether kernels are old."""

    resolve: Resolve
    servers: Mapping[str, str] = field(default_factory=dict)
    old_kernel: bool = False


def install(mesh: MeshSpec, found: Circumstances) -> Plan:
    """Return the plan that makes the mesh, or finds it made."""
    return Plan(f"Install mesh {mesh.mesh_id} (Istio {mesh.istio_version})", mesh, tuple(_steps(mesh, found)))


def _steps(mesh: MeshSpec, found: Circumstances) -> Iterator[Step]:
    primary, t = mesh.primary, mesh.timeouts

    yield (spaces := namespaces(mesh, primary))
    # A cloud takes minutes to hand out an address: ask for it on second 0. The pods behind it come later.
    yield (address := gateway_address(mesh, primary, found, needs=[spaces]))
    # No injected sample starts without the CNI plugin, but istiod and the gateways do: nothing below waits for it.
    yield (cni := install_cni(mesh, primary, needs=[spaces]))

    yield (
        istio := step(
            primary,
            "Install Istio",
            gone_revision(mesh, primary),
            Apply(primary.name, "istio-primary.yaml", primary),
            nudge(primary, THE_ISTIO, THE_REVISION),
            Wait(
                "Istio to be ready",
                (*istio_ready(mesh, primary), on(primary, ISTIOD, is_.rolled_out)),
                t.istio,
                hint=f"kubectl --context {primary.context} -n {ISTIO_SYSTEM} describe pods -l app=istiod",
            ),
            needs=[spaces],
        )
    )
    yield from (adapted := old_kernel(mesh, found, istio))
    yield (injection := prove_injection(mesh, primary, needs=[istio, *adapted]))
    yield (gateway := install_gateway(mesh, primary, needs=[injection]))

    # Ready is not enough: the validation webhook may serve a moment later, so these are tried again until it does.
    # The gateway's pods take longer to start than these take to apply, hence no need of each other.
    yield (
        expose := step(
            primary,
            "Expose the control plane",
            Apply(primary.name, "expose-istiod.yaml", primary, timeout=t.expose),
            needs=[istio],
        )
    )
    yield (
        services := step(
            primary,
            "Expose the services",
            Apply(primary.name, "expose-services.yaml", primary, timeout=t.expose),
            needs=[istio],
        )
    )

    control_plane = [address, istio, gateway, expose]
    for remote in mesh.remotes:
        yield from (below := list(remote_cluster(mesh, remote, found, control_plane)))
        yield whole_remote(mesh, remote, needs=[*below, services])
    yield step(
        primary,
        "Check that the control plane is whole",
        Wait("everything to be healthy", (*istio_healthy(mesh, primary), on(primary, ISTIOD, is_.rolled_out)), t.istio),
        needs=[cni, gateway, expose, services],
    )


def remote_cluster(mesh: MeshSpec, remote: Cluster, found: Circumstances, control_plane: list[Step]) -> Iterator[Step]:
    """Yield the steps of one remote; they need the primary and each other, never another remote."""
    primary, t = mesh.primary, mesh.timeouts
    address, *_ = control_plane

    yield (spaces := namespaces(mesh, remote))
    yield gateway_address(mesh, remote, found, needs=[spaces])
    yield install_cni(mesh, remote, needs=[spaces])

    # Nothing of the primary's istiod is needed yet, only the address: the operator's probe fails until it answers.
    yield (
        istio := step(
            remote,
            "Install Istio",
            gone_revision(mesh, remote),
            Apply(
                remote.name,
                "istio-remote.yaml",
                remote,
                facts={
                    "discovery": discovery_address(mesh, remote, found.resolve),
                    "hostname": discovery_hostname(mesh, found.resolve),
                },
            ),
            nudge(remote, THE_ISTIO, THE_REVISION),
            needs=[spaces, address],
        )
    )

    # The account comes with the operator's base chart; one made beforehand would never be adopted by Helm.
    yield (
        token := step(
            remote,
            "Get a token for istiod",
            Wait(
                "the operator to make the reader account",
                (on(remote, THE_ISTIO, is_.not_in_error), on(remote, READER_ACCOUNT, is_.exists)),
                t.token,
                hint=f"kubectl --context {remote.context} get istiorevision default -o yaml",
            ),
            Apply(remote.name, "reader-token.yaml", remote),
            Wait("Kubernetes to fill in the token", (on(remote, READER_TOKEN, is_.token_filled),), t.token),
            needs=[istio],
        )
    )
    yield (
        secret := step(
            remote,
            "Install the remote secret on the primary",
            forget_unled(mesh, remote),
            Apply(
                primary.name,
                "remote-secret.yaml",
                remote,
                facts={
                    "kubeconfig": reader_kubeconfig(remote, found.servers.get(remote.name, "")),
                },
            ),
            needs=[token],
        )
    )

    yield (
        ready := step(
            remote,
            "Wait for Istio to be ready",
            connection(mesh, remote, found.servers.get(remote.name, "")),
            Wait("the chain from annotation to probe", chain(mesh, remote), t.remote, hint=exposure_hint(primary)),
            needs=[*control_plane, istio, secret],
        )
    )
    yield (injection := prove_injection(mesh, remote, needs=[ready]))
    yield install_gateway(mesh, remote, needs=[injection])


def namespaces(mesh: MeshSpec, cluster: Cluster) -> Step:
    """Create the namespaces; a remote's is annotated at once, because istiod looks only once."""
    spaces = (on(cluster, THE_NAMESPACE, is_.not_leaving), on(cluster, Ref(NAMESPACE, CNI_NAMESPACE), is_.not_leaving))
    return step(
        cluster,
        "Create the namespaces",
        Wait("an earlier removal to end", spaces, mesh.timeouts.delete),
        Apply(cluster.name, "namespaces.yaml", cluster),
    )


def gateway_address(mesh: MeshSpec, cluster: Cluster, found: Circumstances, needs: list[Step]) -> Step:
    """Create the gateway's Service and wait for the address it is given, unless the spec overrides it."""
    wait = Wait(
        "the load balancer to give an address",
        (on(cluster, GATEWAY_SERVICE, is_.has_address),),
        mesh.timeouts.address,
        hint=f"give the address yourself: --gateway-address {cluster.name}=IP",
    )
    waits = () if cluster.gateway_address else (wait,)
    apply = Apply(cluster.name, "gateway-service.yaml", cluster)
    return step(
        cluster, "Ask for the gateway's address", apply, *waits, note_address(cluster, found.resolve), needs=needs
    )


def note_address(cluster: Cluster, resolve: Resolve) -> Act:
    """Say which address the gateway has, and warn about what may change or be in the way."""

    def do(clients: Clients) -> Note | None:
        ips, hostname = gateway_addresses(clients, cluster, resolve)
        rest = f" (also {', '.join(ips[1:])})" if ips[1:] else ""
        if hostname:
            text = (
                f"the load balancer gives the hostname {hostname}, now {ips[0]}{rest}; webhooks need an IP, so that "
                "one is used: run install again when it changes"
            )
            return Note(text, warning=True)
        if isinstance(ipaddress.ip_address(ips[0]), ipaddress.IPv6Address):
            return Note(
                f"address {ips[0]} is IPv6: operators older than the one for Istio 1.28.6 take it for a hostname",
                warning=True,
            )
        return Note(f"address {ips[0]}{rest}")

    return Act("note the gateway's address", do)


def install_cni(mesh: MeshSpec, cluster: Cluster, needs: list[Step]) -> Step:
    """Install IstioCNI and wait until it is healthy and its DaemonSet really is rolled out."""
    return step(
        cluster,
        "Install IstioCNI",
        Wait("an earlier removal to end", (on(cluster, THE_CNI, is_.not_leaving),), mesh.timeouts.delete),
        Apply(cluster.name, "istio-cni.yaml", cluster),
        nudge(cluster, THE_CNI),
        Wait(
            "IstioCNI to be healthy",
            (
                on(cluster, THE_CNI, is_.sail_healthy),
                on(cluster, CNI_DAEMON_SET, is_.daemon_set_rolled_out),
            ),
            mesh.timeouts.cni,
            hint=f"kubectl --context {cluster.context} -n istio-cni describe daemonset istio-cni-node",
        ),
        needs=needs,
    )


def old_kernel(mesh: MeshSpec, found: Circumstances, istio: Step) -> list[Step]:
    """Return the extra step for kernels before 4.11, if any; every cluster's pods use the primary's template."""
    if not found.old_kernel:
        return []
    primary = mesh.primary
    ready = (*istio_ready(mesh, primary), on(primary, INJECTOR_TEMPLATES, template_in_force))
    edit = step(
        primary,
        "Adapt the gateway template to old kernels",
        Apply(
            primary.name,
            "gateway-template.yaml",
            primary,
            manager="meshctl-kernel",
            facts={"gateway_template": old_kernel_template(primary)},
        ),
        Wait("the template to be in force", ready, mesh.timeouts.istio),
        needs=[istio],
    )
    return [edit]


def prove_injection(mesh: MeshSpec, cluster: Cluster, needs: list[Step]) -> Step:
    """Have the API server inject a pod as a dry run: the only proof that it reaches istiod, whatever a status says."""
    return step(
        cluster,
        "Prove that injection works",
        Probe(
            "injection",
            lambda clients: injection_works(clients, cluster),
            mesh.timeouts.expose,
            triggers=((cluster.name, INJECTOR),),
            hint=f"kubectl --context {mesh.primary.context} -n {ISTIO_SYSTEM} logs deployment/istiod --tail 20",
        ),
        needs=needs,
    )


def install_gateway(mesh: MeshSpec, cluster: Cluster, needs: list[Step]) -> Step:
    """Create the rest of the east-west gateway and wait for pods that were really injected."""
    # The pod mounts istiod's root certificate; without it the kubelet waits and says so only in an event.
    t, kubectl = mesh.timeouts.gateway, f"kubectl --context {cluster.context} -n {ISTIO_SYSTEM}"
    return step(
        cluster,
        "Create the east-west gateway",
        Apply(cluster.name, "gateway.yaml", cluster),
        recycle_gateway(cluster),
        Wait("istiod to bring its root certificate", (on(cluster, ROOT_CERT, is_.exists),), t),
        Probe(
            "the gateway to be available",
            lambda clients: gateway_up(clients, mesh, cluster),
            t,
            triggers=((cluster.name, GATEWAY_DEPLOYMENT),),
            hint=f"{kubectl} describe pods -l istio=eastwestgateway; {kubectl} logs -l istio=eastwestgateway --tail 20",
        ),
        needs=needs,
    )


def whole_remote(mesh: MeshSpec, remote: Cluster, needs: list[Step]) -> Step:
    """Ask what no status of the remote shows: whether every istiod is synced with it under its right name."""
    primary, t = mesh.primary, mesh.timeouts

    def ask(clients: Clients) -> Verdict:
        return synced(clients, mesh, [remote])

    return step(
        remote,
        "Check that the mesh reaches it",
        Probe(
            "istiod to be synced with it",
            ask,
            t.sync,
            triggers=((primary.name, remote_secret(remote.name)), (primary.name, ISTIOD)),
        ),
        Wait("everything to be healthy", istio_healthy(mesh, remote), t.remote),
        needs=needs,
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
            f"another address: --server {remote.name}=https://HOST:6443; another token: kubectl --context "
            f"{remote.context} -n {ISTIO_SYSTEM} delete secret {READER_TOKEN.name}, then run this again"
        ),
    )


def exposure_hint(primary: Cluster) -> str:
    """Return where to look when a remote does not get through to istiod."""
    return (
        f"try the gateway's address from a node of the remote (nc -vz ADDRESS 15017), and look at the gateway: "
        f"kubectl --context {primary.context} -n {ISTIO_SYSTEM} get service,pods,gateways.networking.istio.io"
    )


def chain(mesh: MeshSpec, remote: Cluster) -> tuple[Awaited, ...]:
    """Return what makes a remote ready, in the order of cause and effect; the first open link is the one to show."""
    return (
        on(remote, THE_NAMESPACE, is_.annotated_for(mesh.primary.name), "annotation"),
        on(mesh.primary, remote_secret(remote.name), is_.holds_cluster(remote.name), "remote secret"),
        on(remote, INJECTOR, is_.ca_bundle_set, "caBundle"),
        on(remote, INJECTOR, is_.probe_passed, "probe"),
        *istio_ready(mesh, remote),
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
