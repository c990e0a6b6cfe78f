"""The guide's commands, one function for each of its headings, typed by hand with kubectl."""

import base64
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

MANIFESTS = Path(__file__).with_name("guide")
VERSION = "1.28.6"
REQUESTS = 10


def cni(version: str = VERSION) -> str:
    """Return the guide's IstioCNI."""
    return f"""
apiVersion: sailoperator.io/v1
kind: IstioCNI
metadata:
  name: default
spec:
  version: v{version}
  namespace: istio-cni
  values:
    cni:
      cniConfDir: /etc/cni/multus/net.d
      excludeNamespaces:
        - istio-cni
        - kube-system
"""


def primary(version: str = VERSION) -> str:
    """Return the guide's Istio for East."""
    return f"""
apiVersion: sailoperator.io/v1
kind: Istio
metadata:
  name: default
spec:
  version: v{version}
  namespace: istio-system
  values:
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster1
      network: network1
      externalIstiod: true
"""


def remote(address: str, cluster: str = "cluster2", network: str = "network2", version: str = VERSION) -> str:
    """Return the guide's Istio for West."""
    return f"""
apiVersion: sailoperator.io/v1
kind: Istio
metadata:
  name: default
spec:
  version: v{version}
  namespace: istio-system
  profile: remote
  values:
    istiodRemote:
      injectionPath: /inject/cluster/{cluster}/net/{network}
    global:
      remotePilotAddress: {address}
"""


class Kubectl(Protocol):
    """Clusters that kubectl can be pointed at."""

    def kubectl(self, context: str, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one command."""
        ...


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who types the guide's commands."""

    lab: Kubectl

    def kubectl(self, context: str, *arguments: str, stdin: str = "") -> str:
        """Run one command, which must succeed; return what it prints."""
        done = self.lab.kubectl(context, *arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr or done.stdout}"
        return done.stdout

    def apply(self, context: str, text: str, *options: str) -> str:
        """Apply a manifest from stdin."""
        return self.kubectl(context, "apply", *options, "-f", "-", stdin=text)

    def install_cni(self, context: str) -> None:
        """Install IstioCNI."""
        self.kubectl(context, "create", "namespace", "istio-cni")
        self.apply(context, cni())

    def install_primary(self) -> None:
        """Install Istio on East and wait for it."""
        self.apply("east", primary())
        self.wait_ready("east")

    def wait_ready(self, context: str) -> None:
        """Wait until Istio is ready."""
        self.kubectl(context, "wait", "--for", "condition=Ready", "istio/default", "--timeout=3m")

    def gateway(self, context: str, network: str) -> None:
        """Create an east-west gateway."""
        self.apply(context, (MANIFESTS / "east-west-gateway.yaml").read_text().replace(": NETWORK", f": {network}"))

    def expose(self) -> None:
        """Expose the control plane and the services."""
        for name in ("expose-istiod.yaml", "expose-services.yaml"):
            self.kubectl("east", "apply", "-n", "istio-system", "-f", str(MANIFESTS / name))

    def discovery_address(self) -> str:
        """Return the address of East's gateway, as soon as it has one."""
        jsonpath = "{.status.loadBalancer.ingress[0].ip}"
        arguments = ("-n", "istio-system", "svc/istio-eastwestgateway")
        self.kubectl("east", "wait", *arguments, f"--for=jsonpath={jsonpath}", "--timeout=2m")
        return self.kubectl("east", "get", *arguments, "-o", f"jsonpath={jsonpath}")

    def install_remote(
        self, context: str = "west", cluster: str = "cluster2", network: str = "network2", address: str = ""
    ) -> None:
        """Install Istio on West, let East manage it, and give East access to it."""
        self.apply(context, remote(address or self.discovery_address(), cluster, network))
        annotation = "topology.istio.io/controlPlaneClusters=cluster1"
        self.kubectl(context, "annotate", "namespace", "istio-system", annotation)
        self.apply("east", self.remote_secret(context, cluster))
        self.wait_ready(context)

    def remote_secret(self, context: str, cluster: str) -> str:
        """Return what `istioctl create-remote-secret` prints: a kubeconfig with the reader's token."""
        reader = "istio-reader-service-account"
        self.kubectl(context, "wait", "-n", "istio-system", f"sa/{reader}", "--for=create", "--timeout=30s")
        token = f"{reader}-istio-remote-secret-token"
        wanted = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": token,
                "namespace": "istio-system",
                "annotations": {"kubernetes.io/service-account.name": reader},
            },
            "type": "kubernetes.io/service-account-token",
        }
        self.apply(context, yaml.safe_dump(wanted))
        self.kubectl(context, "wait", "-n", "istio-system", f"secret/{token}", "--for=jsonpath={.data.token}")
        data = yaml.safe_load(self.kubectl(context, "get", "secret", "-n", "istio-system", token, "-o", "yaml"))["data"]
        where = {"certificate-authority-data": data["ca.crt"], "server": f"https://{self.node_address(context)}:6443"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": where}],
            "users": [{"name": cluster, "user": {"token": base64.b64decode(data["token"]).decode()}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
            "current-context": cluster,
            "preferences": {},
        }
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": f"istio-remote-secret-{cluster}",
                    "namespace": "istio-system",
                    "annotations": {"networking.istio.io/cluster": cluster},
                    "labels": {"istio/multiCluster": "true"},
                },
                "stringData": {cluster: yaml.safe_dump(config)},
            }
        )

    def node_address(self, context: str) -> str:
        """Return the address by which pods elsewhere reach a cluster's API server."""
        jsonpath = '{.items[0].status.addresses[?(@.type=="InternalIP")].address}'
        selector = ("-l", "node-role.kubernetes.io/control-plane")
        return self.kubectl(context, "get", "nodes", *selector, "-o", f"jsonpath={jsonpath}")

    def install(self) -> None:
        """Carry out the whole procedure."""
        self.install_cni("east")
        self.install_primary()
        self.gateway("east", "network1")
        self.expose()
        self.install_cni("west")
        self.install_remote()
        self.gateway("west", "network2")

    def gateways_ready(self) -> None:
        """Wait until both gateways are there, with their addresses: the guide leaves that to patience."""
        for context in ("east", "west"):
            self.kubectl(context, "rollout", "status", "-n", "istio-system", "deploy/istio-eastwestgateway")
            service = ("-n", "istio-system", "svc/istio-eastwestgateway")
            self.kubectl(context, "wait", *service, "--for=jsonpath={.status.loadBalancer.ingress[0]}", "--timeout=2m")

    def sample(self, context: str, version: str) -> None:
        """Deploy the sample application and its client."""
        self.kubectl(context, "create", "namespace", "sample")
        self.kubectl(context, "label", "namespace", "sample", "istio-injection=enabled")
        for selector in ("service=helloworld", f"version={version}"):
            self.kubectl(context, "apply", "-l", selector, "-n", "sample", "-f", str(MANIFESTS / "helloworld.yaml"))
        self.kubectl(context, "apply", "-n", "sample", "-f", str(MANIFESTS / "sleep.yaml"))
        for deployment in (f"deployment/helloworld-{version}", "deployment/sleep"):
            self.kubectl(context, "wait", "--for", "condition=available", "-n", "sample", deployment, "--timeout=3m")

    def call(self, context: str) -> Counter[str]:
        """Send ten requests and count the versions that answer."""
        curl = ("exec", "-n", "sample", "deploy/sleep", "-c", "sleep", "--", "curl", "-sS")
        answers = (self.kubectl(context, *curl, "helloworld.sample:5000/hello") for _ in range(REQUESTS))
        found = (re.fullmatch(r"Hello version: (\S+), instance: (\S+)\n", answer) for answer in answers)
        return Counter(match[1] if match else "?" for match in found)

    def tear_down(self, context: str) -> "subprocess.CompletedProcess[str]":
        """Remove everything with the guide's one command."""
        gone = ("istio/default", "istiocni/default", "ns/sample", "ns/istio-system", "ns/istio-cni")
        return self.lab.kubectl(context, "delete", *gone, "--timeout=60s")
