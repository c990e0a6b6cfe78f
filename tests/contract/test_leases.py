"""Leases: what makes one a lock."""

from concurrent.futures import ThreadPoolExecutor

from meshctl.objects import Manifest
from tests.contract.asking import Asker
from tests.contract.cluster import Cluster
from tests.contract.manifests import leases
from tests.contract.worlds import MASTERS

SOME = "2024-01-02T03:04:05.000006Z"


def lease(holder: str, **more: object) -> Manifest:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": SOME, "renewTime": SOME, **more}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "lock"}, "spec": spec}


def test_times_keep_their_microseconds(api: Asker, namespace: str) -> None:
    made = api.post(leases(namespace), lease("one")).obj()
    assert made["spec"] == lease("one")["spec"]
    assert "generation" not in made["metadata"]


def test_of_two_creators_one_wins(cluster: Cluster, namespace: str) -> None:
    askers = [cluster.as_user("admin", MASTERS) for _ in range(4)]
    with ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(lambda one: one.post(leases(namespace), lease("x")).status, askers))
    assert sorted(answers) == [201, 409, 409, 409]


def test_of_two_who_replace_one_wins(cluster: Cluster, api: Asker, namespace: str) -> None:
    made = api.post(leases(namespace), lease("one")).obj()
    askers = [cluster.as_user("admin", MASTERS) for _ in range(4)]

    def take(number: int) -> tuple[int, str]:
        answer = askers[number].put(leases(namespace, "lock"), {**made, "spec": lease(f"holder-{number}")["spec"]})
        return answer.status, answer.reason

    with ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(take, range(len(askers))))
    assert sorted(answers) == [(200, "None"), *[(409, "Conflict")] * 3]
    winner = answers.index((200, "None"))
    assert api.get(leases(namespace, "lock")).at("spec", "holderIdentity") == f"holder-{winner}"


def test_a_lease_is_deleted_only_by_who_holds_this_very_version(api: Asker, namespace: str) -> None:
    made = api.post(leases(namespace), lease("one")).obj()
    version = made["metadata"]["resourceVersion"]
    api.put(leases(namespace, "lock"), {**made, "spec": lease("two")["spec"]}).obj()
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"resourceVersion": version}}
    assert api.delete(leases(namespace, "lock"), options).reason == "Conflict"
    assert api.get(leases(namespace, "lock")).status == 200


def test_a_duration_is_positive(api: Asker, namespace: str) -> None:
    refused = api.post(leases(namespace), lease("one", leaseDurationSeconds=0))
    assert refused.refused == (
        422,
        "Invalid",
        (
            'Lease.coordination.k8s.io "lock" is invalid: spec.leaseDurationSeconds: Invalid value: 0: '
            "must be greater than 0"
        ),
    )
