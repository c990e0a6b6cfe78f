"""The small pure parts of the Sail operator: statuses, merging, refusals, pauses, versions, CRDs."""

import asyncio
from dataclasses import astuple
from typing import Any

import pytest

from meshctl.lab.api import ApiError
from meshctl.lab.controllers.charts import Chart
from meshctl.lab.controllers.sail_crds import istio_crds, multus_crd, sail_crds
from meshctl.lab.controllers.sail_helm import Helm, foreign, release_secret
from meshctl.lab.controllers.sail_install import image_annotations, install_operator, operator_objects
from meshctl.lab.controllers.sail_merge import settled, three_way
from meshctl.lab.controllers.sail_probe import unasked
from meshctl.lab.controllers.sail_queue import Queue, ReconcileError, pause
from meshctl.lab.controllers.sail_refusals import refusal
from meshctl.lab.controllers.sail_revision import referenced_by_namespace, referenced_by_pod
from meshctl.lab.controllers.sail_status import (
    Condition,
    cni_ready,
    copied,
    dependencies,
    difference,
    primary_ready,
    remote_ready,
    spoken,
    state,
    status,
)
from meshctl.lab.controllers.sail_versions import build
from meshctl.lab.delays import Delays
from meshctl.lab.faults import Fault, Faults
from meshctl.lab.sites import Flavour, Site, World
from meshctl.names import CRD, DEPLOYMENT, NAMESPACE, PROBE_STATUS, SECRET
from meshctl.objects import Manifest, Ref, dig
from tests.lab.fake_api import FakeCluster

# --- statuses ------------------------------------------------------------------------------------------------------


def counts(**numbers: int) -> Manifest:
    return {"status": numbers}


READINESS = [
    (cni_ready(None), "istio-cni-node DaemonSet not found"),
    (cni_ready(counts(desiredNumberScheduled=2)), "no istio-cni-node pods are currently scheduled"),
    (cni_ready(counts(currentNumberScheduled=2, numberReady=1)), "not all istio-cni-node pods are ready"),
    (cni_ready(counts(currentNumberScheduled=2, numberReady=2)), ""),
    (primary_ready(None), "istiod Deployment not found"),
    (primary_ready({}), "istiod Deployment is scaled to zero replicas"),
    (primary_ready(counts(replicas=1)), "not all istiod pods are ready"),
    (primary_ready(counts(replicas=1, readyReplicas=1)), ""),
    (remote_ready(None, "w"), "MutatingWebhookConfiguration w not found"),
    (
        remote_ready({"metadata": {}}, "w"),
        f"invalid or missing annotation {PROBE_STATUS} on MutatingWebhookConfiguration w",
    ),
    (
        remote_ready({"metadata": {"annotations": {PROBE_STATUS: "false"}}}, "w"),
        "readiness probe on remote istiod failed",
    ),
    (remote_ready({"metadata": {"annotations": {PROBE_STATUS: "true"}}}, "w"), ""),
    (dependencies(None, needed=True), "IstioCNI resource does not exist"),
    (
        dependencies({"status": {"state": "DaemonSetNotReady"}}, needed=True),
        "IstioCNI resource status indicates that the component is not healthy",
    ),
    (dependencies({"status": {"state": "Healthy"}}, needed=True), ""),
    (dependencies(None, needed=False), ""),
]


@pytest.mark.parametrize(("condition", "message"), READINESS)
def test_readiness(condition: Condition, message: str) -> None:
    assert condition.message == message
    assert condition.status == ("False" if message else "True")
    assert bool(condition.reason) == bool(message)


STATES = [
    (("True", ""), ("True", ""), ("True", ""), "Healthy"),
    (("Unknown", ""), ("Unknown", ""), ("Unknown", ""), ""),
    (("False", "A"), ("False", "B"), ("True", ""), "A"),
    (("True", ""), ("False", "B"), ("False", "C"), "B"),
    (("True", ""), ("True", ""), ("False", "C"), "C"),
]


@pytest.mark.parametrize(("reconciled", "ready", "healthy", "wanted"), STATES)
def test_the_state_is_the_first_reason(reconciled: Any, ready: Any, healthy: Any, wanted: str) -> None:
    kinds = zip(("Reconciled", "Ready", "DependenciesHealthy"), (reconciled, ready, healthy), strict=True)
    conditions = [Condition(kind, verdict, reason) for kind, (verdict, reason) in kinds]
    unused = Condition("InUse", "False", "NotReferencedByAnything")
    assert state([*conditions, unused]) == wanted


def test_times_stay_while_a_verdict_stays_and_new_conditions_come_last() -> None:
    first = status(None, 1, [Condition("Reconciled"), Condition("Ready", "False", "No", "no")], "t1")
    second = status(first, 2, [Condition("Ready", "False", "No", "still no"), Condition("New")], "t2")
    assert second == {
        "conditions": [
            {"type": "Reconciled", "status": "True", "lastTransitionTime": "t1"},
            {"type": "Ready", "status": "False", "reason": "No", "message": "still no", "lastTransitionTime": "t1"},
            {"type": "New", "status": "True", "lastTransitionTime": "t2"},
        ],
        "observedGeneration": 2,
        "state": "No",
    }
    third = status(second, 2, [Condition("Ready", "Unknown")], "t3")
    assert "state" not in third
    assert difference(second, third)["state"] is None
    assert difference(third, third) == {}


def test_what_a_revision_does_not_say_is_unknown() -> None:
    assert [astuple(one)[:2] for one in copied({})] == [
        ("Reconciled", "Unknown"),
        ("Ready", "Unknown"),
        ("DependenciesHealthy", "Unknown"),
    ]


def test_upstream_gives_true_conditions_a_reason() -> None:
    used = Condition("InUse", "True", "ReferencedByWorkloads")
    said = spoken([Condition("Ready"), Condition("Reconciled", "Unknown"), used], Flavour.UPSTREAM)
    assert [one.reason for one in said] == ["Ready", "", "ReferencedByWorkloads"]
    assert spoken([Condition("Ready")], Flavour.VENDOR)[0].reason == ""


PODS = [
    ({"labels": {"sidecar.istio.io/inject": "true"}}, "default"),
    ({"labels": {"istio.io/rev": "default", "sidecar.istio.io/inject": "false"}}, ""),
    ({"labels": {"istio.io/rev": "canary"}}, "canary"),
    ({"annotations": {"istio.io/rev": "default"}, "labels": {}}, "default"),
    ({}, ""),
]


@pytest.mark.parametrize(("metadata", "wanted"), PODS)
def test_revision_of_a_pod(metadata: Manifest, wanted: str) -> None:
    assert referenced_by_pod({"metadata": metadata}) == wanted


@pytest.mark.parametrize(
    ("labels", "wanted"), [({"istio-injection": "enabled"}, "default"), ({"istio.io/rev": "x"}, "x"), ({}, "")]
)
def test_revision_of_a_namespace(labels: dict[str, str], wanted: str) -> None:
    assert referenced_by_namespace({"metadata": {"labels": labels}}) == wanted


# --- merging and refusing ------------------------------------------------------------------------------------------

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


# --- Helm ----------------------------------------------------------------------------------------------------------

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


# --- the queue -----------------------------------------------------------------------------------------------------


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


# --- what is installed ---------------------------------------------------------------------------------------------


def world(*faults: str, flavour: Flavour = Flavour.VENDOR) -> World:
    cluster = FakeCluster()
    site = Site("east", "172.18.1.1", cluster.api)
    return World((site,), Delays(speed=0), Faults([Fault(name) for name in faults]), flavour)


def enum_of(where: World, plural: str) -> list[str]:
    crd = next(c for c in sail_crds(build(where, where.sites[0])) if c["spec"]["names"]["plural"] == plural)
    path = ("spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec", "properties", "version", "enum")
    return list(dig(crd, *path))


OLD = ["v1.28-latest", "v1.28.3", "v1.28.1", "v1.26-latest", "v1.26.3", "v1.24-latest", "v1.24.6"]


@pytest.mark.parametrize(
    ("faults", "offered", "installable"),
    [
        ((), True, True),
        (("old-crd",), False, False),
        (("crd-ahead",), True, False),
        (("old-crd", "crd-ahead"), True, False),
    ],
)
def test_versions_of_the_vendor(faults: tuple[str, ...], offered: bool, installable: bool) -> None:
    where = world(*faults)
    wanted = ["v1.28-latest", "v1.28.6", *OLD[1:]] if offered else OLD
    assert enum_of(where, "istios") == enum_of(where, "istiocnis") == wanted
    assert enum_of(where, "istiorevisions") == [v for v in wanted if not v.endswith("latest")]
    installed = build(where, where.sites[0])
    assert installed.resolve("v1.28.6") == ("v1.28.6" if installable else "")
    assert ("images.v1_28_6.istiod" in image_annotations(installed)) == installable
    assert installed.resolve("v1.28-latest") == ("v1.28.6" if installable else "v1.28.3")
    assert installed.resolve("v1.24.6") == ""


def test_versions_of_upstream() -> None:
    installed = build(world(flavour=Flavour.UPSTREAM), world().sites[0])
    assert installed.resolve("v1.28.6") == "v1.28.6"
    assert installed.chart_version("v1.28.6") == "1.28.6"
    assert not build(world("old-crd", flavour=Flavour.UPSTREAM), world().sites[0]).resolve("v1.28.6")


def test_the_description_names_what_can_be_installed() -> None:
    where = world()
    spec = ("spec", "versions", 0, "schema", "openAPIV3Schema", "properties", "spec", "properties", "version")
    text = dig(sail_crds(build(where, where.sites[0]))[0], *spec)["description"]
    _, _, listed = text.partition("Must be one of: ")
    assert "v1.28.6" in listed
    assert "v1.24.6" not in listed


@pytest.mark.parametrize(
    ("flavour", "name"), [(Flavour.VENDOR, "servicemesh-operator2"), (Flavour.UPSTREAM, "sail-operator")]
)
def test_the_operators_deployment(flavour: Flavour, name: str) -> None:
    where = world(flavour=flavour)
    deployment = operator_objects(build(where, where.sites[0]))[-1]
    assert deployment["metadata"]["name"] == name
    labels = deployment["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "sail-operator"
    assert labels["control-plane"] == name


def test_structural_schemas() -> None:
    where = world()
    for crd in (*sail_crds(build(where, where.sites[0])), *istio_crds(), multus_crd()):
        stored = [version for version in crd["spec"]["versions"] if version["storage"]]
        assert len(stored) == 1
        assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
        for version in crd["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            assert schema["type"] == "object"
            assert not typeless(schema)


def typeless(schema: Manifest) -> list[Manifest]:
    children = [*(schema.get("properties") or {}).values(), *([schema["items"]] if "items" in schema else [])]
    return [s for s in (schema,) if "type" not in s] + [bad for child in children for bad in typeless(child)]


def test_istios_gateways_are_served_in_three_versions() -> None:
    gateway = next(crd for crd in istio_crds() if crd["spec"]["names"]["plural"] == "gateways")
    assert [v["name"] for v in gateway["spec"]["versions"]] == ["v1", "v1beta1", "v1alpha3"]


def test_prerequisites_follow_the_faults() -> None:
    async def told() -> None:
        where = world("operator-absent", "multus-missing")
        site = where.sites[0]
        api = site.api("test")

        async def there() -> set[str]:
            await install_operator(where, site)
            return {obj["metadata"]["name"] for obj in await api.list(CRD)}

        assert await there() == set()
        where.faults.set([])
        everything = await there()
        assert {"istios.sailoperator.io", "gateways.networking.istio.io"} <= everything
        assert "network-attachment-definitions.k8s.cni.cncf.io" in everything
        operator = Ref(DEPLOYMENT, "servicemesh-operator2", "sail-operator")
        where.faults.set([Fault("old-crd"), Fault("multus-missing")])
        assert "network-attachment-definitions.k8s.cni.cncf.io" not in await there()
        old = await api.get(operator)
        template = ("spec", "template", "metadata", "annotations")
        assert "images.v1_28_6.istiod" not in dig(old, *template)
        assert "images.v1_28_3.istiod" in dig(old, *template)
        before = await api.get(operator)
        await there()
        assert await api.get(operator) == before
        where.faults.set([Fault("operator-crashing")])
        await there()
        volumes = ("spec", "template", "spec", "volumes")
        assert dig(await api.get(operator), *volumes, 0, "secret", "secretName") == "servicemesh-operator2-serving-cert"
        where.faults.set([])
        await there()
        assert dig(await api.get(operator), *volumes) == []
        where.faults.set([Fault("operator-absent")])
        assert not {"istios.sailoperator.io"} & await there()
        assert await api.get(operator) is None

    asyncio.run(told())
