"""What the Sail operator makes of wrong or missing things, and what cures them."""

import pytest

from meshctl.names import (
    ENDPOINT_SLICE,
    INJECTOR,
    ISTIO_SYSTEM,
    NAMESPACE,
    PROBE_STATUS,
    READER_ACCOUNT,
    SECRET,
    SERVICE,
    THE_ISTIO,
    THE_REVISION,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Ref
from tests.lab.controllers.sail_bed import Bed, is_state, istio, istio_cni, namespace, remote_istio, said, story

VALIDATOR = Ref(VALIDATING_WEBHOOK, "istio-validator-istio-system")
DEFAULT_VALIDATOR = Ref(VALIDATING_WEBHOOK, "istiod-default-validator")
NO_BUNDLE = "webhooks[].clientConfig.caBundle hasn't been set; check if the remote istiod can access this cluster"
CNI_ILL = (
    "DependenciesHealthy=False IstioCNINotHealthy IstioCNI resource status indicates that the component is not healthy"
)
UNUSED = "InUse=False NotReferencedByAnything Not referenced by any pod or namespace"
UNKNOWN = (None, "Reconciled=Unknown", "Ready=Unknown", "DependenciesHealthy=Unknown")
NOT_SEEN = (
    "ActiveRevisionNotFound",
    "Reconciled=False ActiveRevisionNotFound active IstioRevision not found",
    "Ready=False ActiveRevisionNotFound active IstioRevision not found",
)


@pytest.mark.parametrize(
    ("address", "external", "slice_there"),
    [("172.18.100.1", None, True), ("gateway.lab.invalid", "gateway.lab.invalid", False)],
)
def test_only_an_ip_address_makes_an_endpoint_slice(address: str, external: str | None, slice_there: bool) -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(remote_istio(address))
            await bed.until(READER_ACCOUNT, bool)
            service = await bed.until(Ref(SERVICE, "istiod", ISTIO_SYSTEM), bool)
            assert service["spec"].get("externalName") == external
            assert "selector" not in service["spec"]
            found = bed.cluster.peek(Ref(ENDPOINT_SLICE, "istiod", ISTIO_SYSTEM))
            assert (found is not None) == slice_there

    story(told)


def test_an_address_that_becomes_a_name_takes_the_slice_away_and_back() -> None:
    service, endpoints = Ref(SERVICE, "istiod", ISTIO_SYSTEM), Ref(ENDPOINT_SLICE, "istiod", ISTIO_SYSTEM)

    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(remote_istio())
            await bed.until(endpoints, bool)
            await bed.api.merge(THE_ISTIO, {"spec": {"values": {"global": {"remotePilotAddress": "lb.invalid"}}}})
            named = await bed.until(service, lambda one: one["spec"]["type"] == "ExternalName")
            assert "clusterIP" not in named["spec"]
            await bed.gone(endpoints)
            await bed.api.merge(THE_ISTIO, {"spec": {"values": {"global": {"remotePilotAddress": ""}}}})
            await bed.gone(service)
            await bed.api.merge(THE_ISTIO, {"spec": {"values": {"global": {"remotePilotAddress": "10.0.0.1"}}}})
            again = await bed.until(endpoints, bool)
            assert again["endpoints"][0]["addresses"] == ["10.0.0.1"]

    story(told)


RULE = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters"
MISTAKES = {
    "an address with a port": (
        {"global": {"remotePilotAddress": "172.18.100.1:15012"}},
        (
            'error reconciling resource: failed to install/update Helm chart "istiod": '
            "failed to update helm chart istiod: "
            'cannot patch "istiod" with kind Service: Service "istiod" is invalid: spec.externalName: Invalid value: '
            f'"172.18.100.1:15012": {RULE}'
        ),
    ),
    "a path with a capital letter": (
        {"istiodRemote": {"injectionPath": "/inject/cluster/clusterX/net/network9"}},
        (
            'error reconciling resource: failed to install/update Helm chart "istiod": '
            "failed to update helm chart istiod: "
            'cannot patch "istio-sidecar-injector" with kind MutatingWebhookConfiguration: '
            'MutatingWebhookConfiguration.admissionregistration.k8s.io "istio-sidecar-injector" is invalid: '
            '[webhooks[0].clientConfig.service.path: Invalid value: "/inject/cluster/clusterX/net/network9": '
            f"segment[2]: {RULE}"
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_changed_spec_that_cannot_be_applied_leaves_ready_true(mistake: str) -> None:
    values, text = MISTAKES[mistake]

    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(istio_cni())
            await bed.cni_pods(ready=2)
            await bed.api.create(remote_istio())
            await bed.trust()
            await bed.until(THE_ISTIO, is_state("Healthy"))
            await bed.api.merge(THE_ISTIO, {"spec": {"values": values}})
            broken = await bed.until(THE_ISTIO, is_state("ReconcileError"))
            assert f"Reconciled=False ReconcileError {text}" in said(broken)[0]
            assert said(broken)[1] == "Ready=True"
            repaired = remote_istio()["spec"]["values"]
            await bed.api.merge(THE_ISTIO, {"spec": {"values": repaired}})
            await bed.until(THE_ISTIO, is_state("Healthy"))

    story(told)


def test_a_missing_namespace_is_waited_for_without_a_timer() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            bed.cluster.drop(Ref(NAMESPACE, ISTIO_SYSTEM))
            await bed.api.create(istio())
            waiting = await bed.until(THE_ISTIO, is_state("ReconcileError"))
            assert said(waiting)[:2] == [
                (
                    "Reconciled=False ReconcileError error reconciling resource: validation error: "
                    'namespace "istio-system" doesn\'t exist'
                ),
                "Ready=False IstiodNotReady istiod Deployment not found",
            ]
            await bed.api.create(namespace(ISTIO_SYSTEM))
            await bed.until(THE_ISTIO, is_state("IstiodNotReady"))

    story(told)


def test_a_reader_account_of_somebody_else_is_refused_until_it_is_gone() -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": READER_ACCOUNT.name, "namespace": ISTIO_SYSTEM},
    }

    async def told() -> None:
        bed = Bed()
        async with bed.running(account):
            await bed.api.create(remote_istio())
            refused = await bed.until(THE_ISTIO, is_state("ReconcileError"))
            assert said(refused)[0] == (
                "Reconciled=False ReconcileError error reconciling resource: failed to install/update Helm chart "
                '"base": failed to install helm chart base: Unable to continue with install: ServiceAccount '
                '"istio-reader-service-account" in namespace "istio-system" exists and cannot be imported into the '
                "current release: invalid ownership metadata; label validation error: missing key "
                '"app.kubernetes.io/managed-by": must be set to "Helm"; annotation validation error: missing key '
                '"meta.helm.sh/release-name": must be set to "default-base"; annotation validation error: missing key '
                '"meta.helm.sh/release-namespace": must be set to "sail-operator"'
            )
            await bed.until(INJECTOR, lambda one: PROBE_STATUS in one["metadata"]["annotations"])
            await bed.api.delete(READER_ACCOUNT)
            await bed.api.merge(THE_REVISION, {"metadata": {"annotations": {"nudge": "1"}}})
            await bed.until(THE_ISTIO, is_state("RemoteIstiodNotReady"))

    story(told)


def test_without_cni_istio_is_ready_and_yet_not_healthy() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(istio())
            await bed.istiod_pods(ready=1)
            found = await bed.until(THE_ISTIO, is_state("IstioCNINotFound"))
            assert said(found)[1:] == [
                "Ready=True",
                "DependenciesHealthy=False IstioCNINotFound IstioCNI resource does not exist",
            ]

    story(told)


def test_a_namespace_that_ends_first_is_harmless() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            await bed.api.delete(Ref(NAMESPACE, ISTIO_SYSTEM))
            ending = await bed.until(THE_REVISION, is_state("ReconcileError"))
            assert "being" in said(ending)[0]
            for secret in await bed.api.list(SECRET, ISTIO_SYSTEM):
                bed.cluster.drop(Ref(SECRET, secret["metadata"]["name"], ISTIO_SYSTEM))
            bed.cluster.drop(Ref(NAMESPACE, ISTIO_SYSTEM))
            await bed.until(THE_REVISION, lambda one: "doesn't exist" in said(one)[0])
            await bed.forget_istio()
            await bed.gone(THE_REVISION)

    story(told)
