"""Links between the primary and one remote: who it is, and how it finds istiod."""

import json

from meshctl import conditions as is_
from meshctl.checks.diagnosis.case import Broken, Case, UnseenError
from meshctl.checks.diagnosis.roots import shown, stored_roots
from meshctl.checks.evidence import ISTIOD_SERVICE, SLICES
from meshctl.names import (
    CONTROL_PLANE_CLUSTERS,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    NAMESPACE,
    PROBE_REASON,
    PROBE_STATUS,
    ROOT_CERT,
    THE_ISTIO,
    injection_path,
)
from meshctl.objects import Ref, dig
from meshctl.spec import Cluster
from meshctl.spec.addresses import is_ip

WEBHOOK_CALLS = 443


def path_right(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the injection path has the remote's name and network, in Istio and in the webhook made of it."""
    wanted = injection_path(cluster.name, cluster.network)
    asked = dig(case.get(cluster, THE_ISTIO), "spec", "values", "istiodRemote", "injectionPath")
    if asked is None:
        raise UnseenError(f"Istio on {cluster.name} names no injection path")
    if asked == wanted:
        return None
    seen = (f"{THE_ISTIO}: spec.values.istiodRemote.injectionPath is {asked}", f"it should be {wanted}")
    patch = json.dumps({"spec": {"values": {"istiodRemote": {"injectionPath": wanted}}}})
    command = case.kubectl(cluster, "patch", "istio", THE_ISTIO.name, "--type", "merge", "-p", patch)
    return Broken(f"pods of {cluster.name} are injected for another cluster, by {asked}", seen, command)


def address_current(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the remote's Istio has an address that the primary's gateway has now."""
    used = str(dig(case.get(cluster, THE_ISTIO), "spec", "values", "global", "remotePilotAddress") or "")
    current = live(case)
    if not current:
        raise UnseenError(f"the gateway of {case.primary.name} has no address")
    if used in current:
        return None
    if case.primary.name not in case.trials.addresses and is_ip(used) and not all(map(is_ip, current)):
        raise UnseenError(f"the name of the gateway of {case.primary.name} was not resolved")
    where = f"the gateway of {case.primary.name} is at {', '.join(current)}"
    seen = (f"{THE_ISTIO}: spec.values.global.remotePilotAddress is {used or 'empty'}", where)
    return Broken(f"{cluster.name} looks for istiod at {used or 'no address'}, and it is not there", seen, case.repair)


def live(case: Case) -> tuple[str, ...]:
    """Return every address that the primary's gateway has, as it was given and as it resolves."""
    given = is_.ingress_of(case.get(case.primary, GATEWAY_SERVICE))
    own = (case.primary.gateway_address,) if case.primary.gateway_address else ()
    return tuple(dict.fromkeys((*own, *case.trials.addresses.get(case.primary.name, ()), *given)))


def service_leads(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the Service istiod of the remote leads where its Istio says."""
    wanted = str(dig(case.get(cluster, THE_ISTIO), "spec", "values", "global", "remotePilotAddress") or "")
    service = case.get(cluster, ISTIOD_SERVICE)
    text = f"the Service istiod of {cluster.name} does not lead to the primary's gateway"
    if service is None:
        return Broken(text, (f"{ISTIOD_SERVICE} is not there",), case.install)
    if dig(service, "spec", "type") == "ExternalName":
        ports = dig(case.get(case.primary, GATEWAY_SERVICE), "spec", "ports") or []
        if any(entry.get("port") == WEBHOOK_CALLS for entry in ports):
            return None
        name = dig(service, "spec", "externalName")
        seen = f"it is an ExternalName ({name}): webhooks are called on port 443 there, where nothing listens"
        return Broken(text, (seen,), case.repair)
    leads = {
        str(address)
        for one in case.all(cluster, SLICES)
        for endpoint in one.get("endpoints") or []
        for address in endpoint.get("addresses") or []
    }
    if wanted in leads:
        return None
    return Broken(text, (f"it leads to {', '.join(sorted(leads)) or 'nobody'}, not to {wanted}",), case.install)


def annotated(case: Case, cluster: Cluster) -> Broken | None:
    """Whether istio-system of the remote lets the primary's istiod lead there."""
    verdict = is_.annotated_for(case.primary.name)(case.get(cluster, Ref(NAMESPACE, ISTIO_SYSTEM)))
    if verdict.met:
        return None
    text = f"{ISTIO_SYSTEM} of {cluster.name} does not name {case.primary.name} as its control plane"
    return Broken(text, (f"the annotation {CONTROL_PLANE_CLUSTERS}={case.primary.name} is missing",), case.repair)


def led(case: Case, cluster: Cluster) -> Broken | None:
    """Whether istiod has written its root into the remote's webhook: it has not when it was annotated too late."""
    verdict = is_.ca_bundle_set(case.get(cluster, INJECTOR))
    if verdict.met:
        return None
    entry = next((dict(view.clusters[cluster.name]) for view in case.istiods() if cluster.name in view.clusters), {})
    seen = (
        f"the caBundle of {INJECTOR} is empty",
        f"istiod says of {cluster.name}: {entry.get('syncStatus', 'unknown')}",
    )
    text = f"istiod took up {cluster.name} before {ISTIO_SYSTEM} was annotated there, and leads nothing there"
    return Broken(text, seen, case.repair)


def probe_passed(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the operator's own probe of istiod passes."""
    injector = case.get(cluster, INJECTOR)
    if dig(injector, "metadata", "annotations", PROBE_STATUS) is None:
        raise UnseenError("the operator has not probed")
    verdict = is_.probe_passed(injector)
    if verdict.met:
        return None
    text = f"the operator of {cluster.name} does not get an answer from istiod"
    return Broken(text, (f"annotation {PROBE_REASON}: {verdict.detail}",), case.install)


def root_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the remote has the root that the primary has."""
    served, there = (stored_roots(case.get(one, ROOT_CERT)) for one in (case.primary, cluster))
    if not served or served & there:
        return None
    seen = (f"{ROOT_CERT} on {cluster.name}: {shown(there)}", f"on {case.primary.name}: {shown(served)}")
    return Broken(f"{cluster.name} does not have istiod's root certificate", seen, case.repair)
