"""The headings of the installation, each as one step of one cluster."""

import ipaddress

from meshctl import conditions as is_
from meshctl.checks.gateway_pods import gateway_up
from meshctl.checks.kernel import template_in_force
from meshctl.checks.preflight.operator import kubectl
from meshctl.checks.probes import injection_works, synced
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
from meshctl.objects import Ref, Verdict
from meshctl.plan import Act, Apply, Clients, Note, Probe, Step, Wait, step
from meshctl.plans.chain import (
    THE_NAMESPACE,
    chain,
    connection,
    exposure_hint,
    gone_revision,
    istio_healthy,
    istio_ready,
    on,
)
from meshctl.plans.facts import (
    Circumstances,
    Resolve,
    discovery_address,
    discovery_hostname,
    gateway_addresses,
    old_kernel_template,
    reader_kubeconfig,
)
from meshctl.plans.repairs import forget_unled, nudge, recycle_gateway
from meshctl.spec import Cluster, MeshSpec
from meshctl.spec.addresses import is_ip


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
        hint=f"{kubectl(cluster)} -n {ISTIO_SYSTEM} describe service {GATEWAY_SERVICE.name}; "
        f"or give the address yourself: --gateway-address {cluster.name}=IP",
    )
    waits = () if cluster.gateway_address else (wait, resolved(mesh, cluster, found.resolve))
    apply = Apply(cluster.name, "gateway-service.yaml", cluster)
    return step(
        cluster, "Ask for the gateway's address", apply, *waits, note_address(cluster, found.resolve), needs=needs
    )


def resolved(mesh: MeshSpec, cluster: Cluster, resolve: Resolve) -> Probe:
    """Wait for a load balancer's hostname to resolve: a new one does so only after a while."""

    def ask(clients: Clients) -> Verdict:
        given = is_.ingress_of(clients[cluster.name].get(GATEWAY_SERVICE))
        if any(is_ip(one) or resolve(one) for one in given):
            return Verdict(met=True, detail=", ".join(given))
        names = ", ".join(given) or "nothing any more"
        return Verdict(met=False, detail=f"the load balancer hands out {names}, which does not resolve here")

    return Probe(
        "the gateway's hostname to resolve",
        ask,
        mesh.timeouts.address,
        triggers=((cluster.name, GATEWAY_SERVICE),),
        hint=f"give an IP that leads to it: --gateway-address {cluster.name}=IP",
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
            hint=f"{kubectl(cluster)} -n istio-cni describe daemonset istio-cni-node",
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
            hint=f"{kubectl(mesh.primary)} -n {ISTIO_SYSTEM} logs deployment/istiod --tail 20",
        ),
        needs=needs,
    )


def install_gateway(mesh: MeshSpec, cluster: Cluster, needs: list[Step]) -> Step:
    """Create the rest of the east-west gateway and wait for pods that were really injected."""
    # The pod mounts istiod's root certificate; without it the kubelet waits and says so only in an event.
    return step(
        cluster,
        "Create the east-west gateway",
        Apply(cluster.name, "gateway.yaml", cluster),
        recycle_gateway(cluster),
        Wait("istiod to bring its root certificate", (on(cluster, ROOT_CERT, is_.exists),), mesh.timeouts.gateway),
        gateway_probe(mesh, cluster),
        needs=needs,
    )


def gateway_probe(mesh: MeshSpec, cluster: Cluster) -> Probe:
    """Wait for gateway pods that are available, and were really injected."""
    there = f"{kubectl(cluster)} -n {ISTIO_SYSTEM}"
    return Probe(
        "the gateway to be available",
        lambda clients: gateway_up(clients, mesh, cluster),
        mesh.timeouts.gateway,
        triggers=((cluster.name, GATEWAY_DEPLOYMENT),),
        hint=f"{there} describe pods -l istio=eastwestgateway; {there} logs -l istio=eastwestgateway --tail 20",
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


def install_primary(mesh: MeshSpec, needs: list[Step]) -> Step:
    """Install the control plane and wait for Ready, not Healthy: the CNI plugin may still be rolling out."""
    primary, t = mesh.primary, mesh.timeouts
    return step(
        primary,
        "Install Istio",
        gone_revision(mesh, primary),
        Apply(primary.name, "istio-primary.yaml", primary),
        nudge(primary, THE_ISTIO, THE_REVISION),
        Wait(
            "Istio to be ready",
            (*istio_ready(mesh, primary), on(primary, ISTIOD, is_.rolled_out)),
            t.istio,
            hint=f"{kubectl(primary)} -n {ISTIO_SYSTEM} describe pods -l app=istiod",
        ),
        needs=needs,
    )


def expose(mesh: MeshSpec, title: str, template: str, needs: list[Step]) -> Step:
    """Apply an exposure on the primary; tried again while the validation webhook does not serve yet."""
    primary = mesh.primary
    return step(primary, title, Apply(primary.name, template, primary, timeout=mesh.timeouts.expose), needs=needs)


def install_remote(mesh: MeshSpec, remote: Cluster, found: Circumstances, needs: list[Step]) -> Step:
    """Install a remote's Istio; whether it gets ready is another step's wait."""
    facts = {
        "discovery": discovery_address(mesh, remote, found.resolve),
        "hostname": discovery_hostname(mesh, found.resolve),
    }
    return step(
        remote,
        "Install Istio",
        gone_revision(mesh, remote),
        Apply(remote.name, "istio-remote.yaml", remote, facts=facts),
        nudge(remote, THE_ISTIO, THE_REVISION),
        needs=needs,
    )


def reader_token(mesh: MeshSpec, remote: Cluster, needs: list[Step]) -> Step:
    """Get a token for the account that the operator's base chart brings; one made beforehand Helm would never adopt."""
    t = mesh.timeouts.token
    return step(
        remote,
        "Get a token for istiod",
        Wait(
            "the operator to make the reader account",
            (on(remote, THE_ISTIO, is_.not_in_error), on(remote, READER_ACCOUNT, is_.exists)),
            t,
            hint=f"{kubectl(remote)} get istiorevision default -o yaml",
        ),
        Apply(remote.name, "reader-token.yaml", remote),
        Wait("Kubernetes to fill in the token", (on(remote, READER_TOKEN, is_.token_filled),), t),
        needs=needs,
    )


def introduce(mesh: MeshSpec, remote: Cluster, found: Circumstances, needs: list[Step]) -> Step:
    """Give istiod the secret by which it reads a remote."""
    facts = {"kubeconfig": reader_kubeconfig(remote, found.servers.get(remote.name, ""))}
    return step(
        remote,
        "Install the remote secret on the primary",
        forget_unled(mesh, remote),
        Apply(mesh.primary.name, "remote-secret.yaml", remote, facts=facts),
        needs=needs,
    )


def remote_ready(mesh: MeshSpec, remote: Cluster, found: Circumstances, needs: list[Step]) -> Step:
    """Wait for the whole chain from the annotation to the operator's probe."""
    links = chain(mesh, remote)
    return step(
        remote,
        "Wait for Istio to be ready",
        connection(mesh, remote, found.servers.get(remote.name, "")),
        Wait("the chain from annotation to probe", links, mesh.timeouts.remote, hint=exposure_hint(mesh.primary)),
        needs=needs,
    )


def whole_primary(mesh: MeshSpec, needs: list[Step]) -> Step:
    """Wait for everything on the primary to be healthy at the same time."""
    primary = mesh.primary
    objects = (*istio_healthy(mesh, primary), on(primary, ISTIOD, is_.rolled_out))
    wait = Wait("everything to be healthy", objects, mesh.timeouts.istio)
    return step(primary, "Check that the control plane is whole", wait, needs=needs)
