"""What a plan file holds an install to, as a table."""

import json
from dataclasses import replace

import pytest

from meshctl.changes.fields import digest
from meshctl.changes.model import FieldChange, ObjectChange, Outcome, Outlook, Repair
from meshctl.changes.planfile import document, moved, moved_request, plan_file, read, request_of
from meshctl.names import SECRET, THE_ISTIO
from meshctl.objects import Ref
from meshctl.spec import Cluster, CniOptions, MeshSpec, Timeouts

MESH = MeshSpec(Cluster("cluster1", "east", "network1"), (Cluster("cluster2", "west", "network2"),))
IDS = {"cluster1": "uid-1", "cluster2": "uid-2"}
REQUEST = request_of(MESH, IDS, force=False)


def field(old: str, new: str, *, name: str = "spec.version", pending: bool = False) -> FieldChange:
    return FieldChange(name, old, new, pending=pending, digest=digest([old, new]))


VERSION = field("v1", "v2")
ADDRESS = field("", "<address>", name="spec.address", pending=True)
CHANGE = ObjectChange("cluster1", "s", THE_ISTIO, "meshctl", Outcome.CHANGE, (VERSION,), uid="u1")
CREATE = ObjectChange("cluster1", "s", THE_ISTIO, "meshctl", Outcome.CREATE, (ADDRESS,), digest="d1")
SAME = replace(CHANGE, outcome=Outcome.UNCHANGED, fields=())
NUDGE = Repair("cluster1", "s", "nudge it")


def outlook(*changes: ObjectChange, repairs: tuple[Repair, ...] = ()) -> Outlook:
    return Outlook(MESH, "Install", changes, repairs)


@pytest.mark.parametrize(
    ("planned", "now", "says"),
    [
        (CHANGE, CHANGE, ""),
        (CREATE, CREATE, ""),
        # Less is fine: a part of it was done.
        (CHANGE, SAME, ""),
        (CREATE, SAME, ""),
        (replace(CHANGE, fields=(VERSION, field("a", "b", name="spec.x"))), CHANGE, ""),
        (CREATE, replace(CHANGE, outcome=Outcome.UNKNOWN, fields=(ADDRESS,)), ""),
        # Anything else is not.
        (SAME, CHANGE, "cluster1: istio/default: was to stay as it is, now: change (spec.version)"),
        (SAME, CREATE, "cluster1: istio/default: was to stay as it is, now: create (spec.address)"),
        (
            CHANGE,
            replace(CHANGE, fields=(field("v0", "v2"),)),
            "cluster1: istio/default: spec.version is not as it was",
        ),
        (CHANGE, replace(CHANGE, uid="u2"), "cluster1: istio/default: is another object of that name"),
        (CHANGE, CREATE, "cluster1: istio/default: is gone"),
        (CREATE, CHANGE, "cluster1: istio/default: was to be created, but is there now and not as the plan has it"),
        (CREATE, replace(CREATE, digest="d2"), "cluster1: istio/default: what is to be created is not as it was"),
    ],
)
def test_moved(planned: ObjectChange, now: ObjectChange, says: str) -> None:
    file = read(json.loads(json.dumps(document(plan_file(REQUEST, outlook(planned))))), "x")
    assert "; ".join(moved(file, outlook(now))) == says


def test_a_repair_that_was_not_foreseen_has_moved() -> None:
    assert list(moved(plan_file(REQUEST, outlook(repairs=(NUDGE,))), outlook(repairs=(NUDGE,)))) == []
    assert list(moved(plan_file(REQUEST, outlook()), outlook(repairs=(NUDGE,)))) == [
        "cluster1: the plan did not say: nudge it"
    ]


WEST = MESH.remotes[0]


@pytest.mark.parametrize(
    ("mesh", "says"),
    [
        # Where clusters are found, and how long one waits, changes nothing that is written.
        (replace(MESH, timeouts=Timeouts(istio=1), kubeconfig="/other", sample_namespace="x"), []),
        (replace(MESH, primary=replace(MESH.primary, context="prod", kubeconfig="/x")), []),
        (replace(MESH, istio_version="1.28.3"), ["istio version: not what the plan was made for"]),
        (replace(MESH, cni=CniOptions(values={"a": 1})), ["cni: not what the plan was made for"]),
        (
            replace(MESH, remotes=(replace(WEST, istio_values={"a": 1}),)),
            ["cluster cluster2: not what the plan was made for"],
        ),
        (
            replace(MESH, remotes=(WEST, replace(WEST, name="cluster3"))),
            ["cluster cluster3: not what the plan was made for"],
        ),
    ],
)
def test_moved_request(mesh: MeshSpec, says: list[str]) -> None:
    assert list(moved_request(plan_file(REQUEST, outlook()), request_of(mesh, IDS, force=False))) == says


def test_another_cluster_or_more_force_is_another_request() -> None:
    file = plan_file(REQUEST, outlook())
    assert list(moved_request(file, request_of(MESH, {**IDS, "cluster2": "other"}, force=True))) == [
        "cluster2: another cluster than the plan was made for",
        "the plan was made without --force-conflicts",
    ]


def test_a_plan_file_holds_no_values() -> None:
    secret = FieldChange("data.cluster2", None, None, hidden=True, digest=digest(["old", "s3cret"]))
    change = replace(CHANGE, ref=Ref(SECRET, "remote", "istio-system"), fields=(secret, VERSION))
    mesh = replace(MESH, istio_values={"password": "hunter2"})
    written = json.dumps(document(plan_file(request_of(mesh, IDS, force=False), outlook(change))))
    assert [word for word in ("s3cret", "hunter2", '"v1"', '"v2"') if word in written] == []
