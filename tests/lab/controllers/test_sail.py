"""What an administrator sees of the Sail operator: statuses in their order, objects, mistakes and their cures."""

import asyncio
from collections.abc import Callable

import pytest

from meshctl.lab.controllers.sail_crds import multus_crd
from meshctl.lab.faults import Fault
from meshctl.lab.sites import Flavour
from meshctl.names import (
    CLUSTER_ROLE,
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INJECTOR,
    INJECTOR_TEMPLATES,
    ISTIO_SYSTEM,
    ISTIOD,
    LEASE,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NETWORK_ATTACHMENT,
    POD,
    PROBE_REASON,
    PROBE_STATUS,
    READER_ACCOUNT,
    SECRET,
    SERVICE,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Manifest, Ref, dig
from tests.lab.controllers.sail_bed import Bed, istio, istio_cni, namespace, remote_istio, said, state, story

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


def is_state(wanted: str) -> Callable[[Manifest], bool]:
    return lambda obj: bool(state(obj) == wanted)


def test_a_primary_says_what_real_ones_say_in_that_order() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running(), bed.history(THE_ISTIO) as istio_said, bed.history(THE_CNI) as cni_said:
            await bed.api.create(istio_cni())
            await bed.until(THE_CNI, is_state("DaemonSetNotReady"))
            await bed.cni_pods(ready=0)
            await bed.until(THE_CNI, lambda cni: "not all" in str(said(cni)))
            await bed.api.create(istio())
            await bed.istiod_pods(ready=0)
            await bed.until(THE_ISTIO, lambda one: "not all istiod pods are ready" in str(said(one)))
            await bed.cni_pods(ready=2)
            await bed.until(THE_ISTIO, lambda one: "DependenciesHealthy=True" in said(one))
            await bed.istiod_pods(ready=1)
            await bed.until(THE_ISTIO, is_state("Healthy"))
            final = await bed.until(THE_ISTIO, lambda one: dig(one, "status", "revisions", "ready") == 1)
        not_ready = "Ready=False IstiodNotReady not all istiod pods are ready"
        assert [entry for entry in istio_said if "scaled to zero" not in str(entry)] == [
            NOT_SEEN,
            UNKNOWN,
            ("IstiodNotReady", "Reconciled=True", not_ready, CNI_ILL),
            ("IstiodNotReady", "Reconciled=True", not_ready, "DependenciesHealthy=True"),
            ("Healthy", "Reconciled=True", "Ready=True", "DependenciesHealthy=True"),
        ]
        ill = "Ready=False DaemonSetNotReady"
        assert cni_said == [
            ("DaemonSetNotReady", "Reconciled=True", f"{ill} no istio-cni-node pods are currently scheduled"),
            ("DaemonSetNotReady", "Reconciled=True", f"{ill} not all istio-cni-node pods are ready"),
            ("Healthy", "Reconciled=True", "Ready=True"),
        ]
        assert final["status"]["activeRevisionName"] == "default"
        assert final["status"]["revisions"] == {"total": 1, "ready": 1, "inUse": 0}
        assert final["status"]["observedGeneration"] == 1
        assert "finalizers" not in final["metadata"]

    story(told)


def test_objects_of_a_primary_are_owned_and_recorded_as_releases() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            revision = bed.cluster.peek(THE_REVISION)
            assert revision is not None
            assert revision["metadata"]["finalizers"] == ["sailoperator.io/sail-operator"]
            assert revision["metadata"]["ownerReferences"][0]["kind"] == "Istio"
            account = await bed.until(READER_ACCOUNT, bool)
            assert account["metadata"]["annotations"]["meta.helm.sh/release-namespace"] == "sail-operator"
            assert account["metadata"]["ownerReferences"][0]["name"] == "default"
            assert bed.cluster.peek(Ref(NETWORK_ATTACHMENT, "istio-cni", "default"))
            assert bed.cluster.peek(DEFAULT_VALIDATOR) is None
            await bed.until(VALIDATOR, lambda one: one["webhooks"][0]["failurePolicy"] == "Fail")
            for place, release in ((ISTIO_SYSTEM, "default-istiod"), (CNI_NAMESPACE, "istio-cni")):
                secrets = await bed.api.list(SECRET, place, {"owner": "helm", "name": release})
                assert len(secrets) == 2
                assert {one["type"] for one in secrets} == {"helm.sh/release.v1"}
            assert await bed.api.get(Ref(LEASE, "sail-operator-lock", "sail-operator"))

    story(told)


def test_the_validator_begins_with_ignore_and_fails_from_the_first_upgrade_on() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(istio())
            first = await bed.until(VALIDATOR, bool)
            assert first["webhooks"][0]["failurePolicy"] == "Ignore"
            second = await bed.until(VALIDATOR, lambda one: one["webhooks"][0]["failurePolicy"] == "Fail")
            assert "caBundle" not in second["webhooks"][0]["clientConfig"]

    story(told)


def test_nothing_is_written_once_all_is_well() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            async with asyncio.timeout(2):
                await bed.quiet()

    story(told)


def test_the_bundle_that_istiod_wrote_survives_upgrades() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            await bed.trust()
            await bed.api.merge(THE_ISTIO, {"spec": {"values": {"pilot": {"replicaCount": 2}}}})
            await bed.until(ISTIOD, lambda one: one["spec"].get("replicas") == 2)
            config = await bed.until(INJECTOR, bool)
            assert all(one["clientConfig"].get("caBundle") for one in config["webhooks"])

    story(told)


def test_a_remote_waits_for_its_webhook_and_says_why() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running(), bed.history(THE_ISTIO) as heard:
            await bed.api.create(istio_cni())
            await bed.cni_pods(ready=2)
            await bed.until(THE_CNI, is_state("Healthy"))
            await bed.api.create(remote_istio())
            webhook = await bed.until(INJECTOR, lambda one: PROBE_STATUS in one["metadata"]["annotations"])
            assert webhook["metadata"]["annotations"][PROBE_STATUS] == "false"
            assert webhook["metadata"]["annotations"][PROBE_REASON] == NO_BUNDLE
            await bed.until(THE_ISTIO, is_state("RemoteIstiodNotReady"))
            await bed.until(READER_ACCOUNT, bool)
            assert bed.probes == 0
            refused = 'Get "https://istiod.istio-system.svc:443/ready": EOF'
            bed.answer = (False, refused)
            await bed.trust()
            await bed.until(INJECTOR, lambda one: one["metadata"]["annotations"][PROBE_REASON] == refused)
            bed.answer = (True, "")
            await bed.until(THE_ISTIO, is_state("Healthy"))
            config = await bed.until(INJECTOR, bool)
            assert config["metadata"]["annotations"][PROBE_REASON] == ""
            assert {one["clientConfig"]["service"]["path"] for one in config["webhooks"]} == {
                "/inject/cluster/cluster2/net/network2"
            }
            assert bed.cluster.peek(VALIDATOR) is None
            assert bed.cluster.peek(ISTIOD) is None
        waiting = "Ready=False RemoteIstiodNotReady readiness probe on remote istiod failed"
        assert heard == [
            NOT_SEEN,
            UNKNOWN,
            ("RemoteIstiodNotReady", "Reconciled=True", waiting, "DependenciesHealthy=True"),
            ("Healthy", "Reconciled=True", "Ready=True", "DependenciesHealthy=True"),
        ]

    story(told)


def test_a_changed_webhook_is_probed_at_once() -> None:
    async def told() -> None:
        bed = Bed(speed=1)  # a period of three seconds, which this test does not wait for
        async with bed.running():
            await bed.api.create(remote_istio())
            await bed.until(INJECTOR, lambda one: PROBE_STATUS in one["metadata"]["annotations"])
            async with asyncio.timeout(1):
                await bed.trust()
                await bed.until(INJECTOR, lambda one: one["metadata"]["annotations"][PROBE_STATUS] == "true")

    story(told)


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


def test_a_gateway_pod_puts_the_revision_in_use() -> None:
    labels = {"sidecar.istio.io/inject": "true", "istio": "eastwestgateway"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gw", "namespace": ISTIO_SYSTEM, "labels": labels}}

    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            unused = await bed.until(THE_REVISION, is_state("Healthy"))
            assert said(unused)[3] == UNUSED
            await bed.api.create(pod)
            used = await bed.until(THE_REVISION, lambda one: "InUse=True" in said(one)[3])
            assert said(used)[3] == "InUse=True ReferencedByWorkloads Referenced by at least one pod or namespace"
            await bed.until(THE_ISTIO, lambda one: dig(one, "status", "revisions", "inUse") == 1)
            await bed.api.delete(Ref(POD, "gw", ISTIO_SYSTEM))
            await bed.until(THE_REVISION, lambda one: said(one)[3] == UNUSED)

    story(told)


def test_a_gateway_template_of_the_user_replaces_the_built_in_one() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(istio())
            templates = await bed.until(INJECTOR_TEMPLATES, bool)
            assert templates["data"]["config"].count("net.ipv4.ip_unprivileged_port_start") == 1
            value = {"sidecarInjectorWebhook": {"templates": {"gateway": "spec:\n  securityContext: {}\n"}}}
            await bed.api.merge(THE_ISTIO, {"spec": {"values": value}})
            await bed.until(INJECTOR_TEMPLATES, lambda one: "ip_unprivileged_port_start" not in one["data"]["config"])

    story(told)


def test_deleting_takes_everything_away_before_the_finalizers() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.healthy_primary()
            await bed.forget_istio()
            await bed.gone(THE_REVISION)
            await bed.api.delete(THE_CNI)
            await bed.gone(THE_CNI)
            left = [
                key for key in bed.cluster.objects if key[0] in (DEPLOYMENT, CLUSTER_ROLE, SECRET, MUTATING_WEBHOOK)
            ]
            assert [key[2] for key in left] == ["servicemesh-operator2"]
            removed = [line.removeprefix("DELETED ") for line in bed.cluster.writes if line.startswith("DELETED")]
            order = [
                "istio/default",
                "service/istiod in istio-system",
                "deployment/istiod in istio-system",
                "clusterrole/istiod-clusterrole-istio-system",
                "mutatingwebhookconfiguration/istio-sidecar-injector",
                "serviceaccount/istio-reader-service-account in istio-system",
                "istiorevision/default",
                "daemonset/istio-cni-node in istio-cni",
                "istiocni/default",
            ]
            assert [line for line in removed if line in order] == order

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
            bed.faults.set(())
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
            bed.faults.set(())
            await bed.until(CNI_DAEMON_SET, bool)

    story(told)


def test_a_stuck_operator_lets_go_when_the_fault_is_over() -> None:
    async def told() -> None:
        bed = Bed()
        async with bed.running():
            await bed.api.create(istio_cni())
            await bed.until(CNI_DAEMON_SET, bool)
            bed.faults.set([Fault("stuck-finalizer")])
            await bed.api.delete(THE_CNI)
            await bed.quiet()
            held = bed.cluster.peek(THE_CNI)
            assert held is not None
            assert held["metadata"]["deletionTimestamp"]
            bed.faults.set(())
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
