"""What writing, reading and deleting imply: versions, generations, finalizers, grace periods, namespaces."""

import base64

import pytest

from meshctl.objects import Manifest
from tests.lab.apiserver.serving import CONFIG_MAPS, JSON_PATCH, MERGE, Answer, Served, config_map, on_cluster

A = f"{CONFIG_MAPS}/a"
PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
SECRETS = "/api/v1/namespaces/default/secrets"
NAMESPACES = "/api/v1/namespaces"


def _pod(name: str = "p", **spec: object) -> Manifest:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i:1"}], **spec}}


def _meta(answer: Answer) -> Manifest:
    metadata: Manifest = answer.body["metadata"]
    return metadata


def test_a_write_that_changes_nothing_keeps_the_version() -> None:
    async def story(served: Served) -> None:
        created = await served.ask("POST", CONFIG_MAPS, config_map(x="1"))
        same = await served.ask("PUT", A, {**config_map(x="1")})
        patched = await served.ask("PATCH", A, {"data": {"x": "1"}}, MERGE)
        changed = await served.ask("PATCH", A, {"data": {"x": "2"}}, MERGE)
        assert _meta(created)["resourceVersion"] == _meta(same)["resourceVersion"]
        assert _meta(created)["resourceVersion"] == _meta(patched)["resourceVersion"]
        assert int(_meta(changed)["resourceVersion"]) > int(_meta(created)["resourceVersion"])
        assert _meta(changed)["uid"] == _meta(created)["uid"]

    on_cluster(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "message"),
    [
        ("POST", CONFIG_MAPS, config_map(), 409, 'configmaps "a" already exists'),
        ("GET", f"{CONFIG_MAPS}/b", None, 404, 'configmaps "b" not found'),
        ("POST", "/api/v1/namespaces/no/configmaps", config_map(), 404, 'namespaces "no" not found'),
        (
            "PUT",
            A,
            {"metadata": {"name": "a", "resourceVersion": "1"}},
            409,
            "Operation cannot be fulfilled on configmaps",
        ),
        ("DELETE", A, {"preconditions": {"uid": "x"}}, 409, "the UID in the precondition (x) does not match"),
        ("POST", CONFIG_MAPS, {"metadata": {"name": "A_"}}, 422, "a lowercase RFC 1123 subdomain must consist of"),
        ("POST", CONFIG_MAPS, {"metadata": {}}, 422, "name or generateName is required"),
        ("POST", CONFIG_MAPS, {"metadata": {"name": "x", "namespace": "y"}}, 400, "does not match the namespace sent"),
        ("POST", CONFIG_MAPS, {"kind": "Secret", "metadata": {"name": "x"}}, 400, "cannot be handled as a ConfigMap"),
        ("DELETE", f"{NAMESPACES}/default", None, 403, "this namespace may not be deleted"),
        ("POST", A, {}, 405, "does not allow this method"),
        (
            "POST",
            SERVICES,
            {"metadata": {"name": "s"}, "spec": {"type": "ExternalName", "externalName": "172.31.77.97:15012"}},
            422,
            'Service "s" is invalid: spec.externalName: Invalid value: "172.31.77.97:15012": a lowercase RFC 1123',
        ),
        ("POST", SERVICES, {"metadata": {"name": "S"}, "spec": {"ports": []}}, 422, "a DNS-1035 label must consist of"),
        (
            "POST",
            SECRETS,
            {"metadata": {"name": "t"}, "type": "kubernetes.io/service-account-token"},
            422,
            "metadata.annotations[kubernetes.io/service-account.name]: Required value",
        ),
        (
            "POST",
            PODS,
            _pod(serviceAccountName="no"),
            403,
            'pods "p" is forbidden: error looking up service account default/no: serviceaccount "no" not found',
        ),
        ("POST", PODS, {"metadata": {"name": "p"}, "spec": {}}, 422, "spec.containers: Required value"),
        ("POST", PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": True}]}}, 400, "Pod"),
    ],
)
def test_refusals(method: str, path: str, body: Manifest | None, code: int, message: str) -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", CONFIG_MAPS, config_map())
        refused = await served.ask(method, path, body)
        assert (refused.status, refused.body["kind"]) == (code, "Status")
        assert message in refused.body["message"]

    on_cluster(story)


def test_generation_counts_changes_of_the_spec_only() -> None:
    async def story(served: Served) -> None:
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        obj = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template}}
        path = "/apis/apps/v1/namespaces/default/deployments"
        created = await served.ask("POST", path, {**obj, "status": {"replicas": 7}})
        labelled = await served.ask("PATCH", f"{path}/d", {"metadata": {"labels": {"x": "y"}}}, MERGE)
        status = await served.ask("PATCH", f"{path}/d/status", {"status": {"replicas": 3}}, MERGE)
        scaled = await served.ask("PATCH", f"{path}/d", {"spec": {"replicas": 3}, "status": {"replicas": 9}}, MERGE)
        assert [_meta(answer)["generation"] for answer in (created, labelled, status, scaled)] == [1, 1, 1, 2]
        assert created.body["status"] == {}
        assert scaled.body["status"] == {"replicas": 3}
        scale = await served.ask("GET", f"{path}/d/scale")
        assert (scale.body["spec"], scale.body["status"]["selector"]) == ({"replicas": 3}, "a=b")

    on_cluster(story)


def test_finalizers_hold_an_object_until_they_are_gone() -> None:
    async def story(served: Served) -> None:
        obj = config_map()
        obj["metadata"]["finalizers"] = ["one/a"]
        await served.ask("POST", CONFIG_MAPS, obj)
        deleted = await served.ask("DELETE", f"{A}?propagationPolicy=Foreground")
        assert _meta(deleted)["finalizers"] == ["one/a", "foregroundDeletion"]
        assert "deletionTimestamp" in _meta(deleted)
        more = await served.ask("PATCH", A, {"metadata": {"finalizers": ["one/a", "two/b"]}}, MERGE)
        assert "no new finalizers can be added if the object is being deleted" in more.body["message"]
        last = await served.ask("PATCH", A, {"metadata": {"finalizers": None}}, MERGE)
        assert last.status == 200
        assert (await served.ask("GET", A)).status == 404

    on_cluster(story)


def test_a_scheduled_pod_stays_until_its_kubelet_lets_it_go() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", PODS, _pod(nodeName="n"))
        asked = await served.ask("DELETE", f"{PODS}/p")
        again = await served.ask("DELETE", f"{PODS}/p")
        assert _meta(asked)["deletionGracePeriodSeconds"] == 30
        assert _meta(again)["deletionTimestamp"] == _meta(asked)["deletionTimestamp"]
        await served.ask("DELETE", f"{PODS}/p", {"gracePeriodSeconds": 0})
        assert (await served.ask("GET", f"{PODS}/p")).status == 404

    on_cluster(story)


def test_a_new_pod_gets_what_admission_gives_it() -> None:
    async def story(served: Served) -> None:
        created = await served.ask("POST", PODS, _pod())
        spec = created.body["spec"]
        mount = spec["containers"][0]["volumeMounts"][0]
        assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
        assert spec["volumes"][0]["name"] == mount["name"]
        assert (spec["serviceAccountName"], created.body["status"]["phase"]) == ("default", "Pending")

    on_cluster(story)


def test_a_namespace_ends_when_its_controller_has_emptied_it() -> None:
    async def story(served: Served) -> None:
        created = await served.ask("POST", NAMESPACES, {"metadata": {"name": "n"}})
        assert created.body["spec"]["finalizers"] == ["kubernetes"]
        assert created.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}
        await served.ask("DELETE", f"{NAMESPACES}/n")
        ending = await served.ask("GET", f"{NAMESPACES}/n")
        assert ending.body["status"]["phase"] == "Terminating"
        refused = await served.ask("POST", f"{NAMESPACES}/n/configmaps", config_map())
        assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
        assert refused.body["message"] == (
            'configmaps "a" is forbidden: unable to create new content in namespace n because it is being terminated'
        )
        assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        ending.body["spec"] = {"finalizers": []}
        await served.ask("PUT", f"{NAMESPACES}/n/finalize", ending.body)
        assert (await served.ask("GET", f"{NAMESPACES}/n")).status == 404

    on_cluster(story)


def test_dry_run_answers_and_stores_nothing() -> None:
    async def story(served: Served) -> None:
        before = served.cluster.store.revision
        made = await served.ask("POST", f"{CONFIG_MAPS}?dryRun=All", {"metadata": {"generateName": "x-"}})
        assert made.status == 201
        assert _meta(made)["name"].startswith("x-")
        gone = await served.ask("DELETE", "/api/v1/namespaces/default/serviceaccounts/default", {"dryRun": ["All"]})
        assert gone.status == 200
        assert served.cluster.store.revision == before

    on_cluster(story)


def test_services_get_addresses_and_keep_them() -> None:
    async def story(served: Served) -> None:
        ports = [{"name": "x", "port": 80}]
        one = await served.ask(
            "POST", SERVICES, {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": ports}}
        )
        other = await served.ask("POST", SERVICES, {"metadata": {"name": "t"}, "spec": {"ports": ports}})
        assert one.body["spec"]["clusterIP"] != other.body["spec"]["clusterIP"]
        bare = {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"name": "y", "port": 80}]}}
        replaced = await served.ask("PUT", f"{SERVICES}/s", bare)
        assert replaced.body["spec"]["clusterIP"] == one.body["spec"]["clusterIP"]
        assert replaced.body["spec"]["ports"][0]["nodePort"] == one.body["spec"]["ports"][0]["nodePort"]
        taken = {"metadata": {"name": "u"}, "spec": {"clusterIP": one.body["spec"]["clusterIP"], "ports": ports}}
        refused = await served.ask("POST", SERVICES, taken)
        assert "provided IP is already allocated" in refused.body["message"]

    on_cluster(story)


def test_secrets_encode_string_data() -> None:
    async def story(served: Served) -> None:
        body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}}
        made = await served.ask("POST", SECRETS, body)
        assert made.body["data"] == {"c": "ZA==", "a": base64.b64encode(b"b").decode()}
        assert (made.body["type"], "stringData" in made.body) == ("Opaque", False)
        retyped = await served.ask("PATCH", f"{SECRETS}/s", {"type": "x/y"}, MERGE)
        assert 'type: Invalid value: "x/y": field is immutable' in retyped.body["message"]

    on_cluster(story)


def test_lists_are_cut_into_pages_and_selected() -> None:
    async def story(served: Served) -> None:
        for name in "abcde":
            obj = config_map(name)
            obj["metadata"]["labels"] = {"even": "yes" if name in "bd" else "no"}
            await served.ask("POST", CONFIG_MAPS, obj)
        seen: list[str] = []
        token = ""
        while True:
            page = await served.ask("GET", f"{CONFIG_MAPS}?limit=2&continue={token}")
            seen += [item["metadata"]["name"] for item in page.body["items"]]
            assert all("kind" not in item for item in page.body["items"])
            token = page.body["metadata"].get("continue", "")
            if not token:
                break
        assert seen == list("abcde")
        even = await served.ask("GET", f"{CONFIG_MAPS}?labelSelector=even+in+(yes)")
        named = await served.ask("GET", f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Dc")
        assert [item["metadata"]["name"] for item in even.body["items"]] == ["b", "d"]
        assert [item["metadata"]["name"] for item in named.body["items"]] == ["c"]
        await served.ask("DELETE", f"{CONFIG_MAPS}?labelSelector=even%3Dyes")
        left = await served.ask("GET", CONFIG_MAPS)
        assert [item["metadata"]["name"] for item in left.body["items"]] == ["a", "c", "e"]

    on_cluster(story)


def test_json_patches_apply_to_the_live_object() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", CONFIG_MAPS, config_map(x="1"))
        done = await served.ask("PATCH", A, [{"op": "replace", "path": "/data/x", "value": "2"}], JSON_PATCH)
        failed = await served.ask("PATCH", A, [{"op": "test", "path": "/data/x", "value": "1"}], JSON_PATCH)
        unknown = await served.ask("PATCH", A, {}, "text/plain")
        assert done.body["data"] == {"x": "2"}
        assert (failed.status, failed.body["reason"]) == (422, "Invalid")
        assert unknown.status == 415

    on_cluster(story)
