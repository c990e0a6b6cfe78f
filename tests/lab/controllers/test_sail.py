"""What an administrator sees of the Sail operator: statuses in their order, objects, and their end."""

import asyncio

from meshctl.names import (
    CLUSTER_ROLE,
    CNI_NAMESPACE,
    DEPLOYMENT,
    INJECTOR,
    INJECTOR_TEMPLATES,
    ISTIO_SYSTEM,
    ISTIOD,
    LEASE,
    MUTATING_WEBHOOK,
    NETWORK_ATTACHMENT,
    POD,
    PROBE_REASON,
    PROBE_STATUS,
    READER_ACCOUNT,
    SECRET,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
    VALIDATING_WEBHOOK,
)
from meshctl.objects import Ref, dig
from tests.lab.controllers.sail_bed import Bed, is_state, istio, istio_cni, remote_istio, said, story

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
