"""Merging, refusing and recording: Helm's part of the Sail operator; and the queue that tries again."""

import asyncio

import pytest

from meshctl.lab.api import ApiError
from meshctl.lab.controllers.charts import Chart
from meshctl.lab.controllers.sail_helm import Helm, foreign, release_secret
from meshctl.lab.controllers.sail_merge import settled, three_way
from meshctl.lab.controllers.sail_probe import unasked
from meshctl.lab.controllers.sail_queue import Queue, ReconcileError, pause
from meshctl.lab.controllers.sail_refusals import refusal
from meshctl.lab.delays import Delays
from meshctl.names import NAMESPACE, SECRET
from meshctl.objects import Manifest, Ref
from tests.lab.fake_api import FakeCluster

MERGES = [
    pytest.param({"a": 1}, {"a": 2}, {"a": 1, "b": 3}, {"a": 2, "b": 3}, id="others' keys stay"),
    pytest.param({"a": 1, "c": 1}, {"a": 1}, {"a": 1, "c": 5}, {"a": 1}, id="keys no longer wanted go"),
    pytest.param({}, {"l": ["x"]}, {"l": ["y", "z"]}, {"l": ["x"]}, id="plain lists are replaced"),
    pytest.param(
        {"w": [{"name": "n", "p": "Ignore"}]},
        {"w": [{"name": "n"}]},
        {"w": [{"name": "n", "p": "Ignore", "ca": "X"}]},
        {"w": [{"name": "n", "ca": "X"}]},
        id="entries merge by name",
    ),
    pytest.param(
        {"w": [{"name": "old"}]},
        {"w": [{"name": "new"}]},
        {"w": [{"name": "old"}, {"name": "foreign"}]},
        {"w": [{"name": "new"}, {"name": "foreign"}]},
        id="named entries go with their chart, foreign ones stay",
    ),
    pytest.param(
        {"r": [{"verbs": ["get"]}]},
        {"r": [{"verbs": ["list"]}]},
        {"r": [{"verbs": ["get"], "scope": "*"}]},
        {"r": [{"verbs": ["list"], "scope": "*"}]},
        id="entries without names merge by place",
    ),
]


@pytest.mark.parametrize(("before", "wanted", "live", "after"), MERGES)
def test_three_way(before: Manifest, wanted: Manifest, live: Manifest, after: Manifest) -> None:
    assert three_way(before, wanted, live) == after


def test_a_validating_webhook_without_policy_fails() -> None:
    config = {"kind": "ValidatingWebhookConfiguration", "webhooks": [{"name": "n"}]}
    assert settled(config)["webhooks"] == [{"name": "n", "failurePolicy": "Fail"}]


def test_a_service_that_becomes_external_loses_its_address() -> None:
    service = {"kind": "Service", "spec": {"type": "ExternalName", "externalName": "x", "clusterIP": "10.96.0.1"}}
    assert settled(service)["spec"] == {"type": "ExternalName", "externalName": "x"}


def external(name: str) -> Manifest:
    spec = {"type": "ExternalName", "externalName": name}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "istiod"}, "spec": spec}


def endpoint(address: str) -> Manifest:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "istiod"},
        "endpoints": [{"addresses": [address]}],
    }


def hook(path: str) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "w"},
        "webhooks": [{"clientConfig": {"service": {"path": path}}}],
    }


REFUSALS = [
    (external("gateway.lab.invalid"), ""),
    (
        external("172.18.0.1:15012"),
        'Service "istiod" is invalid: spec.externalName: Invalid value: "172.18.0.1:15012": ',
    ),
    (external("fd00::1"), 'Service "istiod" is invalid: spec.externalName: Invalid value: "fd00::1": '),
    (endpoint("172.18.0.1"), ""),
    (
        endpoint("127.0.0.1"),
        (
            'EndpointSlice.discovery.k8s.io "istiod" is invalid: endpoints[0].addresses[0]: '
            'Invalid value: "127.0.0.1": '
            "may not be in the loopback range"
        ),
    ),
    (hook("/inject/cluster/cluster2/net/network2"), ""),
    (hook("/foo"), ""),
    (
        hook("/inject/cluster/clusterX"),
        (
            'MutatingWebhookConfiguration.admissionregistration.k8s.io "w" is invalid: '
            'webhooks[0].clientConfig.service.path: Invalid value: "/inject/cluster/clusterX": segment[2]: a lowercase'
        ),
    ),
    (hook("inject"), "must start with a '/'"),
]


@pytest.mark.parametrize(("obj", "wanted"), REFUSALS)
def test_refusals(obj: Manifest, wanted: str) -> None:
    found = refusal(obj)
    assert wanted in found
    assert bool(found) == bool(wanted)


WEBHOOK_CONFIGS = [
    ({}, "mutatingwebhookconfiguration contains no webhooks"),
    ({"webhooks": [{"clientConfig": {"url": "https://x.invalid"}}]}, "missing webhooks[].clientConfig.service"),
    (
        {"webhooks": [{"clientConfig": {"service": {"name": "istiod"}}}]},
        "webhooks[].clientConfig.caBundle hasn't been set; check if the remote istiod can access this cluster",
    ),
    (
        {"webhooks": [{"clientConfig": {"service": {"name": "istiod"}, "caBundle": "Z2FyYmFnZQ=="}}]},
        "failed to append CA bundle to cert pool",
    ),
]


@pytest.mark.parametrize(("webhook", "wanted"), WEBHOOK_CONFIGS)
def test_webhooks_that_cannot_be_probed(webhook: Manifest, wanted: str) -> None:
    assert unasked(webhook) == wanted


OWNER = {"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "name": "default", "uid": "u", "controller": True}
CHART = Chart("istiod", "1", "default-istiod", "istio-system", OWNER)


def config_map(name: str) -> Manifest:
    labels, annotations = (
        CHART.labels(),
        {
            "meta.helm.sh/release-name": CHART.release,
            "meta.helm.sh/release-namespace": CHART.namespace,
        },
    )
    metadata = {"name": name, "namespace": "istio-system", "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {}}


def one_object(*, upgrade: bool) -> list[Manifest]:
    del upgrade
    return [config_map("a")]


def test_release_secrets_are_numbered_and_the_last_two_stay() -> None:
    async def told() -> list[tuple[str, str]]:
        cluster = FakeCluster()
        helm = Helm(cluster.api("sail-operator"))
        for _ in range(5):
            await helm.upgrade(CHART, one_object)
        secrets = await cluster.api("test").list(SECRET)
        return sorted((one["metadata"]["name"], one["metadata"]["labels"]["status"]) for one in secrets)

    assert asyncio.run(told()) == [
        ("sh.helm.release.v1.default-istiod.v4", "superseded"),
        ("sh.helm.release.v1.default-istiod.v5", "deployed"),
    ]


def test_an_upgrade_in_a_terminating_namespace_fails_in_the_api_servers_words() -> None:
    async def told() -> str:
        cluster = FakeCluster()
        cluster.seed({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}})
        api = cluster.api("sail-operator")
        helm = Helm(api)
        await helm.upgrade(CHART, one_object)
        await api.merge(Ref(NAMESPACE, "istio-system"), {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})
        with pytest.raises(ReconcileError) as caught:
            await helm.upgrade(CHART, one_object)
        return caught.value.message

    assert asyncio.run(told()) == (
        'failed to install/update Helm chart "istiod": failed to update helm chart istiod: create: failed to create: '
        'secrets "sh.helm.release.v1.default-istiod.v2" is forbidden: unable to create new content in namespace '
        "istio-system because it is being terminated"
    )


def test_an_object_of_another_release_is_foreign() -> None:
    other = Chart("base", "1", "default-base", "sail-operator", OWNER)
    assert foreign(config_map("a"), CHART) == ""
    assert (
        'annotation validation error: key "meta.helm.sh/release-name" must equal "default-base": current value is '
        '"default-istiod"' in foreign(config_map("a"), other)
    )


def test_a_release_secret_looks_like_helms() -> None:
    secret = release_secret(CHART, 3, [config_map("a")])
    assert secret["metadata"]["name"] == "sh.helm.release.v1.default-istiod.v3"
    assert secret["type"] == "helm.sh/release.v1"
    assert {"name": "default-istiod", "owner": "helm", "status": "deployed", "version": "3"}.items() <= secret[
        "metadata"
    ]["labels"].items()


def test_pauses_double_up_to_the_last() -> None:
    real = Delays(speed=1)
    assert [pause(real, n) for n in range(1, 5)] == [0.005, 0.01, 0.02, 0.04]
    assert pause(real, 100) == 1000
    assert pause(Delays(speed=10), 1) == 0.0005
    assert pause(Delays(speed=0), 1) == 0.005


def test_refusals_without_retry_wait_for_a_change() -> None:
    async def told() -> list[str]:
        queue, seen, twice = Queue(Delays(speed=0), 0), [], asyncio.Event()

        async def reconcile(key: str) -> None:
            seen.append(key)
            if len(seen) > 3:
                twice.set()
            raise ApiError(500, "InternalError", "away") if key == "again" else ReconcileError("no", retry=False)

        task = asyncio.create_task(queue.run(reconcile))
        queue.add("once")
        queue.add("again")
        await asyncio.wait_for(twice.wait(), 2)
        task.cancel()
        await asyncio.wait({task})
        return sorted(seen)

    assert asyncio.run(told()) == ["again", "again", "again", "once"]
