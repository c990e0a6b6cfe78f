"""A dry run of a small plan that has one of every action."""

import json

from meshctl.conditions import gone
from meshctl.names import GATEWAY_SERVICE, ISTIOD, READER_TOKEN
from meshctl.objects import Manifest, Ref, Verdict
from meshctl.plan import Act, Apply, Awaited, Clients, Delete, Fact, Note, Plan, Probe, Wait, step
from meshctl.render.plan_text import plan_document, plan_text, shown
from meshctl.spec import Cluster, MeshSpec

from .page import documented

EAST = Cluster("cluster1", "east", "network1")
WEST = Cluster("cluster2", "west", "network2")
MESH = MeshSpec(EAST, (WEST,))


def never(_: Clients) -> str:
    raise AssertionError("a dry run asks nothing")


def no_verdict(_: Clients) -> Verdict:
    raise AssertionError("a dry run asks nothing")


def no_refs(_: Clients) -> tuple[Ref, ...]:
    raise AssertionError("a dry run asks nothing")


def no_act(_: Clients) -> Note | None:
    raise AssertionError("a dry run does nothing")


ADDRESS = Fact(f"address of {GATEWAY_SERVICE} on cluster1", never)
NAMESPACES = step(EAST, "Create the namespaces", Apply("cluster1", "namespaces.yaml", EAST))
REMOTE = step(
    WEST,
    "Install Istio",
    Apply("cluster2", "istio-remote.yaml", WEST, {"discovery": ADDRESS}),
    Wait("istiod", (Awaited("cluster1", ISTIOD, gone), Awaited("cluster2", READER_TOKEN, gone)), 600),
    needs=[NAMESPACES],
)
SECRET = step(
    EAST,
    "Install the remote secret",
    Apply("cluster1", "remote-secret.yaml", WEST, manager="istioctl"),
    Probe("istiod reports cluster2 synced", no_verdict, 120),
    Act("nudge the operator", no_act),
    needs=[NAMESPACES, REMOTE],
)
SWEEP = step(WEST, "Sweep", Delete("cluster2", "what is left", no_refs, 30), needs=[SECRET], always=True)
PLAN = Plan("Install mesh1", MESH, (NAMESPACES, REMOTE, SECRET, SWEEP))


def objects(action: Apply) -> list[Manifest]:
    match action.template:
        case "namespaces.yaml":
            return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}]
        case "istio-remote.yaml":
            spec = {"values": {"global": {"remotePilotAddress": shown(action.facts["discovery"])}}}
            return [{"kind": "Istio", "metadata": {"name": "default"}, "spec": spec}]
        case _:
            metadata = {"name": "istio-remote-secret-cluster2", "namespace": "istio-system"}
            return [{"kind": "Secret", "metadata": metadata, "data": {"cluster2": "s3cret"}}]


TEXT = """\
Install mesh1: 4 steps on 2 clusters. Nothing was written.

cluster1 (context east, network1)
   1. Create the namespaces  [at once]
        apply   namespaces.yaml
                namespace/istio-system
   3. Install the remote secret  [after 1, 2]
        apply   remote-secret.yaml as istioctl
                secret/istio-remote-secret-cluster2 in istio-system
        ask     istiod reports cluster2 synced (up to 2 min 00 s)
        do      nudge the operator

cluster2 (context west, network2)
   2. Install Istio  [after 1]
        apply   istio-remote.yaml
                discovery = <address of service/istio-eastwestgateway in istio-system on cluster1>
                istio/default
        wait    istiod (up to 10 min 00 s)
                deployment/istiod in istio-system on cluster1
                secret/istio-reader-service-account-istio-remote-secret-token in istio-system
   4. Sweep  [after 3, whatever became of it]
        delete  what is left, wait until gone (up to 30.0 s)"""


def test_as_text() -> None:
    assert plan_text(PLAN, objects) == TEXT


def test_objects_in_full_are_masked_and_have_facts_in_words() -> None:
    text = plan_text(PLAN, objects, lambda manifest: json.dumps(manifest, indent=1))
    assert "s3cret" not in text
    assert '"cluster2": "<hidden>"' in text
    assert '"remotePilotAddress": "<address of service/istio-eastwestgateway in istio-system on cluster1>"' in text
    assert text.count("                ---\n") == 3


def test_as_a_document() -> None:
    document = plan_document(PLAN, objects)
    assert "s3cret" not in json.dumps(document)
    assert set(document) == documented("`plan`")
    assert {key: document[key] for key in ("v", "type", "title", "mesh", "clusters")} == {
        "v": 1,
        "type": "plan",
        "title": "Install mesh1",
        "mesh": "mesh1",
        "clusters": [
            {"name": "cluster1", "context": "east", "network": "network1"},
            {"name": "cluster2", "context": "west", "network": "network2"},
        ],
    }
    assert [(one["key"], one["needs"], one["always"]) for one in document["steps"]] == [
        (one.key, list(one.needs), one.always) for one in PLAN.steps
    ]
    token = str(READER_TOKEN)
    assert document["steps"][1]["actions"] == [
        {
            "action": "apply",
            "cluster": "cluster2",
            "template": "istio-remote.yaml",
            "about": "cluster2",
            "manager": "meshctl",
            "facts": {"discovery": shown(ADDRESS)},
            "objects": objects(Apply("cluster2", "istio-remote.yaml", WEST, {"discovery": ADDRESS})),
            "timeout": 60,
        },
        {
            "action": "wait",
            "what": "istiod",
            "objects": [{"cluster": "cluster1", "object": str(ISTIOD)}, {"cluster": "cluster2", "object": token}],
            "timeout": 600,
        },
    ]
    assert [action for one in document["steps"][2:] for action in one["actions"]][1:] == [
        {"action": "probe", "what": "istiod reports cluster2 synced", "timeout": 120},
        {"action": "act", "what": "nudge the operator", "timeout": 60},
        {"action": "delete", "cluster": "cluster2", "what": "what is left", "timeout": 30},
    ]


def test_a_placeholder_is_put_in_brackets_once() -> None:
    assert shown(Fact("<the address>", never)) == shown(Fact("the address", never)) == "<the address>"
