"""Deleting: the answer, preconditions, finalizers, grace periods, what happens to dependents."""

import pytest

from meshctl.objects import Manifest
from tests.contract.asking import Asker
from tests.contract.cluster import Cluster, eventually
from tests.contract.manifests import WIDGETS, apps, config_map, core, deployment, maps, pod, widget

HOLD = "example.com/hold"
NOBODY = "00000000-0000-0000-0000-000000000000"


def options(**given: object) -> Manifest:
    return {"kind": "DeleteOptions", "apiVersion": "v1", **given}


def test_the_answer_is_a_status_with_the_uid(api: Asker, namespace: str) -> None:
    made = api.post(maps(namespace), config_map()).obj()
    done = api.delete(maps(namespace, "x"))
    assert (done.status, done.body) == (
        200,
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": {"name": "x", "kind": "configmaps", "uid": made["metadata"]["uid"]},
        },
    )
    again = api.delete(maps(namespace, "x"))
    assert again.refused == (404, "NotFound", 'configmaps "x" not found')


def test_of_a_custom_resource_too(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    made = api.post(WIDGETS, widget(name)).obj()
    done = api.delete(f"{WIDGETS}/{name}", options(propagationPolicy="Background"))
    assert done.body["details"] == {
        "name": name,
        "group": "contract.example.com",
        "kind": "widgets",
        "uid": made["metadata"]["uid"],
    }


@pytest.mark.parametrize("plural", ["services", "serviceaccounts", "pods"])
def test_some_kinds_answer_with_the_object(cluster: Cluster, api: Asker, plural: str) -> None:
    namespace = cluster.namespace(furnished=True)
    spec = {"services": {"spec": {"ports": [{"port": 80}]}}, "pods": {"spec": pod()["spec"]}}
    made = api.post(core(namespace, plural), {"metadata": {"name": "x"}, **spec.get(plural, {})}).obj()
    done = api.delete(core(namespace, plural, "x"))
    assert done.at("metadata", "uid") == made["metadata"]["uid"]
    assert done.at("kind") == made["kind"]
    assert api.get(core(namespace, plural, "x")).status == 404


def test_preconditions(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    made = api.post(maps(namespace), config_map()).obj()
    uid, version = made["metadata"]["uid"], made["metadata"]["resourceVersion"]
    refused = api.delete(path, options(preconditions={"uid": NOBODY}))
    assert refused.refused == (
        409,
        "Conflict",
        (
            f'Operation cannot be fulfilled on ConfigMap "x": the UID in the precondition ({NOBODY}) does not match '
            f"the UID in record ({uid}). The object might have been deleted and then recreated"
        ),
    )
    assert refused.body["details"] == {"name": "x", "kind": "ConfigMap"}
    refused = api.delete(path, options(preconditions={"uid": uid, "resourceVersion": "1"}))
    assert refused.refused == (
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on ConfigMap "x": the ResourceVersion in the precondition (1) does '
            f"not match the ResourceVersion in record ({version}). The object might have been modified"
        ),
    )
    assert api.delete(path, options(preconditions={"uid": uid, "resourceVersion": version})).status == 200


def test_a_finalizer_holds_the_object(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    made = api.post(maps(namespace), config_map(finalizers=[HOLD])).obj()
    done = api.delete(path)
    assert done.status == 200
    assert (done.at("kind"), done.at("metadata", "uid")) == ("ConfigMap", made["metadata"]["uid"])
    assert done.at("metadata", "deletionTimestamp")
    assert done.at("metadata", "deletionGracePeriodSeconds") == 0
    again = api.delete(path)
    assert (again.status, again.version) == (200, done.version)
    refused = api.post(maps(namespace), config_map())
    assert refused.refused == (409, "AlreadyExists", 'object is being deleted: configmaps "x" already exists')
    assert api.patch(path, {"data": {"a": "1"}}).at("data") == {"a": "1"}
    last = api.patch(path, {"metadata": {"finalizers": None}})
    assert last.status == 200
    assert api.get(path).status == 404


def test_what_is_being_deleted_takes_no_new_finalizers(api: Asker, namespace: str) -> None:
    path = maps(namespace, "x")
    api.post(maps(namespace), config_map(finalizers=[HOLD])).obj()
    api.delete(path)
    refused = api.patch(path, {"metadata": {"finalizers": [HOLD, "example.com/more"]}})
    assert refused.refused == (
        422,
        "Invalid",
        (
            'ConfigMap "x" is invalid: metadata.finalizers: Forbidden: no new finalizers can be added if the object is '
            'being deleted, found new finalizers []string{"example.com/more"}'
        ),
    )
    api.patch(path, {"metadata": {"finalizers": None}})


def test_an_apply_does_not_bring_back_what_is_being_deleted(cluster: Cluster, api: Asker) -> None:
    name = cluster.fresh("w")
    path = f"{WIDGETS}/{name}"
    api.apply(path, widget(name, {"version": "v1"}, finalizers=[HOLD]), "one").obj()
    api.delete(path)
    applied = api.apply(path, widget(name, {"version": "v2"}, finalizers=[HOLD]), "one").obj()
    assert applied["metadata"]["deletionTimestamp"]
    gone = api.apply(path, widget(name, {"version": "v2"}), "one")  # leaves its own finalizer out
    assert gone.status == 200
    assert api.get(path).status == 404


def test_a_pod_without_a_node_goes_at_once(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace(furnished=True)
    api.post(core(namespace, "pods"), pod(terminationGracePeriodSeconds=30)).obj()
    done = api.delete(core(namespace, "pods", "x"))
    assert done.at("metadata", "deletionGracePeriodSeconds") == 0
    assert api.get(core(namespace, "pods", "x")).status == 404


def test_a_pod_on_a_node_gets_its_grace_period(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace(furnished=True)
    path = core(namespace, "pods", "x")
    api.post(core(namespace, "pods"), pod(nodeName="node-1", terminationGracePeriodSeconds=30)).obj()
    first = api.delete(path)
    assert first.at("metadata", "deletionGracePeriodSeconds") == 30
    assert first.at("metadata", "deletionTimestamp")
    shorter = api.delete(path, options(gracePeriodSeconds=5))
    assert shorter.at("metadata", "deletionGracePeriodSeconds") == 5
    longer = api.delete(path, options(gracePeriodSeconds=20))
    assert longer.at("metadata", "deletionGracePeriodSeconds") == 5
    assert api.get(path).status == 200
    assert api.delete(path, options(gracePeriodSeconds=0)).status == 200
    assert api.get(path).status == 404


def owned(name: str, owner: Manifest) -> Manifest:
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    return config_map(name, ownerReferences=[{**reference, "blockOwnerDeletion": True}])


def test_dependents_go_after_their_owner(api: Asker, namespace: str) -> None:
    owner = api.post(maps(namespace), config_map("owner")).obj()
    api.post(maps(namespace), owned("dependent", owner)).obj()
    assert api.delete(maps(namespace, "owner"), options(propagationPolicy="Background")).status == 200
    assert api.get(maps(namespace, "owner")).status == 404
    eventually(lambda: api.get(maps(namespace, "dependent")).status == 404)


def test_dependents_go_before_their_owner(api: Asker, namespace: str) -> None:
    owner = api.post(maps(namespace), config_map("owner")).obj()
    api.post(maps(namespace), {**owned("dependent", owner)}).obj()
    done = api.delete(maps(namespace, "owner"), options(propagationPolicy="Foreground"))
    assert done.at("metadata", "finalizers") == ["foregroundDeletion"]
    eventually(lambda: api.get(maps(namespace, "owner")).status == 404)
    assert api.get(maps(namespace, "dependent")).status == 404


def test_dependents_stay_as_orphans(api: Asker, namespace: str) -> None:
    owner = api.post(maps(namespace), config_map("owner")).obj()
    api.post(maps(namespace), owned("dependent", owner)).obj()
    done = api.delete(maps(namespace, "owner"), options(propagationPolicy="Orphan"))
    assert done.at("metadata", "finalizers") == ["orphan"]
    eventually(lambda: api.get(maps(namespace, "owner")).status == 404)
    dependent = eventually(lambda: api.get(maps(namespace, "dependent")))
    assert dependent.status == 200
    assert "ownerReferences" not in dependent.at("metadata")


def test_a_deployment_goes_with_its_pods(cluster: Cluster, api: Asker) -> None:
    namespace = cluster.namespace(furnished=True)
    api.post(apps(namespace, "deployments"), deployment()).obj()
    eventually(lambda: api.get(core(namespace, "pods")).names)
    done = api.delete(apps(namespace, "deployments", "x"), options(propagationPolicy="Background"))
    assert done.body["details"]["kind"] == "deployments"
    eventually(lambda: not api.get(apps(namespace, "replicasets")).names)
    eventually(lambda: not api.get(core(namespace, "pods")).names)


def test_a_policy_nobody_knows(api: Asker, namespace: str) -> None:
    api.post(maps(namespace), config_map()).obj()
    refused = api.delete(maps(namespace, "x"), options(propagationPolicy="Sideways"))
    assert refused.refused == (
        422,
        "Invalid",
        (
            'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Sideways": supported '
            'values: "Foreground", "Background", "Orphan", "nil"'
        ),
    )
