"""Who can reach whom: one table of what can be wrong, with the words that a client finds for it."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from meshctl.lab.apiserver.hooks import WebhookRejectedError, WebhookUnreachableError
from meshctl.lab.network import End, call_webhook, dial, probe_istiod
from meshctl.names import (
    ENDPOINT_SLICE,
    GATEWAY,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_SYSTEM,
    POD,
    SERVICE,
    VIRTUAL_SERVICE,
)
from meshctl.objects import Manifest, Ref, dig
from tests.lab.static_mesh import BUNDLE, EAST_LB, OTHER_BUNDLE, StaticMesh

ISTIOD_SERVICE = Ref(SERVICE, "istiod", ISTIO_SYSTEM)
ISTIOD_POD = Ref(POD, "istiod", ISTIO_SYSTEM)
GATEWAY_POD = Ref(POD, "gateway", ISTIO_SYSTEM)
ASKED = 'Get "https://istiod.istio-system.svc:443/ready": '
REFUSED = "connect: connection refused"

Change = Callable[[StaticMesh], object]


def external_name(host: str) -> Change:
    spec = {"type": "ExternalName", "externalName": host, "ports": [{"port": 443, "targetPort": 15017}]}

    def change(mesh: StaticMesh) -> None:
        mesh.change(mesh.west, ISTIOD_SERVICE, lambda service: service.update(spec=spec))

    return change


def hostname(mesh: StaticMesh) -> None:
    ingress = [{"hostname": "gateway.lab.invalid"}]
    mesh.change(mesh.east, GATEWAY_SERVICE, lambda s: s.update(status={"loadBalancer": {"ingress": ingress}}))


def port_443(mesh: StaticMesh) -> None:
    mesh.change(mesh.east, GATEWAY_SERVICE, lambda s: s["spec"]["ports"].append({"port": 443, "targetPort": 15017}))


def both(*changes: Change) -> Change:
    def change(mesh: StaticMesh) -> None:
        for one in changes:
            one(mesh)

    return change


def not_ready(mesh: StaticMesh) -> None:
    mesh.change(mesh.east, ISTIOD_POD, lambda pod: pod["status"].update(conditions=[]))


def not_injected(mesh: StaticMesh) -> None:
    mesh.change(mesh.east, GATEWAY_POD, lambda pod: pod["spec"]["containers"][0].update(image="auto"))


PROBES: list[tuple[str, Change, str | None]] = [
    ("healthy", lambda mesh: None, None),
    (
        "gateway port blocked",
        lambda mesh: mesh.fault("webhook-blocked"),
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    ),
    ("istiod gone behind a living gateway", lambda mesh: mesh.east.drop(ISTIOD_POD), "EOF"),
    ("istiod not ready", not_ready, "EOF"),
    ("webhook port refusing", lambda mesh: mesh.fault("webhook-refusing"), "EOF"),
    ("no VirtualService", lambda mesh: mesh.east.drop(Ref(VIRTUAL_SERVICE, "istiod-vs", ISTIO_SYSTEM)), "EOF"),
    ("no Gateway", lambda mesh: mesh.east.drop(Ref(GATEWAY, "istiod-gateway", ISTIO_SYSTEM)), REFUSED),
    ("no gateway pod", lambda mesh: mesh.east.drop(GATEWAY_POD), REFUSED),
    ("gateway pod not injected", not_injected, REFUSED),
    (
        "nobody at the address",
        lambda mesh: mesh.east.drop(GATEWAY_SERVICE),
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
    ),
    ("no endpoints", lambda mesh: mesh.west.drop(Ref(ENDPOINT_SLICE, "istiod", ISTIO_SYSTEM)), REFUSED),
    (
        "no Service",
        lambda mesh: mesh.west.drop(ISTIOD_SERVICE),
        "dial tcp: lookup istiod.istio-system.svc on 10.96.0.10:53: no such host",
    ),
    (
        "unknown hostname",
        external_name("nowhere.example"),
        "dial tcp: lookup istiod.istio-system.svc on 10.96.0.10:53: no such host",
    ),
    (
        "hostname without port 443",
        both(hostname, external_name("gateway.lab.invalid")),
        f"dial tcp {EAST_LB}:443: {REFUSED}",
    ),
    ("hostname with port 443", both(hostname, port_443, external_name("gateway.lab.invalid")), None),
]


@pytest.mark.parametrize(("change", "text"), [case[1:] for case in PROBES], ids=[case[0] for case in PROBES])
def test_the_probe_of_a_remote(change: Change, text: str | None) -> None:
    mesh = StaticMesh()
    change(mesh)

    ok, reason = asyncio.run(probe_istiod(mesh.world, mesh.site("west"), BUNDLE))

    if text is None:
        assert (ok, reason) == (True, "")
    else:
        assert not ok
        assert reason.startswith(ASKED)
        assert reason.endswith(text)


def test_the_probe_trusts_only_the_bundle() -> None:
    mesh = StaticMesh()

    ok, reason = asyncio.run(probe_istiod(mesh.world, mesh.site("west"), OTHER_BUNDLE))

    assert not ok
    assert reason == ASKED + "tls: failed to verify certificate: x509: certificate signed by unknown authority"


def review(namespace: str = ISTIO_SYSTEM, **meta: Any) -> Manifest:
    pod = {"metadata": meta, "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]}}
    request = {"uid": "1", "operation": "CREATE", "namespace": namespace, "object": pod}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


def ask(mesh: StaticMesh, context: str, **client: Any) -> Manifest:
    cluster = mesh.east if context == "east" else mesh.west
    config = dig(cluster.peek(INJECTOR), "webhooks", 0, "clientConfig") | client
    gateway = review(labels={"sidecar.istio.io/inject": "true"}, annotations={"inject.istio.io/templates": "gateway"})
    path = config["service"]["path"]
    return asyncio.run(call_webhook(mesh.world, mesh.site(context), config, path, 10, gateway))


@pytest.mark.parametrize(("context", "cluster_id"), [("east", "cluster1"), ("west", "cluster2")])
def test_injection_answers_both_clusters(context: str, cluster_id: str) -> None:
    response = ask(StaticMesh(), context)["response"]

    patch = json.loads(base64.b64decode(response["patch"]))
    container = next(step["value"] for step in patch if step["path"] == "/spec")["containers"][0]
    assert container["image"] == "hub.test/proxyv2:1.28.6"
    assert {"name": "ISTIO_META_CLUSTER_ID", "value": cluster_id} in container["env"]


CALLS: list[tuple[str, str, Change, dict[str, Any], str]] = [
    (
        "istiod away",
        "east",
        lambda mesh: mesh.east.drop(ISTIOD_POD),
        {},
        "dial tcp 10.96.100.222:443: connect: connection refused",
    ),
    (
        "webhook port refusing",
        "east",
        lambda mesh: mesh.fault("webhook-refusing"),
        {},
        "dial tcp 10.96.100.222:443: connect: connection refused",
    ),
    (
        "no caBundle yet",
        "west",
        lambda mesh: None,
        {"caBundle": ""},
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ),
    ("dropped", "west", lambda mesh: mesh.fault("webhook-blocked"), {}, "context deadline exceeded"),
    ("no Service", "west", lambda mesh: mesh.west.drop(ISTIOD_SERVICE), {}, 'service "istiod" not found'),
]


@pytest.mark.parametrize(
    ("context", "change", "client", "text"), [case[1:] for case in CALLS], ids=[case[0] for case in CALLS]
)
def test_a_webhook_out_of_reach(context: str, change: Change, client: dict[str, Any], text: str) -> None:
    mesh = StaticMesh()
    change(mesh)

    with pytest.raises(WebhookUnreachableError) as caught:
        ask(mesh, context, **client)

    assert caught.value.text == text


def test_a_path_that_istiod_does_not_serve() -> None:
    mesh = StaticMesh()
    service = {"name": "istiod", "namespace": ISTIO_SYSTEM, "path": "/foo", "port": 443}

    with pytest.raises(WebhookRejectedError) as caught:
        ask(mesh, "west", service=service)

    assert caught.value.text == "the server could not find the requested resource"


def test_blocked_configuration_does_not_block_the_webhook() -> None:
    mesh = StaticMesh()
    mesh.fault("xds-blocked")

    def end(port: int) -> End:
        return asyncio.run(dial(mesh.world, mesh.site("west"), ISTIO_SYSTEM, "istiod", port)).end

    assert (end(15012), end(443)) == (End.DROPPED, End.REACHED)
