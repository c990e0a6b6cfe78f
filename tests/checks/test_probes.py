"""What probes are made of, and what their answers prove."""

from datetime import UTC, datetime, timedelta

import pytest

from meshctl.checks.preflight.probes import LIFE, OLD, balancer_service, command, forgotten, pod_runs, reached, url_pod
from meshctl.cluster import ExecResult
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster, ImageOptions, MeshSpec

EAST, WEST = Cluster("cluster1", "east", "network1"), Cluster("cluster2", "west", "network2")
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URL = "https://192.0.2.2:6443"


def test_the_pod_ends_by_itself_has_no_privileges_and_holds_every_authority() -> None:
    images = ImageOptions(registry="registry.example", pull_secrets=("pull",))
    pod = url_pod(MeshSpec(EAST, (WEST,), images=images), {"cluster2": "PEM"})
    spec = pod["spec"]
    assert spec["activeDeadlineSeconds"] == LIFE
    assert spec["automountServiceAccountToken"] is False
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["containers"][0]["image"].startswith("registry.example/")
    assert spec["securityContext"]["runAsNonRoot"] is True
    (item,) = spec["volumes"][0]["downwardAPI"]["items"]
    assert item["path"] == "cluster2.crt"
    annotation = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
    assert pod["metadata"]["annotations"][annotation] == "PEM"
    assert "/authorities/cluster2.crt" in command("cluster2", URL, trusts=True)
    assert "-k" in command("cluster2", URL, trusts=False)


def test_the_service_asks_as_a_gateway_does() -> None:
    service = balancer_service({"example.com/internal": "true"})
    assert dig(service, "spec", "type") == "LoadBalancer"
    assert dig(service, "metadata", "annotations") == {"example.com/internal": "true"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (ExecResult("200", "", 0), None),
        (ExecResult("401", "", 0), None),
        (ExecResult("000", "curl: (28) Connection timed out\n", 28), "pods of cluster1 do not reach"),
        (ExecResult("000", "", 7), "pods of cluster1 do not reach"),
        (ExecResult("000", "curl: (60) SSL certificate problem\n", 60), "own authority has not signed"),
    ],
)
def test_what_curl_says_of_a_url(answer: ExecResult, said: str | None) -> None:
    found = reached(WEST, EAST, URL, answer)
    assert [one.code for one in found] == (["MESH-188"] if said else [])
    assert all(said and said in one.text for one in found)


def pod(phase: str = "Running", *, ready: bool = False, waiting: str = "") -> Manifest:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    statuses = [{"state": {"waiting": {"reason": waiting, "message": "why"}}}] if waiting else []
    return {"status": {"phase": phase, "conditions": conditions, "containerStatuses": statuses}}


def test_when_a_probe_pod_runs_and_when_it_never_will() -> None:
    assert pod_runs(pod(ready=True)).met
    assert not pod_runs(pod("Pending", waiting="ContainerCreating")).final
    assert pod_runs(pod("Pending", waiting="ImagePullBackOff")).final
    assert pod_runs(pod("Pending", waiting="ImagePullBackOff")).detail == "ImagePullBackOff: why"
    assert pod_runs(pod("Failed")).final
    assert pod_runs(None).final


def test_only_what_no_run_can_still_need_is_swept() -> None:
    def probe(name: str, age: timedelta, phase: str = "Running") -> Manifest:
        made = {"name": name, "creationTimestamp": f"{NOW - age:%Y-%m-%dT%H:%M:%SZ}"}
        return {"metadata": made, "status": {"phase": phase}}

    minute = timedelta(minutes=1)
    probes = [probe("young", minute), probe("ended", minute, "Failed"), probe("old", OLD + minute)]
    assert [one["metadata"]["name"] for one in forgotten(probes, NOW)] == ["ended", "old"]
