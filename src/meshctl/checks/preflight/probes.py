"""The probes of a preflight as data: a pod that tries URLs, a Service that asks for an address, and what they prove."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from meshctl.checks.catalog.preflight.network import URL_UNREACHABLE
from meshctl.checks.finding import Finding, found
from meshctl.cluster import ExecResult
from meshctl.conditions import condition_of
from meshctl.manifests import CURL, PUBLIC_REGISTRY
from meshctl.names import CONFIG_MAP, MANAGED_BY, POD, SERVICE
from meshctl.objects import Kind, Manifest, Ref, Verdict, dig
from meshctl.spec import Cluster, MeshSpec

NAMESPACE = "default"
"""Where probes are: the one namespace that every cluster has, and that no mesh injects."""

LABEL = "meshctl.io/probe"
PROBES: tuple[Kind, ...] = (POD, SERVICE)
LIFE = 120
"""Seconds after which Kubernetes ends a probe pod by itself."""

OLD = timedelta(minutes=10)
"""Older than any run: what a run that was killed has left behind."""

CONNECT, ALTOGETHER = 5, 10
"""Seconds in which a connection, and an answer, must come."""

CONTAINER = "curl"
AUTHORITIES = "/authorities"
CLUSTER_AUTHORITY = Ref(CONFIG_MAP, "kube-root-ca.crt", NAMESPACE)
UNTRUSTED = 60
"""curl's exit code for a certificate that it does not trust."""

STUCK = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError")


def _meta(purpose: str) -> Manifest:
    labels = {LABEL: purpose, MANAGED_BY: "meshctl", "sidecar.istio.io/inject": "false"}
    return {"generateName": f"meshctl-probe-{purpose}-", "namespace": NAMESPACE, "labels": labels}


def url_pod(mesh: MeshSpec, authorities: Mapping[str, str]) -> Manifest:
    """Return the pod that tries URLs; `authorities` are PEMs by remote, which become files in it."""
    meta = _meta("url")
    meta["annotations"] = {_annotation(name): pem for name, pem in authorities.items()}
    files = [
        {"path": f"{name}.crt", "fieldRef": {"fieldPath": f"metadata.annotations['{_annotation(name)}']"}}
        for name in authorities
    ]
    container = {
        "name": CONTAINER,
        "image": f"{mesh.images.registry or PUBLIC_REGISTRY}/{CURL}",
        "command": ["/bin/sleep", str(LIFE)],
        "volumeMounts": [{"name": "authorities", "mountPath": AUTHORITIES}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "activeDeadlineSeconds": LIFE,
        "terminationGracePeriodSeconds": 0,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 100, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "authorities", "downwardAPI": {"items": files}}],
    }
    secrets = [{"name": name} for name in mesh.images.pull_secrets]
    pulling = {"imagePullSecrets": secrets} if secrets else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**spec, **pulling}}


def _annotation(cluster: str) -> str:
    return f"meshctl.io/authority-{cluster}"


def command(cluster: str, url: str, *, trusts: bool) -> list[str]:
    """Return the command that asks an API server for its version, trusting the cluster's own authority alone."""
    trust = ["--cacert", f"{AUTHORITIES}/{cluster}.crt"] if trusts else ["-k"]
    limits = ["--connect-timeout", str(CONNECT), "-m", str(ALTOGETHER)]
    return ["curl", "-sS", *trust, *limits, "-o", "/dev/null", "-w", "%{http_code}", f"{url.rstrip('/')}/version"]


def reached(remote: Cluster, primary: Cluster, url: str, answer: ExecResult) -> list[Finding]:
    """Judge what curl said; any HTTP answer will do, for who asks is nobody in particular."""
    if answer.code == 0:
        return []
    said = answer.stderr.strip().splitlines()[-1] if answer.stderr.strip() else f"curl ended with {answer.code}"
    if answer.code == UNTRUSTED:
        text = f"{url} shows a certificate that {remote.name}'s own authority has not signed: is there a proxy?"
    else:
        text = f"pods of {primary.name} do not reach {url}"
    hint = f"open the way, or give another URL: --server {remote.name}=https://HOST:6443"
    return [found(URL_UNREACHABLE, remote.name, text, hint, evidence=(said,))]


def pod_runs(pod: Manifest | None) -> Verdict:
    """Met when a probe pod is ready; final when it will not become that."""
    if pod is None:
        return Verdict(met=False, detail="it is gone", final=True)
    if condition_of(pod, "Ready").get("status") == "True":
        return Verdict(met=True)
    state = dig(pod, "status", "containerStatuses", 0, "state", "waiting") or {}
    reason = str(state.get("reason") or condition_of(pod, "PodScheduled").get("message") or dig(pod, "status", "phase"))
    detail = f"{reason}: {state['message']}" if state.get("message") else reason
    return Verdict(met=False, detail=detail, final=reason in STUCK or dig(pod, "status", "phase") == "Failed")


def balancer_service(annotations: Mapping[str, str]) -> Manifest:
    """Return a Service that asks for an address as a gateway's does, with nothing behind it."""
    ports = [{"name": "tls", "port": 15443, "protocol": "TCP", "targetPort": 15443}]
    spec = {"type": "LoadBalancer", "selector": {LABEL: "nothing"}, "ports": ports}
    meta = _meta("balancer")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {**meta, **({"annotations": dict(annotations)} if annotations else {})},
        "spec": spec,
    }


def forgotten(objects: Iterable[Manifest], now: datetime) -> list[Manifest]:
    """Return the probes of runs that are surely dead: their pod has ended, or they are older than any run."""
    return [
        one
        for one in objects
        if dig(one, "status", "phase") in ("Failed", "Succeeded")
        or datetime.fromisoformat(str(dig(one, "metadata", "creationTimestamp"))) < now - OLD
    ]
