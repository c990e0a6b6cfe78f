"""The order in which things happen during the guide, as it was recorded on real clusters with the real operator."""

from itertools import groupby
from typing import Any

from tests.conftest import StartLab
from tests.lab.by_hand import Hand
from tests.labs import ThreadLab

Change = dict[str, Any]
SPEED = 20  # slow enough for the delays to keep their order on a busy machine


def story(lab: ThreadLab, cluster: str, kind: str, name: str = "default") -> list[Any]:
    """Return the states an object went through, each once."""
    wanted = (cluster, kind, name)
    states = [c["state"] for c in lab.changes() if (c["cluster"], c["kind"], c["name"]) == wanted and c["parts"]]
    return [state for state, _ in groupby(states)]


def when(lab: ThreadLab, cluster: str, kind: str, name: str) -> list[float]:
    """Return when an object was changed."""
    wanted = (cluster, kind, name)
    return [c["time"] for c in lab.changes() if (c["cluster"], c["kind"], c["name"]) == wanted]


def test_the_operators_resources_go_through_the_recorded_states(start_lab: StartLab) -> None:
    lab = start_lab(speed=SPEED)
    Hand(lab).install()

    for cluster in ("east", "west"):
        assert story(lab, cluster, "IstioCNI") == [None, "DaemonSetNotReady", "Healthy"]
    assert story(lab, "east", "IstioRevision") == [None, "IstiodNotReady", "Healthy"]
    assert story(lab, "west", "IstioRevision") == [None, "RemoteIstiodNotReady", "Healthy"]
    # Whether the moment before the revision is seen shows depends on who is quicker, on real clusters too.
    for cluster, waiting in (("east", "IstiodNotReady"), ("west", "RemoteIstiodNotReady")):
        seen = [state for state in story(lab, cluster, "Istio") if state not in (None, "ActiveRevisionNotFound")]
        assert seen == [waiting, "Healthy"]

    webhook, *_ = when(lab, "east", "MutatingWebhookConfiguration", "istio-sidecar-injector")
    istiod, *_ = when(lab, "east", "ConfigMap", "istio-leader")
    root, *_ = when(lab, "east", "ConfigMap", "istio-ca-root-cert")
    assert webhook < istiod < root

    secret, *_ = when(lab, "east", "Secret", "istio-remote-secret-cluster2")
    reader, *_ = when(lab, "west", "ServiceAccount", "istio-reader-service-account")
    token, *_ = when(lab, "west", "Secret", "istio-reader-service-account-istio-remote-secret-token")
    leading, *_ = when(lab, "west", "ConfigMap", "istio-namespace-controller-election")
    root, *_ = when(lab, "west", "ConfigMap", "istio-ca-root-cert")
    assert reader < token < secret < leading < root
