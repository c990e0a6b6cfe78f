"""Server-side apply: who owns what, conflicts, and what is taken away."""

from meshctl.objects import Manifest
from tests.lab.apiserver.definitions import CNIS, ISTIO_CNI, PATH, cni
from tests.lab.apiserver.serving import CONFIG_MAPS, MERGE, Served, config_map, managers, on_cluster

A = f"{CONFIG_MAPS}/a"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def _deployment(**container: object) -> Manifest:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", **container}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def test_an_apply_creates_and_then_changes_nothing_when_repeated() -> None:
    async def story(served: Served) -> None:
        created = await served.apply(A, config_map(x="1"), "meshctl")
        again = await served.apply(A, config_map(x="1"), "meshctl")
        assert (created.status, again.status) == (201, 200)
        assert managers(created.body) == {"meshctl": {"f:data": {"f:x": {}}}}
        assert again.body == created.body

    on_cluster(story)


def test_a_conflict_names_owner_and_field() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", f"{CONFIG_MAPS}?fieldManager=kubectl-create", config_map(x="1", y="1"))
        one = await served.apply(A, config_map(x="2"), "meshctl")
        two = await served.apply(A, config_map(x="2", y="2"), "meshctl")
        assert (one.status, one.body["reason"]) == (409, "Conflict")
        assert one.body["message"] == ('Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.x')
        assert one.body["details"]["causes"] == [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-create" using v1',
                "field": ".data.x",
            }
        ]
        assert two.body["message"] == (
            'Apply failed with 2 conflicts: conflicts with "kubectl-create" using v1:\n- .data.x\n- .data.y'
        )

    on_cluster(story)


def test_an_equal_value_is_shared_and_survives_either_owner() -> None:
    async def story(served: Served) -> None:
        await served.apply(A, config_map(x="1"), "one")
        shared = await served.apply(A, config_map(x="1"), "two")
        assert set(managers(shared.body)) == {"one", "two"}
        kept = await served.apply(A, config_map(y="1"), "one")
        assert kept.body["data"] == {"x": "1", "y": "1"}
        gone = await served.apply(A, config_map(z="1"), "two")
        assert gone.body["data"] == {"y": "1", "z": "1"}

    on_cluster(story)


def test_force_takes_the_field_over() -> None:
    async def story(served: Served) -> None:
        await served.apply(A, config_map(x="1"), "one")
        forced = await served.apply(A, config_map(x="2"), "two", force=True)
        assert managers(forced.body) == {"two": {"f:data": {"f:x": {}}}}
        back = await served.apply(A, config_map(x="1"), "one")
        assert back.body["message"] == 'Apply failed with 1 conflict: conflict with "two": .data.x'

    on_cluster(story)


def test_lists_with_keys_merge_item_by_item_and_other_lists_do_not() -> None:
    async def story(served: Served) -> None:
        ports = [{"containerPort": 80}]
        await served.apply(f"{DEPLOYMENTS}/web", _deployment(image="i:1", ports=ports, args=["a"]), "one")
        sidecar = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}]}]}}},
        }
        merged = await served.apply(f"{DEPLOYMENTS}/web", sidecar, "two")
        container = merged.body["spec"]["template"]["spec"]["containers"][0]
        assert (container["image"], container["env"]) == ("i:1", [{"name": "B", "value": "2"}])
        assert managers(merged.body)["two"]["f:spec"]["f:template"]["f:spec"]["f:containers"] == {
            'k:{"name":"web"}': {
                ".": {},
                "f:env": {'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}}},
                "f:name": {},
            }
        }
        other = _deployment(image="i:1", ports=ports, args=["b"])
        refused = await served.apply(f"{DEPLOYMENTS}/web", other, "two")
        assert [cause["field"] for cause in refused.body["details"]["causes"]] == [
            '.spec.template.spec.containers[name="web"].args'
        ]

    on_cluster(story)


def test_an_item_left_out_is_removed_with_its_defaults() -> None:
    async def story(served: Served) -> None:
        both = _deployment(image="i:1")
        both["spec"]["template"]["spec"]["containers"].append({"name": "extra", "image": "e:1"})
        await served.apply(f"{DEPLOYMENTS}/web", both, "one")
        left = await served.apply(f"{DEPLOYMENTS}/web", _deployment(image="i:1"), "one")
        assert [part["name"] for part in left.body["spec"]["template"]["spec"]["containers"]] == ["web"]

    on_cluster(story)


def test_custom_resources_follow_their_schema() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", PATH, ISTIO_CNI)
        named = [{"name": "n", "v": "1"}]
        await served.ask("POST", f"{CNIS}?fieldManager=kubectl-client-side-apply", cni(version="v1.28.3", named=named))
        refused = await served.apply(f"{CNIS}/default", cni(version="v1.28.1"), "meshctl")
        assert refused.body["message"] == (
            'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using sailoperator.io/v1: '
            ".spec.version"
        )
        merged = await served.apply(f"{CNIS}/default", cni(version="v1.28.3", named=[{"name": "m"}]), "meshctl")
        assert [item["name"] for item in merged.body["spec"]["named"]] == ["n", "m"]
        twice = await served.apply(f"{CNIS}/default", cni(named=[{"name": "m"}, {"name": "m"}]), "meshctl")
        assert twice.status == 500
        assert twice.body["message"].endswith('.spec.named: duplicate entries for key [name="m"]')

    on_cluster(story)


def test_kubectl_takes_over_what_it_applied_client_side() -> None:
    async def story(served: Served) -> None:
        text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1"}}'
        obj = config_map(x="1")
        obj["metadata"]["annotations"] = {ANNOTATION: text}
        await served.ask("POST", f"{CONFIG_MAPS}?fieldManager=kubectl-client-side-apply", obj)
        other = await served.apply(A, config_map(x="2"), "meshctl")
        own = await served.apply(A, config_map(x="2"), "kubectl")
        assert (other.status, own.status) == (409, 200)
        assert '"x":"2"' in own.body["metadata"]["annotations"][ANNOTATION]

    on_cluster(story)


def test_status_and_spec_have_separate_owners() -> None:
    async def story(served: Served) -> None:
        await served.ask("POST", PATH, ISTIO_CNI)
        await served.apply(f"{CNIS}/default", cni(version="v1.28.3"), "meshctl")
        status = {"status": {"state": "Healthy"}, "spec": {"version": "v1.28.1"}}
        done = await served.ask("PATCH", f"{CNIS}/default/status?fieldManager=operator", status, MERGE)
        assert done.body["spec"]["version"] == "v1.28.3"
        entry = next(item for item in done.body["metadata"]["managedFields"] if item["manager"] == "operator")
        assert (entry["subresource"], entry["operation"]) == ("status", "Update")
        assert entry["fieldsV1"] == {"f:status": {".": {}, "f:state": {}}}
        both = {**cni(version="v1.28.3"), "status": {"state": "mine"}}
        again = await served.apply(f"{CNIS}/default", both, "meshctl")
        assert again.body["status"] == {"state": "Healthy"}
        assert again.body["metadata"]["resourceVersion"] == done.body["metadata"]["resourceVersion"]

    on_cluster(story)


def test_clients_may_clear_the_bookkeeping() -> None:
    async def story(served: Served) -> None:
        await served.apply(A, config_map(x="1"), "one")
        cleared = await served.ask("PATCH", A, {"metadata": {"managedFields": [{}]}}, MERGE)
        assert "managedFields" not in cleared.body["metadata"]
        refused = await served.apply(A, config_map(x="2"), "two")
        same = await served.apply(A, config_map(x="1"), "two")
        assert 'conflict with "before-first-apply" using v1: .data.x' in refused.body["message"]
        assert same.status == 200

    on_cluster(story)


def test_an_apply_says_who_applies() -> None:
    async def story(served: Served) -> None:
        nameless = await served.ask("PATCH", A, config_map(), "application/apply-patch+yaml")
        marked = config_map()
        marked["metadata"]["managedFields"] = []
        with_fields = await served.apply(A, marked, "one")
        assert nameless.status == 422
        assert "fieldManager: Required value" in nameless.body["message"]
        assert (with_fields.status, with_fields.body["message"]) == (400, "metadata.managedFields must be nil")

    on_cluster(story)
