"""The chain of causes as a table, in order: what comes first may break what follows, never the other way round."""

from collections.abc import Callable
from dataclasses import dataclass

from meshctl.checks.catalog import links_control_plane as cp
from meshctl.checks.catalog import links_gateway as gw
from meshctl.checks.catalog import links_remote as rem
from meshctl.checks.catalog import links_traffic as tr
from meshctl.checks.catalog.check import Check
from meshctl.checks.diagnosis import control_plane, gateways, introductions, remotes, traffic
from meshctl.checks.diagnosis.case import Broken, Case
from meshctl.spec import Cluster

Ask = Callable[[Case, Cluster], Broken | None]
"""Judges one link on one cluster; raises UnseenError when there is nothing to judge it by."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link: the check that fails when it is broken, what holds while it is whole, and how it is judged."""

    check: Check
    whole: str
    ask: Ask


PRIMARY: tuple[Link, ...] = (
    Link(cp.CLUSTER_SILENT, "the API server answers", control_plane.reachable),
    Link(cp.OPERATOR_MISSING, "the operator is installed", control_plane.operator_installed),
    Link(cp.OPERATOR_DOWN, "the operator runs", control_plane.operator_ready),
    Link(cp.ISTIO_MISSING, "there is an Istio", control_plane.istio_there),
    Link(cp.ISTIO_REFUSED, "the operator could apply it", control_plane.istio_applied),
    Link(cp.CNI_MISSING, "there is an IstioCNI", control_plane.cni_there),
    Link(cp.CNI_DOWN, "the CNI plugin is on every node", control_plane.cni_ready),
    Link(cp.ISTIOD_DOWN, "istiod is available", control_plane.istiod_ready),
    Link(cp.ROOT_UNUSED, "istiod uses the cacerts", control_plane.root_used),
    Link(cp.WEBHOOK_MISSING, "there is an injection webhook", control_plane.webhook_there),
    Link(cp.BUNDLE_WRONG, "the webhook trusts istiod", control_plane.webhooks_trust),
    Link(cp.ISTIO_NOT_READY, "Istio is healthy", control_plane.istio_healthy),
    Link(cp.INJECTION_FORBIDDEN, "labels allow injection", control_plane.injection_allowed),
    Link(cp.INJECTION_FAILS, "a dry run is injected", control_plane.injection_works),
    Link(gw.SERVICE_MISSING, "there is a gateway Service", gateways.service_there),
    Link(gw.NETWORK_LABEL_WRONG, "it has its network's label", gateways.service_labelled),
    Link(gw.PORTS_MISSING, "it has its ports", gateways.service_ports),
    Link(gw.ADDRESS_MISSING, "it has an address", gateways.address_given),
    Link(gw.GATEWAY_MISSING, "there is a gateway", gateways.gateway_there),
    Link(gw.GATEWAY_BARE, "its pods are injected", gateways.gateway_injected),
    Link(gw.GATEWAY_MISNAMED, "its pods have their cluster's name", gateways.gateway_named),
    Link(gw.GATEWAY_DOWN, "the gateway is available", gateways.gateway_ready),
    Link(gw.ISTIOD_NOT_EXPOSED, "istiod is exposed", gateways.istiod_exposed),
    Link(gw.SERVICES_NOT_EXPOSED, "the services are exposed", gateways.services_exposed),
)
"""What all remotes share."""

REMOTE: tuple[Link, ...] = (
    Link(cp.CLUSTER_SILENT, "the API server answers", control_plane.reachable),
    Link(cp.OPERATOR_MISSING, "the operator is installed", control_plane.operator_installed),
    Link(cp.OPERATOR_DOWN, "the operator runs", control_plane.operator_ready),
    Link(cp.ISTIO_MISSING, "there is an Istio", control_plane.istio_there),
    Link(rem.PATH_WRONG, "its injection path is right", remotes.path_right),
    Link(rem.ADDRESS_DRIFTED, "it has the primary's address", remotes.address_current),
    Link(cp.ISTIO_REFUSED, "the operator could apply it", control_plane.istio_applied),
    Link(cp.CNI_MISSING, "there is an IstioCNI", control_plane.cni_there),
    Link(cp.CNI_DOWN, "the CNI plugin is on every node", control_plane.cni_ready),
    Link(rem.DISCOVERY_BROKEN, "its Service istiod leads there", remotes.service_leads),
    Link(cp.WEBHOOK_MISSING, "there is an injection webhook", control_plane.webhook_there),
    Link(rem.ANNOTATION_MISSING, "its namespace names the primary", remotes.annotated),
    Link(rem.SECRET_UNLABELLED, "the remote secret is labelled", introductions.secret_labelled),
    Link(rem.SECRET_MISNAMED, "the remote secret has its name", introductions.secret_named),
    Link(rem.SECRET_MISSING, "there is a remote secret", introductions.secret_there),
    Link(rem.SECRET_UNUSABLE, "its kubeconfig is usable", introductions.secret_usable),
    Link(rem.TOKEN_REFUSED, "its token is accepted", introductions.token_accepted),
    Link(rem.NOT_SYNCED, "every istiod is synced", introductions.synced),
    Link(rem.NOT_LED, "istiod leads there", remotes.led),
    Link(cp.BUNDLE_WRONG, "the webhook trusts istiod", control_plane.webhooks_trust),
    Link(tr.HEALTH_PORT_CLOSED, "the primary's gateway is within reach", traffic.gateway_reachable),
    Link(rem.WEBHOOK_PORT_CLOSED, "port 15017 is open", traffic.webhook_port),
    Link(rem.PROBE_FAILS, "the operator's probe passes", remotes.probe_passed),
    Link(cp.ISTIO_NOT_READY, "Istio is healthy", control_plane.istio_healthy),
    Link(rem.ROOT_MISSING, "it has istiod's root", remotes.root_there),
    Link(cp.INJECTION_FORBIDDEN, "labels allow injection", control_plane.injection_allowed),
    Link(cp.INJECTION_FAILS, "a dry run is injected", control_plane.injection_works),
    Link(tr.XDS_PORT_CLOSED, "port 15012 is open", traffic.xds_port),
    Link(gw.SERVICE_MISSING, "there is a gateway Service", gateways.service_there),
    Link(gw.NETWORK_LABEL_WRONG, "it has its network's label", gateways.service_labelled),
    Link(gw.PORTS_MISSING, "it has its ports", gateways.service_ports),
    Link(gw.ADDRESS_MISSING, "it has an address", gateways.address_given),
    Link(gw.GATEWAY_MISSING, "there is a gateway", gateways.gateway_there),
    Link(gw.GATEWAY_BARE, "its pods are injected", gateways.gateway_injected),
    Link(gw.GATEWAY_MISNAMED, "its pods have their cluster's name", gateways.gateway_named),
    Link(gw.GATEWAY_DOWN, "the gateway is available", gateways.gateway_ready),
    Link(tr.DATA_PORT_CLOSED, "port 15443 is open both ways", traffic.data_port),
    Link(tr.NETWORK_UNKNOWN, "istiod knows the ways into the networks", traffic.ways_known),
    Link(tr.ENDPOINTS_UNKNOWN, "clients know the other side", traffic.endpoints_known),
)
"""What each remote has for itself."""
