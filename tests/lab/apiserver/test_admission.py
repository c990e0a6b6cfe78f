"""Admission webhooks: whom they are asked for, and what their answers and failures do."""

import asyncio
import base64
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from meshctl.lab.apiserver.hooks import Hooks, WebhookRejectedError, WebhookUnreachableError
from meshctl.objects import Manifest
from tests.lab.apiserver.serving import CONFIG_MAPS, MERGE, Served, config_map, on_cluster

MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
NAME = "object.sidecar-injector.istio.io"
POST = 'Post "https://istiod.istio-system.svc:443/inject?timeout=10s"'
BAD_PATH = 'service.path: Invalid value: "/inject/cluster/clusterX/net/network9": segment[2]: a lowercase RFC 1123'


def _webhook(**changes: Any) -> Manifest:
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    service = {"name": "istiod", "namespace": "istio-system", "path": "/inject"}
    return {
        "name": NAME,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "rules": [rule],
        "clientConfig": {"service": service},
        **changes,
    }


def _config(**changes: Any) -> Manifest:
    return {"metadata": {"name": "injector"}, "webhooks": [_webhook(**changes)]}


def _patch(*operations: Manifest) -> Manifest:
    return {
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(json.dumps(list(operations)).encode()).decode(),
    }


@dataclass(slots=True)
class Istiod:
    """Answers every review alike, and remembers what it was asked."""

    response: Manifest = field(default_factory=lambda: {"allowed": True})
    error: Exception | None = None
    asked: list[tuple[str, float, Manifest]] = field(default_factory=list)

    async def call(self, config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
        assert config["service"]["name"] == "istiod"
        self.asked.append((path, timeout, review["request"]))
        if self.error:
            raise self.error
        return {"response": {"uid": review["request"]["uid"], **self.response}}

    @property
    def hooks(self) -> Hooks:
        return Hooks(call_webhook=self.call)


def test_a_mutating_webhook_changes_what_is_created() -> None:
    istiod = Istiod(_patch({"op": "add", "path": "/data/injected", "value": "yes"}))

    async def story(served: Served) -> None:
        await served.ask("POST", MUTATING, _config())
        made = await served.ask("POST", f"{CONFIG_MAPS}?fieldManager=me", config_map(x="1"))
        assert made.body["data"] == {"x": "1", "injected": "yes"}
        path, timeout, request = istiod.asked[0]
        assert (path, timeout, request["operation"], request["dryRun"]) == ("/inject", 10.0, "CREATE", False)
        assert (request["namespace"], request["name"]) == ("default", "a")
        assert request["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
        assert request["userInfo"]["username"] == "admin"
        await served.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "2"}}, MERGE)
        assert len(istiod.asked) == 1

    on_cluster(story, istiod.hooks)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            WebhookUnreachableError("dial tcp 10.96.100.222:443: connect: connection refused"),
            f"{POST}: dial tcp 10.96.100.222:443: connect: connection refused",
        ),
        (
            WebhookRejectedError("the server could not find the requested resource"),
            "the server could not find the requested resource",
        ),
    ],
)
def test_a_webhook_that_fails_refuses_the_write(error: Exception, text: str) -> None:
    istiod = Istiod(error=error)

    async def story(served: Served) -> None:
        await served.ask("POST", MUTATING, _config())
        refused = await served.ask("POST", CONFIG_MAPS, config_map())
        assert (refused.status, refused.body["reason"]) == (500, "InternalError")
        assert refused.body["message"] == (
            f'Internal error occurred: failed calling webhook "{NAME}": failed to call webhook: {text}'
        )

    on_cluster(story, istiod.hooks)


def test_a_failure_is_ignored_when_the_policy_says_so() -> None:
    istiod = Istiod(error=WebhookUnreachableError("EOF"))

    async def story(served: Served) -> None:
        await served.ask("POST", MUTATING, _config(failurePolicy="Ignore"))
        assert (await served.ask("POST", CONFIG_MAPS, config_map())).status == 201

    on_cluster(story, istiod.hooks)


def test_a_webhook_that_does_not_answer_runs_into_its_timeout() -> None:
    async def silent(config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
        await asyncio.Event().wait()
        raise AssertionError

    async def story(served: Served) -> None:
        await served.ask("POST", MUTATING, _config(timeoutSeconds=1))
        refused = await served.ask("POST", CONFIG_MAPS, config_map())
        assert refused.body["message"].endswith(
            'Post "https://istiod.istio-system.svc:443/inject?timeout=1s": context deadline exceeded'
        )

    on_cluster(story, Hooks(call_webhook=silent))


def test_a_validating_webhook_denies_with_its_reason() -> None:
    istiod = Istiod({"allowed": False, "status": {"message": "configuration is invalid", "code": 400}})

    async def story(served: Served) -> None:
        await served.ask("POST", VALIDATING, _config())
        refused = await served.ask("POST", CONFIG_MAPS, config_map())
        assert (refused.status, refused.body["message"]) == (
            400,
            f'admission webhook "{NAME}" denied the request: configuration is invalid',
        )
        assert (await served.ask("GET", f"{CONFIG_MAPS}/a")).status == 404

    on_cluster(story, istiod.hooks)


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, True),
        ({"objectSelector": {"matchLabels": {"inject": "true"}}}, True),
        ({"objectSelector": {"matchLabels": {"inject": "no"}}}, False),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}, True),
        ({"namespaceSelector": {"matchExpressions": [{"key": "istio-injection", "operator": "Exists"}]}}, False),
        (
            {
                "rules": [
                    {"operations": ["UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
                ]
            },
            False,
        ),
        ({"rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"]}]}, True),
        ({"rules": [{"operations": ["*"], "apiGroups": ["apps"], "apiVersions": ["*"], "resources": ["*"]}]}, False),
    ],
)
def test_selectors_and_rules_choose_the_webhooks(changes: Manifest, asked: bool) -> None:
    istiod = Istiod()

    async def story(served: Served) -> None:
        await served.ask("POST", MUTATING, _config(**changes))
        obj = config_map()
        obj["metadata"]["labels"] = {"inject": "true"}
        assert (await served.ask("POST", CONFIG_MAPS, obj)).status == 201
        assert bool(istiod.asked) is asked

    on_cluster(story, istiod.hooks)


def test_dry_runs_ask_webhooks_without_side_effects() -> None:
    istiod = Istiod(_patch({"op": "add", "path": "/data/injected", "value": "yes"}))

    async def story(served: Served) -> None:
        await served.ask("POST", MUTATING, _config())
        tried = await served.ask("POST", f"{CONFIG_MAPS}?dryRun=All", config_map(x="1"))
        assert (tried.body["data"]["injected"], istiod.asked[0][2]["dryRun"]) == ("yes", True)
        assert (await served.ask("GET", f"{CONFIG_MAPS}/a")).status == 404

    on_cluster(story, istiod.hooks)


def test_a_faster_writer_makes_a_patch_start_again() -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def slow(config: Manifest, path: str, timeout: float, review: Manifest) -> Manifest:
        started.set()
        await go.wait()
        return {"response": {"allowed": True}}

    async def story(served: Served) -> None:
        await served.ask("POST", CONFIG_MAPS, config_map(x="1"))
        rule = {"operations": ["UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
        selector = {"matchLabels": {"slow": "yes"}}
        await served.ask("POST", MUTATING, _config(rules=[rule], objectSelector=selector))
        body = {"metadata": {"labels": {"slow": "yes"}}}
        patching = asyncio.create_task(served.ask("PATCH", f"{CONFIG_MAPS}/a", body, MERGE))
        await started.wait()
        await served.ask("PATCH", f"{CONFIG_MAPS}/a", {"data": {"y": "1"}}, MERGE)
        go.set()
        done = await patching
        assert done.body["data"] == {"x": "1", "y": "1"}
        assert done.body["metadata"]["labels"] == {"slow": "yes"}

    on_cluster(story, Hooks(call_webhook=slow))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {
                "clientConfig": {
                    "service": {"name": "i", "namespace": "n", "path": "/inject/cluster/clusterX/net/network9"}
                }
            },
            f"webhooks[0].clientConfig.{BAD_PATH} subdomain must consist of",
        ),
        ({"sideEffects": None}, "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"),
    ],
)
def test_configurations_have_rules_too(changes: Manifest, message: str) -> None:
    async def story(served: Served) -> None:
        refused = await served.ask("POST", MUTATING, _config(**changes))
        assert refused.status == 422
        assert message in refused.body["message"]

    on_cluster(story)
