"""Admission webhooks: injection, refusal, and what becomes of writes while nobody answers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from meshctl.objects import Manifest
from tests.contract.asking import Answer, Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import config_map, container, core, maps, pod
from tests.contract.webhook import Webhook, patch_of, serving

HOOKS = "/apis/admissionregistration.k8s.io/v1"
MUTATING, VALIDATING = f"{HOOKS}/mutatingwebhookconfigurations", f"{HOOKS}/validatingwebhookconfigurations"
INJECTED = "example.invalid/proxy:1"


def decide(request: Manifest) -> Manifest:
    """Inject pods whose image is `auto`; refuse ConfigMaps that say so."""
    obj = request.get("object") or {}
    containers = (obj.get("spec") or {}).get("containers") or ()
    steps = [
        {"op": "replace", "path": f"/spec/containers/{place}/image", "value": INJECTED}
        for place, one in enumerate(containers)
        if one["image"] == "auto"
    ]
    if steps:
        return patch_of(*steps)
    if (obj.get("data") or {}).get("refuse"):
        return {"allowed": False, "status": {"message": "not like this", "code": int(obj["data"]["refuse"])}}
    return {"allowed": True, "warnings": ["looked at"]}


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    """A webhook that listens."""
    with serving(tmp_path_factory.mktemp("webhook"), decide) as webhook:
        yield webhook


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """A namespace that a webhook can select."""
    name = cluster.namespace(furnished=True)
    cluster.admin.patch(f"/api/v1/namespaces/{name}", {"metadata": {"labels": {"hooked": name}}}).obj()
    return name


def rules(plural: str) -> list[Manifest]:
    return [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": [plural]}]


@contextmanager
def configured(api: Asker, kind: str, namespace: str, config: Manifest, plural: str, **more: object) -> Iterator[Asker]:
    """A configuration that holds for one namespace; begins when the server has noticed it."""
    hook = {
        "name": "object.injector.example.com",
        "clientConfig": config,
        "rules": rules(plural),
        "namespaceSelector": {"matchLabels": {"hooked": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **more,
    }
    api.post(kind, {"metadata": {"name": namespace}, "webhooks": [hook]}).obj()
    try:
        yield api
    finally:
        api.delete(f"{kind}/{namespace}")


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_images_are_injected(api: Asker, namespace: str, webhook: Webhook) -> None:
    with configured(api, MUTATING, namespace, webhook.client_config(), "pods"):
        made = eventually(lambda: injected(api, namespace))
    assert made.at("spec", "containers", 0, "image") == INJECTED
    assert made.at("spec", "containers", 0, "imagePullPolicy") == "Always"  # the default for `auto` was there first
    request = webhook.asked[-1]
    assert request["operation"] == "CREATE"
    assert request["namespace"] == namespace
    assert request["kind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert request["resource"] == {"group": "", "version": "v1", "resource": "pods"}
    assert request["object"]["spec"]["serviceAccountName"] == "default"
    assert request["userInfo"]["username"] == "admin"
    assert request["dryRun"] is True


def injected(api: Asker, namespace: str) -> Answer | None:
    """Try a pod without making it, as one does to learn whether injection works."""
    tried = api.post(core(namespace, "pods"), pod("x", container(image="auto")), dryRun="All")
    return tried if tried.at("spec", "containers", 0, "image") == INJECTED else None


def test_ownership_of_what_is_injected(api: Asker, namespace: str, webhook: Webhook) -> None:
    with configured(api, MUTATING, namespace, webhook.client_config(), "pods"):
        eventually(lambda: injected(api, namespace))
        made = api.apply(core(namespace, "pods", "x"), pod("x", container(image="auto")), "one").obj()
    assert made["spec"]["containers"][0]["image"] == INJECTED


def test_without_the_webhook_nothing_is_injected(api: Asker, namespace: str) -> None:
    made = api.post(core(namespace, "pods"), pod("x", container(image="auto"))).obj()
    assert made["spec"]["containers"][0]["image"] == "auto"


def test_a_refusal_names_the_webhook(api: Asker, namespace: str, webhook: Webhook) -> None:
    with configured(api, VALIDATING, namespace, webhook.client_config("/validate"), "configmaps"):
        eventually(lambda: "warning" in api.post(maps(namespace), config_map("probe"), dryRun="All").headers)
        refused = api.post(maps(namespace), config_map(data={"refuse": "400"}))
        assert refused.refused == (
            400,
            "None",
            'admission webhook "object.injector.example.com" denied the request: not like this',
        )
        forbidden = api.post(maps(namespace), config_map(data={"refuse": "403"}))
        assert forbidden.refused == (
            403,
            "None",
            'admission webhook "object.injector.example.com" denied the request: not like this',
        )
        warned = api.post(maps(namespace), config_map())
        assert warned.headers["warning"] == '299 - "looked at"'


@pytest.mark.parametrize("kind", [MUTATING, VALIDATING])
def test_while_nobody_answers(api: Asker, namespace: str, webhook: Webhook, kind: str) -> None:
    port = unused_port()
    config = {**webhook.client_config(), "url": f"https://127.0.0.1:{port}/inject"}
    path = maps(namespace)
    with configured(api, kind, namespace, config, "configmaps"):
        refused = eventually(lambda: failed(api.post(path, config_map("probe"), dryRun="All")))
    assert refused.refused == (
        500,
        "InternalError",
        (
            'Internal error occurred: failed calling webhook "object.injector.example.com": failed to call webhook: '
            f'Post "https://127.0.0.1:{port}/inject?timeout=10s": '
            f"dial tcp 127.0.0.1:{port}: connect: connection refused"
        ),
    )
    assert refused.causes == [("", refused.message.removeprefix("Internal error occurred: "), "")]


def failed(answer: Answer) -> Answer | None:
    return answer if answer.status == 500 else None


def test_while_nobody_answers_and_that_is_fine(cluster: Cluster, api: Asker, namespace: str, webhook: Webhook) -> None:
    config = {**webhook.client_config(), "url": f"https://127.0.0.1:{unused_port()}/inject"}
    strict = cluster.namespace()
    api.patch(f"/api/v1/namespaces/{strict}", {"metadata": {"labels": {"hooked": strict}}}).obj()
    with (
        configured(api, MUTATING, namespace, config, "configmaps", failurePolicy="Ignore"),
        configured(api, MUTATING, strict, config, "configmaps"),
    ):
        # the second one was configured later: when it holds, the first one does
        eventually(lambda: failed(api.post(maps(strict), config_map("probe"), dryRun="All")))
        assert api.post(maps(namespace), config_map()).status == 201


def test_what_a_configuration_must_say(api: Asker, webhook: Webhook) -> None:
    hook = {"name": "short", "clientConfig": webhook.client_config(), "rules": rules("pods")}
    refused = api.post(MUTATING, {"metadata": {"name": "wrong"}, "webhooks": [hook]})
    assert refused.status == 422
    assert (
        'webhooks[0].name: Invalid value: "short": should be a domain with at least three segments' in refused.message
    )
    assert "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun" in refused.message


def test_paths_of_services_have_rules(api: Asker) -> None:
    service = {"name": "istiod", "namespace": "istio-system", "path": "/inject/cluster/clusterX/net/network9"}
    hook = {
        "name": "a.b.example.com",
        "clientConfig": {"service": service},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    refused = api.post(MUTATING, {"metadata": {"name": "wrong"}, "webhooks": [hook]})
    assert refused.message == (
        'MutatingWebhookConfiguration.admissionregistration.k8s.io "wrong" is invalid: '
        'webhooks[0].clientConfig.service.path: Invalid value: "/inject/cluster/clusterX/net/network9": segment[2]: '
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )


def test_what_is_filled_in(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("hooks")
    hook = {
        "name": "a.b.example.com",
        "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    made = api.post(MUTATING, {"metadata": {"name": name}, "webhooks": [hook]}).obj()
    assert made["webhooks"] == [
        {
            **hook,
            "clientConfig": {"service": {"name": "istiod", "namespace": "istio-system", "port": 443}},
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "reinvocationPolicy": "Never",
            "timeoutSeconds": 10,
        }
    ]
    assert made["metadata"]["generation"] == 1
    changed = api.patch(f"{MUTATING}/{name}", {"metadata": {"annotations": {"a": "1"}}})
    assert changed.at("metadata", "generation") == 1
    ca = [{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "Yg=="}]
    patched = api.patch(f"{MUTATING}/{name}", ca, "application/json-patch+json")
    if patched.status == 200:
        assert patched.at("metadata", "generation") == 2
    api.delete(f"{MUTATING}/{name}")
