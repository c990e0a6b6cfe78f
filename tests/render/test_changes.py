"""What would change, as people and programs read it."""

import json
from dataclasses import replace

import pytest

from meshctl.changes.model import FieldChange, ObjectChange, Outcome, Outlook, Repair
from meshctl.names import GATEWAY_SERVICE, THE_CNI, THE_ISTIO, remote_secret
from meshctl.objects import Ref
from meshctl.render.changes_json import changes_document
from meshctl.render.changes_text import changes_text
from meshctl.spec import Cluster, MeshSpec

from .page import documented

MESH = MeshSpec(Cluster("cluster1", "east", "network1"), (Cluster("cluster2", "west", "network2"),))
SECRET = FieldChange("data.cluster2", None, None, hidden=True, digest="sha256:1")
ADDRESS = FieldChange("spec.values.global.remotePilotAddress", "192.0.2.1", "<address of the gateway>", pending=True)
KUBECONFIG = FieldChange("data.cluster3", None, "<kubeconfig of cluster3>", hidden=True, pending=True)
VERSION = FieldChange("spec.version", "v1.28.5", "v1.28.6", ("kubectl-edit",))
GONE = FieldChange("metadata.labels[istio.io/rev]", None, "default")


def change(
    ref: Ref, outcome: Outcome, *fields: FieldChange, on: str = "cluster1", by: str = "meshctl", text: str = ""
) -> ObjectChange:
    return ObjectChange(on, f"{on}: Install Istio", ref, by, outcome, fields, text)


OUTLOOK = Outlook(
    MESH,
    "Install mesh mesh1",
    (
        change(GATEWAY_SERVICE, Outcome.CREATE),
        change(remote_secret("cluster3"), Outcome.CREATE, KUBECONFIG),
        change(THE_ISTIO, Outcome.CONFLICT, VERSION, text='conflict: "kubectl-edit" owns .spec.version'),
        change(remote_secret("cluster2"), Outcome.CHANGE, SECRET),
        change(THE_ISTIO, Outcome.UNKNOWN, ADDRESS, on="cluster2", by="meshctl-kernel"),
        change(GATEWAY_SERVICE, Outcome.TAKE_OVER, GONE, on="cluster2", text="conflict: …"),
        change(GATEWAY_SERVICE, Outcome.REFUSED, on="cluster2", text="invalid: \x1b[31mno"),
        change(THE_CNI, Outcome.UNCHANGED),
    ),
    (Repair("cluster2", "cluster2: Create the east-west gateway", "start a pod of the gateway"),),
)
TEXT = """\
Install mesh mesh1: what would change. Nothing was written.

cluster1 (context east, network1)
  + service/istio-eastwestgateway in istio-system
  + secret/istio-remote-secret-cluster3 in istio-system
      data.cluster3: <kubeconfig of cluster3>
  ! istio/default: owned by someone else
      spec.version: "v1.28.5" -> "v1.28.6"   kubectl-edit owns it
  ~ secret/istio-remote-secret-cluster2 in istio-system
      data.cluster2: <hidden>, another value
  = 1 object unchanged

cluster2 (context west, network2)
  ? istio/default as meshctl-kernel: not known yet
      spec.values.global.remotePilotAddress: "192.0.2.1" -> <address of the gateway>
  ~ service/istio-eastwestgateway in istio-system: takes over fields of another manager
      metadata.labels[istio.io/rev]: (not there) -> "default"
  x service/istio-eastwestgateway in istio-system: would be refused: invalid: no
  * repair: start a pod of the gateway

! An install stops at a field that somebody else owns: give it back to meshctl there, or take it with --force-conflicts.
x An install fails at what an API server refuses: mend it there first.

plan: 2 to create, 1 to change, 1 to take over, 1 unchanged, 1 owned by someone else, 1 not known yet, \
1 refused, 1 repair"""


def test_text() -> None:
    assert changes_text(OUTLOOK).plain == TEXT


def test_colour_says_nothing_that_the_text_does_not() -> None:
    text = changes_text(OUTLOOK)
    assert {str(span.style) for span in text.spans} >= {"green", "red", "yellow", "cyan", "bold", "dim"}


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("x" * 500 + "a" + "y" * 500, "x" * 500 + "b" + "y" * 500, ("…xxxxxxxxxxxxxxxxxxxxxxxxa", "xb")),
        ("line\nbreak", "x", ('"line\\nbreak"', '"x"')),
        ({"a": [1]}, None, ('{"a": [1]}', "(not there)")),
        ("\x1b[31mred", "x", ('"\\u001b[31mred"', '"x"')),
    ],
)
def test_values(old: object, new: object, shown: tuple[str, str]) -> None:
    one = change(THE_ISTIO, Outcome.CHANGE, FieldChange("spec.x", old, new))
    line = next(line for line in changes_text(replace(OUTLOOK, changes=(one,))).plain.splitlines() if "spec.x" in line)
    before, _, after = line.partition(" -> ")
    assert shown[0] in before
    assert shown[1] in after
    assert len(line) < 260


def test_the_document_has_the_keys_that_are_promised() -> None:
    document = json.loads(json.dumps(changes_document(OUTLOOK, 10)))
    assert set(document) == documented("`changes`")
    assert {key for one in document["objects"] for key in one} == documented("Every object of `changes`")
    assert {key for one in document["objects"] for each in one["fields"] for key in each} == documented(
        "Every field of an object"
    )
    assert set(document["summary"]) == {*map(str, Outcome), "repairs"}
    assert documented("Outcomes") == set(map(str, Outcome))
    hidden = [field for one in document["objects"] for field in one["fields"] if field["hidden"]]
    assert [(field["old"], field["new"]) for field in hidden] == [(None, "<kubeconfig of cluster3>"), (None, None)]
