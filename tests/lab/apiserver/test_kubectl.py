"""kubectl works against an embedded cluster: the commands that guides use, and those that people type."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from meshctl.lab.apiserver.hooks import Hooks
from meshctl.objects import Manifest
from tests.lab.apiserver.definitions import ISTIO_CNI, cni
from tests.lab.apiserver.serving import TOKEN, Served, on_cluster

KUBECTL = Path(sys.executable).with_name("kubectl")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl with a kubeconfig of its own."""

    folder: Path

    async def __call__(self, *argv: str, stdin: str = "") -> Said:
        environ = {**os.environ, "KUBECONFIG": str(self.folder / "config"), "KUBECACHEDIR": str(self.folder / "cache")}
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            str(KUBECTL), *argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environ
        )
        try:
            out, err = await process.communicate(stdin.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Said(process.returncode or 0, out.decode(), err.decode())

    async def apply(self, *objects: Manifest, options: Sequence[str] = ()) -> Said:
        """Apply manifests."""
        return await self("apply", *options, "-f", "-", stdin="".join(map(json.dumps, objects)))


def _kubectl(served: Served, folder: Path) -> Kubectl:
    authority = base64.b64encode(served.cluster.ca_pem.encode()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "east", "cluster": {"server": served.cluster.url, "certificate-authority-data": authority}}
        ],
        "users": [{"name": "east", "user": {"token": TOKEN}}],
        "contexts": [{"name": "east", "context": {"cluster": "east", "user": "east"}}],
        "current-context": "east",
    }
    (folder / "config").write_text(yaml.safe_dump(config))
    return Kubectl(folder)


POD: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"nodeName": "n", "containers": [{"name": "one", "image": "i:1"}, {"name": "two", "image": "i:1"}]},
}
SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "s", "namespace": "default"},
    "spec": {
        "type": "LoadBalancer",
        "selector": {"a": "b"},
        "ports": [{"name": "x", "port": 80}, {"name": "y", "port": 443}],
    },
}


def test_namespaces_labels_and_annotations(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        kubectl = _kubectl(served, tmp_path)
        assert (await kubectl("create", "namespace", "sample")).out == "namespace/sample created\n"
        assert (await kubectl("label", "ns", "sample", "istio-injection=enabled")).out == "namespace/sample labeled\n"
        annotated = await kubectl("annotate", "namespace", "sample", "topology.istio.io/controlPlaneClusters=cluster1")
        assert annotated.code == 0
        shown = await kubectl("get", "ns", "sample", "-o", "json")
        metadata = json.loads(shown.out)["metadata"]
        assert metadata["labels"]["istio-injection"] == "enabled"
        assert metadata["annotations"] == {"topology.istio.io/controlPlaneClusters": "cluster1"}
        twice = await kubectl("create", "namespace", "sample")
        assert twice.err == 'Error from server (AlreadyExists): namespaces "sample" already exists\n'
        listed = (await kubectl("get", "ns")).out.splitlines()
        assert listed[0].split() == ["NAME", "STATUS", "AGE"]
        assert listed[-1].split()[:2] == ["sample", "Active"]

    on_cluster(story)


def test_apply_again_and_change_and_server_side(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        kubectl = _kubectl(served, tmp_path)
        assert (await kubectl.apply(SERVICE)).out == "service/s created\n"
        assert (await kubectl.apply(SERVICE)).out == "service/s unchanged\n"
        fewer = {**SERVICE, "spec": {**SERVICE["spec"], "ports": [{"name": "x", "port": 80}]}}
        assert (await kubectl.apply(fewer)).out == "service/s configured\n"
        ports = await kubectl("get", "svc", "s", "-o", "jsonpath={.spec.ports[*].name}")
        assert ports.out == "x"
        taken = await kubectl.apply(SERVICE, options=["--server-side"])
        assert taken.out == "service/s serverside-applied\n"
        owners = await kubectl(
            "get", "svc", "s", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}"
        )
        assert "kubectl-client-side-apply" not in owners.out.split()
        foreign = {**SERVICE, "spec": {"type": "ClusterIP"}}
        refused = await kubectl.apply(foreign, options=["--server-side", "--field-manager=other"])
        assert 'Apply failed with 1 conflict: conflict with "kubectl": .spec.type' in refused.err
        patched = await kubectl("patch", "svc", "s", "-p", '{"spec":{"ports":[{"port":80,"name":"z"}]}}')
        assert patched.out == "service/s patched\n"
        described = await kubectl("describe", "svc", "s")
        assert "Type:                     LoadBalancer" in described.out

    on_cluster(story)


def test_custom_resources_in_the_words_users_see(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        kubectl = _kubectl(served, tmp_path)
        await kubectl.apply(ISTIO_CNI)
        established = await kubectl("wait", "--for=condition=established", "crd/istiocnis.sailoperator.io")
        assert established.code == 0
        refused = await kubectl.apply(cni(version="v1.28.6", namespace="istio-cni"))
        assert refused.err == (
            'The IstioCNI "default" is invalid: \n'
            '* spec.version: Unsupported value: "v1.28.6": supported values: "v1.28.3", "v1.28.1"\n'
            "* <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; "
            "correct the existing errors to complete validation\n"
        )
        await kubectl.apply(cni(version="v1.28.3"))
        waiting = asyncio.create_task(kubectl("wait", "--for=condition=Ready", "istiocni/default", "--timeout=10s"))
        status = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
        await kubectl("patch", "istiocni", "default", "--subresource=status", "--type=merge", "-p", status)
        assert (await waiting).out == "istiocni.sailoperator.io/default condition met\n"
        shown = (await kubectl("get", "istiocni")).out.splitlines()
        assert [line.split()[:3] for line in shown] == [["NAME", "READY", "VERSION"], ["default", "True", "v1.28.3"]]
        assert "Version:    v1.28.3" in (await kubectl("describe", "istiocni", "default")).out
        assert (await kubectl("delete", "istiocni/default")).code == 0
        assert 'istiocnis.sailoperator.io "default" not found' in (await kubectl("get", "istiocni", "default")).err

    on_cluster(story)


def test_exec_logs_and_deletion_of_pods(tmp_path: Path) -> None:
    async def run(
        namespace: str, pod: str, container: str, argv: Sequence[str], stdin: bytes = b""
    ) -> tuple[bytes, bytes, int]:
        said = f"{namespace}/{pod}/{container} {' '.join(argv)} ".encode()
        return said + stdin, b"", 7 if argv[0] == "false" else 0

    async def logs(namespace: str, pod: str, container: str) -> bytes:
        return f"log of {container}\n".encode()

    async def story(served: Served) -> None:
        kubectl = _kubectl(served, tmp_path)
        await kubectl.apply(POD)
        plain = await kubectl("exec", "p", "-c", "two", "--", "echo", "hi")
        assert (plain.code, plain.out, plain.err) == (0, "default/p/two echo hi ", "")
        failed = await kubectl("exec", "p", "--", "false")
        assert (failed.code, "command terminated with exit code 7" in failed.err) == (7, True)
        fed = await kubectl("exec", "-i", "p", "-c", "one", "--", "cat", stdin="input")
        assert fed.out == "default/p/one cat input"
        assert (await kubectl("logs", "p", "-c", "two")).out == "log of two\n"
        missing = await kubectl("exec", "p", "-c", "three", "--", "true")
        assert "container three is not valid for pod p" in missing.err
        await kubectl("delete", "pod", "p", "--wait=false")
        assert (await kubectl("get", "pod", "p")).out.splitlines()[1].split()[2] == "Terminating"
        gone = await kubectl("delete", "pod", "p", "--grace-period=0", "--force")
        assert gone.code == 0

    on_cluster(story, Hooks(exec=run, logs=logs))


def test_commands_that_speak_protobuf(tmp_path: Path) -> None:
    async def story(served: Served) -> None:
        kubectl = _kubectl(served, tmp_path)
        assert (await kubectl("auth", "can-i", "create", "pods")).out == "yes\n"
        assert "admin" in (await kubectl("auth", "whoami")).out
        token = await kubectl("create", "token", "default")
        assert token.out.count(".") == 2
        await kubectl("create", "secret", "generic", "cacerts", "--from-literal=ca-cert.pem=x")
        shown = await kubectl("get", "secret", "cacerts", "-o", "jsonpath={.data}")
        assert json.loads(shown.out) == {"ca-cert.pem": base64.b64encode(b"x").decode()}
        await kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2")
        assert (await kubectl("scale", "deployment", "web", "--replicas=3")).out == "deployment.apps/web scaled\n"
        assert (await kubectl("rollout", "restart", "deployment", "web")).out == "deployment.apps/web restarted\n"
        wide = (await kubectl("get", "deployment", "-o", "wide")).out.splitlines()
        assert wide[1].split()[:2] == ["web", "0/3"]
        assert wide[1].split()[-3:] == ["nginx", "nginx", "app=web"]

    on_cluster(story)
