"""What somebody may do to a mesh, by kubectl: what it takes to break one."""

import json
import shutil
from collections.abc import Callable

from tests.world.harness import MESH, LabUnderTest

SYSTEM = ("-n", "istio-system")
NETWORK = "topology.istio.io/network"
ALLOWED = "topology.istio.io/controlPlaneClusters"
GATEWAY = "istio-eastwestgateway"
SECRET = "istio-remote-secret-cluster2"


def patch(lab: LabUnderTest, context: str, what: str, change: object, *where: str, kind: str = "merge") -> None:
    lab.kubectl(context, *where, "patch", *what.split("/"), "--type", kind, "-p", json.dumps(change))


def remote_secret(lab: LabUnderTest, name: str, key: str) -> None:
    """Put the remote secret under another name, or its cluster under another key."""
    secret = json.loads(lab.kubectl("east", *SYSTEM, "get", "secret", SECRET, "-o", "json"))
    lab.kubectl("east", *SYSTEM, "delete", "secret", SECRET)
    made = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "istio-system", "labels": secret["metadata"]["labels"]},
        "data": {key: secret["data"]["cluster2"]},
    }
    lab.kubectl("east", "create", "-f", "-", stdin=json.dumps(made))


def sync_status(lab: LabUnderTest, cluster: str) -> str:
    request = ("pilot-discovery", "request", "GET", "/debug/clusterz")
    known = json.loads(lab.kubectl("east", *SYSTEM, "exec", "deployment/istiod", "--", *request))
    return next((str(one["syncStatus"]) for one in known if one["id"] == cluster), "")


def annotate_late(lab: LabUnderTest) -> None:
    """Make the remote's state that comes of giving istiod the secret first and the annotation afterwards."""
    secret = lab.kubectl("east", *SYSTEM, "get", "secret", SECRET, "-o", "json")
    lab.kubectl("east", *SYSTEM, "delete", "secret", SECRET)
    lab.kubectl("west", "annotate", "namespace", "istio-system", f"{ALLOWED}-")
    webhooks = json.loads(
        lab.kubectl("west", "get", "mutatingwebhookconfiguration", "istio-sidecar-injector", "-o", "json")
    )
    emptied = [
        {"op": "replace", "path": f"/webhooks/{index}/clientConfig/caBundle", "value": ""}
        for index, _ in enumerate(webhooks["webhooks"])
    ]
    patch(lab, "west", "mutatingwebhookconfiguration/istio-sidecar-injector", emptied, kind="json")
    again = json.loads(secret)
    again["metadata"] = {key: again["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    lab.kubectl("east", "create", "-f", "-", stdin=json.dumps(again))
    statuses = (sync_status(lab, "cluster2") for _ in range(50))
    assert "synced" in statuses
    lab.kubectl("west", "annotate", "namespace", "istio-system", f"{ALLOWED}=cluster1")


def injecting(path: str) -> Callable[[LabUnderTest], object]:
    """Return what makes a remote ask for injection by this path."""

    def do(lab: LabUnderTest) -> None:
        patch(lab, "west", "istio/default", {"spec": {"values": {"istiodRemote": {"injectionPath": path}}}})
        shown = f"--for=jsonpath={{.webhooks[0].clientConfig.service.path}}={path}"
        lab.kubectl("west", "wait", shown, "mutatingwebhookconfiguration/istio-sidecar-injector", "--timeout=30s")

    return do


def scaled(context: str, name: str, replicas: int) -> Callable[[LabUnderTest], object]:
    return lambda lab: lab.kubectl(context, *SYSTEM, "scale", f"deployment/{name}", f"--replicas={replicas}")


def unlabelled(context: str) -> Callable[[LabUnderTest], object]:
    return lambda lab: lab.kubectl(context, *SYSTEM, "label", "service", GATEWAY, f"{NETWORK}-")


def deleted(context: str, *what: str) -> Callable[[LabUnderTest], object]:
    return lambda lab: lab.kubectl(context, *SYSTEM, "delete", *what)


def fault(name: str) -> Callable[[LabUnderTest], object]:
    return lambda lab: lab.fault(name)


def certificates(lab: LabUnderTest) -> None:
    """Make and apply certificates, as the guide says."""
    folder = str(lab.folder / "fresh")
    shutil.rmtree(folder, ignore_errors=True)
    for words in (("generate", "--out", folder, "--key", "ec-p256"), ("apply", "--from", folder, "--force")):
        done = lab.meshctl("certs", *words, *MESH)
        assert done.code == 0, done.said


def another_revision(context: str, namespace: str) -> Callable[[LabUnderTest], object]:
    """Return what asks the operator for the control plane of another mesh."""
    revision = {
        "apiVersion": "sailoperator.io/v1",
        "kind": "IstioRevision",
        "metadata": {"name": "another"},
        "spec": {"version": "v1.28.6", "namespace": namespace, "values": {"revision": "another"}},
    }
    return lambda lab: lab.kubectl(context, "create", "-f", "-", stdin=json.dumps(revision))
