"""The guide's commands, typed with kubectl, and `meshctl install` end in the same objects, but for the table below."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from meshctl.names import ISTIO_SYSTEM, NAMESPACE, NETWORK_LABEL, THE_ISTIO
from meshctl.objects import Ref, dig
from tests.conftest import StartLab
from tests.lab.by_hand import Hand
from tests.world.harness import MESH
from tests.world.settling import settled
from tests.world.states import Difference, State, differences, state_of

ANY = object()
SYSTEM = Ref(NAMESPACE, ISTIO_SYSTEM)
GATEWAY_POD = r"(Deployment|ReplicaSet|Pod) istio-system/istio-eastwestgateway(-<hash>)?(-\*)?"
ISTIOD_POD = r"(Deployment|ReplicaSet|Pod) istio-system/istiod(-<hash>)?(-\*)?"
RELEASE = r"Secret istio-system/sh\.helm\.release\.v1\.default-istiod\.v\*"


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is meant: where (regular expressions for object and path), both values, and why.

    What is not `always` there comes and goes with the order in which things happened.
    """

    place: str
    path: str
    by_hand: Any
    installed: Any
    why: str
    always: bool = True

    def explains(self, found: Difference) -> bool:
        """Say whether this is that difference."""
        context, kind, namespace, name = found.key
        return (
            re.fullmatch(self.place, f"{context} {kind} {namespace}/{name}") is not None
            and re.fullmatch(self.path, found.path) is not None
            and self.by_hand in (ANY, found.one)
            and self.installed in (ANY, found.other)
        )


KNOWN = (
    Known(
        ".* .*",
        r"\.metadata\.annotations\.kubectl\.kubernetes\.io/last-applied-configuration.*",
        ANY,
        None,
        "kubectl's client-side apply keeps its book in an annotation, server-side apply in managedFields",
    ),
    Known(
        "east Namespace /istio-system",
        r"\.metadata\.labels\.topology\.istio\.io/network",
        None,
        "network1",
        "meshctl labels the network, so that pods without a sidecar are not taken for local ones elsewhere",
    ),
    Known(
        "west Namespace /istio-system",
        r"\.metadata\.labels\.topology\.istio\.io/network",
        None,
        "network2",
        "the same, on the remote",
    ),
    Known(
        "east (Istio|IstioRevision) /default",
        r"\.spec\.values\.pilot\.env\.EXTERNAL_ISTIOD",
        None,
        "true",
        "only this value keeps the operator from pruning an old revision that remotes still use",
    ),
    Known(
        f"east (ConfigMap istio-system/(values|istio-sidecar-injector)|{RELEASE})",
        r".*values\.pilot\.env\.EXTERNAL_ISTIOD",
        None,
        "true",
        "the operator's copies of that value",
    ),
    Known(
        f"east ({ISTIOD_POD}|{RELEASE})",
        r".*\.containers\.discovery\.env\[order\]",
        ANY,
        ANY,
        "with that value the chart writes EXTERNAL_ISTIOD among pilot.env; the variables are the same",
    ),
    Known(
        f".* {GATEWAY_POD}",
        r"(\.spec\.template)?\.spec\.affinity\.nodeAffinity",
        {},
        None,
        "the guide's file has a nodeAffinity whose fields are null; it demands nothing",
    ),
    Known(
        r".* EndpointSlice istio-system/istio-eastwestgateway-\*",
        r"\.metadata\.generation",
        ANY,
        ANY,
        "meshctl asks for the address first: its Service is there before the pods, so its slice is written once more",
        always=False,
    ),
    Known(
        ".* Event .*",
        ".*",
        ANY,
        ANY,
        "Events tell what happened on the way (which differs), not what there is",
        always=False,
    ),
)


def unexplained(by_hand: State, installed: State) -> list[str]:
    """Return the differences that are not in the table."""
    return [str(found) for found in differences(by_hand, installed) if not any(one.explains(found) for one in KNOWN)]


@pytest.mark.parametrize("operator", ["vendor", "upstream"])
def test_the_guide_by_hand_and_install_end_in_the_same_objects(start_lab: StartLab, operator: str) -> None:
    by_hand, installed = start_lab(operator=operator), start_lab(operator=operator)
    hand = Hand(by_hand)
    hand.install()
    hand.gateways_ready()
    done = installed.meshctl("install", *MESH)
    assert done.returncode == 0, done.stderr

    found = settled(lambda: unexplained(state_of(by_hand), state_of(installed)), lambda left: not left)

    assert found == []
    # A line of the table that explains nothing any more hides nothing today, but would tomorrow.
    differing = differences(state_of(by_hand), state_of(installed))
    idle = [one for one in KNOWN if one.always and not any(map(one.explains, differing))]
    assert idle == []


def test_the_comparison_is_not_blind(start_lab: StartLab) -> None:
    lab = start_lab()
    before = state_of(lab)
    lab.merge("west", SYSTEM, {"metadata": {"labels": {NETWORK_LABEL: "another"}}})
    lab.create("east", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more", "namespace": "default"}})

    found = [(one.key, one.path, one.one, one.other) for one in differences(before, state_of(lab))]

    assert found == [
        (("east", "ConfigMap", "default", "more"), "", 0, 1),
        (("west", "Namespace", "", "istio-system"), f".metadata.labels.{NETWORK_LABEL}", None, "another"),
    ]


def test_install_takes_over_what_the_guide_made(start_lab: StartLab) -> None:
    lab = start_lab()
    hand = Hand(lab)
    hand.install()
    hand.gateways_ready()

    done = lab.meshctl("install", *MESH)

    assert done.returncode == 0, done.stderr
    assert "conflict" not in done.stderr
    for context, network in (("east", "network1"), ("west", "network2")):
        assert dig(lab.get(context, SYSTEM), "metadata", "labels", NETWORK_LABEL) == network
    assert dig(lab.get("east", THE_ISTIO), "spec", "values", "pilot", "env", "EXTERNAL_ISTIOD") == "true"
