"""The Sail operator broken on purpose, and the upstream build of it."""

import asyncio

import pytest

from meshctl.lab.controllers.sail_crds import multus_crd
from meshctl.lab.sites import Flavour
from meshctl.names import (
    CNI_DAEMON_SET,
    NETWORK_ATTACHMENT,
    POD,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Ref
from tests.lab.controllers.sail_bed import Bed, is_state, istio, istio_cni, remote_istio, said, state, story

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


# --- faults --------------------------------------------------------------------------------------------------------


def test_crds_ahead_of_the_operator() -> None:
    async def told() -> None:
        bed = Bed("crd-ahead")
        async with bed.running():
            await bed.api.create(istio_cni())
            await bed.api.create(istio())
            cni = await bed.until(THE_CNI, is_state("ReconcileError"))
            assert said(cni) == [
                (
                    "Reconciled=False ReconcileError error reconciling resource: "
                    "failed to resolve IstioCNI version for "
                    '"default": version "v1.28.6" not found'
                ),
                "Ready=False DaemonSetNotReady istio-cni-node DaemonSet not found",
            ]
            found = await bed.until(THE_ISTIO, is_state("ReconcileError"))
            assert said(found) == [
                (
                    'Reconciled=False ReconcileError failed to resolve Istio version for "default": '
                    'version "v1.28.6" not found'
                ),
                "Ready=Unknown ReconcileError cannot determine readiness due to reconciliation error",
            ]
            assert bed.cluster.peek(THE_REVISION) is None
            await bed.change_faults()
            await bed.until(THE_REVISION, bool)

    story(told)


def test_multus_that_comes_later_is_unknown_until_the_operator_restarts() -> None:
    async def told() -> None:
        bed = Bed("multus-missing")
        async with bed.running():
            await bed.api.create(istio_cni())
            cni = await bed.until(THE_CNI, is_state("ReconcileError"))
            assert said(cni)[0] == (
                "Reconciled=False ReconcileError error reconciling resource: failed to install/update Helm chart "
                '"cni": failed to install helm chart cni: unable to build kubernetes objects from release manifest: '
                'resource mapping not found for name: "istio-cni" namespace: "default" from "": no matches for kind '
                '"NetworkAttachmentDefinition" in version "k8s.cni.cncf.io/v1"\nensure CRDs are installed first'
            )
            await bed.api.create(multus_crd())
            await bed.api.merge(THE_CNI, {"metadata": {"annotations": {"nudge": "1"}}})
            await bed.quiet()
            assert bed.cluster.peek(CNI_DAEMON_SET) is None
            await bed.api.delete(Ref(POD, "operator-1", "sail-operator"))
            await bed.start_operator_pod()
            await bed.until(CNI_DAEMON_SET, bool)

    story(told)


@pytest.mark.parametrize("fault", ["operator-crashing", "operator-absent"])
def test_an_operator_that_does_not_run_begins_when_the_fault_is_over(fault: str) -> None:
    async def told() -> None:
        bed = Bed(fault)
        async with bed.running():
            await bed.api.create(istio_cni())
            await bed.quiet()
            assert "finalizers" not in (bed.cluster.peek(THE_CNI) or {"metadata": {}})["metadata"]
            await bed.change_faults()
            await bed.until(CNI_DAEMON_SET, bool)

    story(told)


def test_a_stuck_operator_lets_go_when_the_fault_is_over() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(istio_cni())
            await bed.until(CNI_DAEMON_SET, bool)
            await bed.change_faults("stuck-finalizer")
            await bed.api.delete(THE_CNI)
            await bed.quiet()
            held = bed.cluster.peek(THE_CNI)
            assert held is not None
            assert held["metadata"]["deletionTimestamp"]
            await bed.change_faults()
            await bed.gone(THE_CNI)

    story(told)


def test_without_an_operator_pod_finalizers_hang_and_a_new_pod_finishes() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            await bed.api.delete(Ref(POD, "operator-1", "sail-operator"))
            await bed.quiet()
            await bed.api.delete(THE_CNI)
            await bed.quiet()
            assert state(bed.cluster.peek(THE_CNI)) == "Healthy"
            await bed.start_operator_pod()
            await bed.gone(THE_CNI)

    story(told)


def test_a_repaired_cause_waits_for_the_next_try_unless_it_is_nudged() -> None:
    async def told() -> None:
        bed = Bed("crd-ahead", speed=1)
        async with bed.running():
            await bed.api.create(istio())
            await bed.until(THE_ISTIO, is_state("ReconcileError"))
            await bed.quiet()  # the pauses are longer than a tenth of a second by now
            await bed.api.merge(THE_ISTIO, {"spec": {"version": "v1.28.3"}})
            async with asyncio.timeout(1):
                await bed.until(THE_REVISION, bool)

    story(told)


# --- upstream ------------------------------------------------------------------------------------------------------


def test_upstream_words_true_conditions_and_stumbles_once() -> None:
    async def told() -> None:
        bed = Bed(flavour=Flavour.UPSTREAM)
        async with bed.running(), bed.history(THE_ISTIO) as heard:
            await bed.api.create(istio())
            await bed.istiod_pods(ready=1)
            found = await bed.until(THE_ISTIO, is_state("Healthy"))
            assert said(found) == [
                "Reconciled=True Reconciled",
                "Ready=True Ready",
                "DependenciesHealthy=True DependenciesHealthy",
            ]
            validator = await bed.until(DEFAULT_VALIDATOR, lambda one: one["webhooks"][0]["failurePolicy"] == "Fail")
            assert validator["webhooks"][0]["name"] == "validation.istio.io"
            assert validator["webhooks"][0]["objectSelector"] == {}
        stumbles = [entry for entry in heard if entry[0] == "ReconcileError"]
        assert len(stumbles) == 1
        assert 'failed to update IstioRevision "default": ' in stumbles[0][1]
        assert stumbles[0][2] == "Ready=Unknown ReconcileError cannot determine readiness due to reconciliation error"

    story(told)


def test_upstream_needs_no_multus_and_validates_on_remotes_too() -> None:
    async def told() -> None:
        bed = Bed(flavour=Flavour.UPSTREAM)
        async with bed.running():
            await bed.api.create(istio_cni())
            await bed.cni_pods(ready=2)
            await bed.until(THE_CNI, is_state("Healthy"))
            assert bed.cluster.peek(Ref(NETWORK_ATTACHMENT, "istio-cni", "default")) is None
            await bed.api.create(remote_istio())
            validator = await bed.until(DEFAULT_VALIDATOR, lambda one: one["webhooks"][0]["failurePolicy"] == "Fail")
            assert "caBundle" not in validator["webhooks"][0]["clientConfig"]

    story(told)
