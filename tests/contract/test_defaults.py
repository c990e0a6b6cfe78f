"""What an API server fills in, where the tool or its users come to see it."""

from meshctl.objects import Manifest, dig
from tests.contract.asking import Asker
from tests.contract.manifests import apps, container, core, deployment

RBAC = "/apis/rbac.authorization.k8s.io/v1"


def test_a_deployment(api: Asker, namespace: str) -> None:
    probe = {"httpGet": {"port": 15021, "path": "/healthz/ready"}}
    env = [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "B", "value": ""}]
    app = container(readinessProbe=probe, env=env, ports=[{"containerPort": 1}])
    made = api.post(apps(namespace, "deployments"), deployment("x", app, replicas=0)).obj()
    assert made["spec"] == {
        "progressDeadlineSeconds": 600,
        "replicas": 0,
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": {"app": "x"}},
        "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}, "type": "RollingUpdate"},
        "template": {
            "metadata": {"labels": {"app": "x"}},
            "spec": {
                "containers": [
                    {
                        "name": "app",
                        "image": "example.invalid/app:1",
                        "imagePullPolicy": "IfNotPresent",
                        "env": [
                            {
                                "name": "A",
                                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
                            },
                            {"name": "B"},
                        ],
                        "ports": [{"containerPort": 1, "protocol": "TCP"}],
                        "readinessProbe": {
                            "failureThreshold": 3,
                            "httpGet": {"path": "/healthz/ready", "port": 15021, "scheme": "HTTP"},
                            "periodSeconds": 10,
                            "successThreshold": 1,
                            "timeoutSeconds": 1,
                        },
                        "resources": {},
                        "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File",
                    }
                ],
                "dnsPolicy": "ClusterFirst",
                "restartPolicy": "Always",
                "schedulerName": "default-scheduler",
                "securityContext": {},
                "terminationGracePeriodSeconds": 30,
            },
        },
    }
    assert made["status"] == {}


def test_a_daemon_set(api: Asker, namespace: str) -> None:
    wanted = {**deployment(), "kind": "DaemonSet"}
    made = api.post(apps(namespace, "daemonsets"), wanted).obj()
    assert made["spec"]["updateStrategy"] == {
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
        "type": "RollingUpdate",
    }
    assert made["status"] == {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    }


def test_images_and_their_pull_policies(api: Asker, namespace: str) -> None:
    images = {"auto": "Always", "i:latest": "Always", "i:1": "IfNotPresent", "host:5000/i": "Always"}
    containers = [container(f"c{place}", image) for place, image in enumerate(images)]
    made = api.post(apps(namespace, "deployments"), deployment("x", *containers, replicas=0)).obj()
    found = {one["image"]: one["imagePullPolicy"] for one in dig(made, "spec", "template", "spec", "containers")}
    assert found == images


def test_native_sidecars(api: Asker, namespace: str) -> None:
    wanted = deployment("x", replicas=0)
    wanted["spec"]["template"]["spec"]["initContainers"] = [container("proxy", restartPolicy="Always")]
    made = api.post(apps(namespace, "deployments"), wanted).obj()
    assert dig(made, "spec", "template", "spec", "initContainers", 0, "restartPolicy") == "Always"


def test_volumes(api: Asker, namespace: str) -> None:
    sources: list[Manifest] = [
        {"configMap": {"name": "c"}},
        {"secret": {"secretName": "s"}},
        {"emptyDir": {"medium": "Memory"}},
        {"hostPath": {"path": "/x"}},
        {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": "istio-ca"}}]}},
        {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {},
    ]
    wanted = deployment("x", replicas=0)
    wanted["spec"]["template"]["spec"]["volumes"] = [{"name": f"v{n}", **one} for n, one in enumerate(sources)]
    made = api.post(apps(namespace, "deployments"), wanted).obj()
    found = [{k: v for k, v in one.items() if k != "name"} for one in dig(made, "spec", "template", "spec", "volumes")]
    assert found == [
        {"configMap": {"name": "c", "defaultMode": 420}},
        {"secret": {"secretName": "s", "defaultMode": 420}},
        {"emptyDir": {"medium": "Memory"}},
        {"hostPath": {"path": "/x", "type": ""}},
        {
            "projected": {
                "defaultMode": 420,
                "sources": [{"serviceAccountToken": {"path": "t", "audience": "istio-ca", "expirationSeconds": 3600}}],
            }
        },
        {
            "downwardAPI": {
                "defaultMode": 420,
                "items": [{"path": "l", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.labels"}}],
            }
        },
        {"emptyDir": {}},
    ]


def test_role_bindings(api: Asker, namespace: str) -> None:
    binding = {
        "metadata": {"name": "x"},
        "roleRef": {"kind": "Role", "name": "r", "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": namespace}, {"kind": "User", "name": "u"}],
    }
    made = api.post(f"{RBAC}/namespaces/{namespace}/rolebindings", binding).obj()
    assert made["subjects"] == [
        {"kind": "ServiceAccount", "name": "s", "namespace": namespace},
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u"},
    ]
    changed = {"roleRef": {"name": "other"}}
    refused = api.patch(f"{RBAC}/namespaces/{namespace}/rolebindings/x", changed)
    assert refused.status == 422
    assert "cannot change roleRef" in refused.message


def test_an_autoscaler(api: Asker, namespace: str) -> None:
    path = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "istiod"}
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}
    spec = {"scaleTargetRef": target, "maxReplicas": 5, "metrics": [cpu]}
    made = api.post(path, {"metadata": {"name": "x"}, "spec": spec}).obj()
    assert made["spec"] == {**spec, "minReplicas": 1}
    assert made["status"] == {"currentMetrics": None, "desiredReplicas": 0}


def test_a_secret_and_its_keys(api: Asker, namespace: str) -> None:
    refused = api.post(core(namespace, "secrets"), {"metadata": {"name": "x"}, "data": {"a b": "Yg=="}})
    assert refused.status == 422
    assert 'data[a b]: Invalid value: "a b": a valid config key must consist of' in refused.message


def test_a_workload_whose_labels_do_not_match(api: Asker, namespace: str) -> None:
    wanted = deployment()
    wanted["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    refused = api.post(apps(namespace, "deployments"), wanted)
    assert refused.refused == (
        422,
        "Invalid",
        (
            'Deployment.apps "x" is invalid: spec.template.metadata.labels: Invalid value: {"app":"other"}: '
            "`selector` does not match template `labels`"
        ),
    )
