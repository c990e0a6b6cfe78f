"""What an install would do, asked of clusters that are dictionaries: outcomes that a lab does not show."""

from copy import deepcopy
from typing import Any

import pytest

from meshctl.changes.asking import Foresight
from meshctl.changes.model import ObjectChange, Outcome, Outlook
from meshctl.errors import (
    ConflictError,
    Exit,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotReadyError,
    StoppedError,
    TransientError,
)
from meshctl.objects import Manifest
from meshctl.plan import Act, Apply, Clients, Fact, Plan, step
from meshctl.spec import Cluster, MeshSpec
from tests.core.fake import FakeClient, ref_of

EAST = Cluster("cluster1", "east", "network1")
MESH = MeshSpec(EAST, ())
SPACE: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "gateway", "namespace": "istio-system", "uid": "1", "resourceVersion": "7"},
    "spec": {"type": "LoadBalancer"},
}
SECRET: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "remote", "namespace": "istio-system"},
    "data": {"cluster2": "c2VjcmV0"},
}


class DryClient(FakeClient):
    """A dictionary that keeps what a dry run would store to itself."""

    def apply(
        self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = "meshctl"
    ) -> Manifest:
        assert dry_run, "a plan writes nothing"
        self._call("force" if force else "apply", str(ref_of(manifest)))
        live = self.objects.get(ref_of(manifest), {})
        return {**live, **deepcopy(manifest), "metadata": {**live.get("metadata", {}), **manifest["metadata"]}}


def wanted(obj: Manifest, **spec: Any) -> Manifest:
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace")}
    return {**obj, "metadata": metadata, **({"spec": {**obj["spec"], **spec}} if spec else {})}


def unknown(_: Clients) -> str:
    raise NotReadyError("cluster1: not yet")


def outlook(client: FakeClient, *manifests: Manifest, fact: Fact | None = None, **more: Any) -> Outlook:
    apply = Apply("cluster1", "x.yaml", EAST, {"it": fact} if fact else {})

    def render(template: str, mesh: MeshSpec, cluster: Cluster, facts: Any) -> list[Manifest]:
        return [
            {**one, "data": {"cluster2": facts["it"]}} if fact and one["kind"] == "Secret" else one for one in manifests
        ]

    plan = Plan("Install", MESH, (step(EAST, "Apply", apply, *more.pop("acts", ())),))
    return Foresight({"cluster1": client}, render, **more).of(plan)


def one(client: FakeClient, *manifests: Manifest, **more: Any) -> ObjectChange:
    [change] = outlook(client, *manifests, **more).changes
    return change


def test_what_is_there_already_is_unchanged() -> None:
    seen = outlook(DryClient(objects=[SPACE, SERVICE]), wanted(SERVICE))
    assert [change.outcome for change in seen.changes] == [Outcome.UNCHANGED]
    assert seen.exit_code is Exit.DONE


def test_nothing_is_asked_in_a_namespace_that_is_not_there() -> None:
    client = DryClient()
    assert one(client, SERVICE).outcome is Outcome.CREATE
    assert client.calls == ["get namespace/istio-system"]


def test_what_is_being_removed_is_created_anew() -> None:
    leaving = {**SPACE, "metadata": {**SPACE["metadata"], "deletionTimestamp": "now"}}
    change = one(DryClient(objects=[leaving, SERVICE]), wanted(SERVICE))
    assert (change.outcome, change.text) == (Outcome.CREATE, "once its namespace is gone, which is being removed")
    ending = {**SERVICE, "metadata": {**SERVICE["metadata"], "deletionTimestamp": "now"}}
    change = one(DryClient(objects=[SPACE, ending]), wanted(SERVICE))
    assert (change.outcome, change.text) == (Outcome.CREATE, "once the one that is being removed is gone")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidError("cluster1: no"), Outcome.REFUSED),
        (ForbiddenError("cluster1: no"), Outcome.REFUSED),
        (ConflictError("cluster1: no"), Outcome.CONFLICT),
    ],
)
def test_what_an_api_server_refuses_is_told_with_the_field(error: Exception, outcome: Outcome) -> None:
    client = DryClient(objects=[SPACE, SERVICE])
    client.errors["apply"] = [error]
    seen = outlook(client, wanted(SERVICE, type="ClusterIP"))
    [change] = seen.changes
    assert (change.outcome, change.text, change.uid) == (outcome, "no", "1")
    assert [(field.field, field.old, field.new) for field in change.fields] == [
        ("spec.type", "LoadBalancer", "ClusterIP")
    ]
    assert seen.exit_code is Exit.CHANGES


def test_a_creation_that_would_be_refused_is_told() -> None:
    client = DryClient(objects=[SPACE])
    client.errors["apply"] = [InvalidError("cluster1: no")]
    assert one(client, SERVICE).outcome is Outcome.REFUSED


def test_a_webhook_that_does_not_answer_leaves_it_open_but_a_server_that_does_not_is_an_error() -> None:
    client = DryClient(objects=[SPACE, SERVICE])
    client.errors["apply"] = [TransientError("cluster1: failed calling webhook")]
    change = one(client, wanted(SERVICE))
    assert (change.outcome, change.text) == (Outcome.UNKNOWN, "failed calling webhook")
    client.errors["apply"] = [TransientError("cluster1: connection refused")]
    with pytest.raises(TransientError, match="connection refused"):
        outlook(client, wanted(SERVICE))


def test_an_object_that_moves_meanwhile_is_read_again() -> None:
    class Moving(DryClient):
        def apply(
            self, manifest: Manifest, *, force: bool = False, dry_run: bool = False, manager: str = "meshctl"
        ) -> Manifest:
            live = self.objects[ref_of(manifest)]
            if live["metadata"]["resourceVersion"] == "7":
                self.put({**live, "metadata": {**live["metadata"], "resourceVersion": "8"}, "spec": {"replicas": 2}})
            return super().apply(manifest, force=force, dry_run=dry_run, manager=manager)

    bare = {**SERVICE, "metadata": wanted(SERVICE)["metadata"], "spec": {"replicas": 2}}
    assert one(Moving(objects=[SPACE, SERVICE]), bare).outcome is Outcome.UNCHANGED


def test_a_fact_that_nobody_knows_yet_is_named_and_never_sent() -> None:
    fact = Fact("kubeconfig of cluster2", unknown)
    seen = outlook(DryClient(objects=[SPACE]), SECRET, fact=fact)
    [change] = seen.changes
    assert change.outcome is Outcome.CREATE
    [field] = change.fields
    assert (field.field, field.old, field.new, field.pending) == (
        "data.cluster2",
        None,
        "<kubeconfig of cluster2>",
        True,
    )
    assert seen.unknown == {("cluster1: Apply", "it")}

    [change] = outlook(DryClient(objects=[SPACE, SECRET]), SECRET, fact=fact).changes
    assert change.outcome is Outcome.UNKNOWN
    [field] = change.fields
    assert (field.old, field.new, field.hidden) == (None, "<kubeconfig of cluster2>", True)


def test_a_known_fact_is_asked_unless_it_is_to_be_left_open() -> None:
    fact = Fact("kubeconfig of cluster2", lambda _: "bmV3")
    client = DryClient(objects=[SPACE, SECRET])
    [change] = outlook(client, SECRET, fact=fact).changes
    assert change.outcome is Outcome.CHANGE
    [field] = change.fields
    assert (field.field, field.old, field.new, field.hidden) == ("data.cluster2", None, None, True)
    unasked = frozenset({("cluster1: Apply", "it")})
    assert [c.outcome for c in outlook(client, SECRET, fact=fact, unasked=unasked).changes] == [Outcome.UNKNOWN]


def test_what_one_manager_creates_is_not_created_again_by_the_next() -> None:
    outcomes = [change.outcome for change in outlook(DryClient(objects=[SPACE]), SERVICE, SERVICE).changes]
    assert outcomes == [Outcome.CREATE, Outcome.UNKNOWN]


def test_repairs_are_foreseen_and_what_cannot_be_seen_is_none() -> None:
    def blind(_: Clients) -> str:
        raise NotFoundError("cluster1: not served")

    acts = (
        Act("look", lambda _: None),
        Act("nudge", lambda _: None, foresee=lambda _: "nudge it"),
        Act("nudge", lambda _: None, foresee=lambda _: ""),
        Act("nudge", lambda _: None, foresee=blind),
    )
    seen = outlook(DryClient(objects=[SPACE, SERVICE]), wanted(SERVICE), acts=acts)
    assert [repair.text for repair in seen.repairs] == ["nudge it"]
    assert seen.exit_code is Exit.CHANGES


def test_a_wish_to_stop_ends_it() -> None:
    client = DryClient(objects=[SPACE, SERVICE])
    client.errors["get"] = [StoppedError("stopped")]
    with pytest.raises(StoppedError):
        outlook(client, wanted(SERVICE))
