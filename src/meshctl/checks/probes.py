"""Questions that no object answers: is a pod really injected, whom does istiod know."""

import json
from collections.abc import Iterable, Mapping

from meshctl.cluster import Client
from meshctl.conditions import ca_bundle_set
from meshctl.errors import ClusterError
from meshctl.names import INJECTOR, ISTIO_SYSTEM, POD, READER_TOKEN, SIDECAR_STATUS, remote_secret
from meshctl.objects import Manifest, Verdict, dig
from meshctl.plan import Clients
from meshctl.spec import Cluster, MeshSpec

CLUSTERZ = ("pilot-discovery", "request", "GET", "/debug/clusterz")
EXEC_TIMEOUT = 15.0

INJECTION_CAUSES: tuple[tuple[str, str], ...] = (
    ("connection refused", "nothing listens behind the Service istiod"),
    ("context deadline exceeded", "packets are dropped on the way to istiod: a firewall?"),
    ("unknown authority", "istiod has not written its root into the webhook"),
    ("no endpoints", "the Service istiod has no endpoints"),
    ("not allowed", "this API server refuses the address behind istiod"),
    ("ExternalName", "the Service istiod is an ExternalName, which this API server cannot call"),
    ("could not find the requested resource", "the injection path is wrong"),
)
"""What the API server says when it cannot reach the webhook, and what that means."""

PROBE_POD: Manifest = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "meshctl-injection-probe",
        "namespace": ISTIO_SYSTEM,
        "labels": {"sidecar.istio.io/inject": "true"},
        "annotations": {"inject.istio.io/templates": "gateway"},
    },
    "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]},
}
"""Only ever created as a dry run: admission fills it in, nothing is stored."""


def injection_works(clients: Clients, cluster: Cluster) -> Verdict:
    """Ask the API server for a gateway pod, as a dry run, and look whether istiod filled it in under the right name."""
    try:
        pod = clients[cluster.name].create(PROBE_POD, dry_run=True)
    except ClusterError as error:
        if "webhook" not in error.message:
            raise
        cause = webhook_cause(error.message)
        return Verdict(met=False, detail=f"{error.message} ({cause})" if cause else error.message)
    if not is_injected(pod):
        return Verdict(met=False, detail="no webhook fills in a gateway pod: do the labels of istio-system forbid it?")
    named = proxy_env(pod).get("ISTIO_META_CLUSTER_ID", "")
    if named != cluster.name:
        return Verdict(
            met=False, detail=f"pods are injected for a cluster named {named!r}, not {cluster.name!r}", final=True
        )
    return Verdict(met=True, detail=f"pods are injected for {cluster.name}")


def webhook_cause(message: str) -> str:
    """Return what a refused admission means, empty when that is not known."""
    return next((cause for marker, cause in INJECTION_CAUSES if marker in message), "")


def proxies(pod: Manifest) -> list[Manifest]:
    """Return the pod's istio-proxy, wherever it is: a native sidecar is an init container."""
    containers = [*(dig(pod, "spec", "containers") or []), *(dig(pod, "spec", "initContainers") or [])]
    return [one for one in containers if one.get("name") == "istio-proxy"]


def is_injected(pod: Manifest) -> bool:
    """Say whether istiod's webhook has filled in this pod."""
    filled = [one for one in proxies(pod) if one.get("image") not in (None, "auto")]
    return bool(filled) and bool(dig(pod, "metadata", "annotations", SIDECAR_STATUS))


def proxy_env(pod: Manifest) -> dict[str, str]:
    """Return the environment of the pod's istio-proxy."""
    return {e["name"]: e.get("value", "") for one in proxies(pod) for e in one.get("env") or []}


def running(pods: Iterable[Manifest]) -> list[Manifest]:
    """Return the pods that run and are not on their way out."""
    return [pod for pod in pods if dig(pod, "status", "phase") == "Running" and not is_leaving(pod)]


def is_leaving(pod: Manifest) -> bool:
    """Say whether a pod is on its way out."""
    return bool(dig(pod, "metadata", "deletionTimestamp"))


def istiod_views(client: Client) -> dict[str, dict[str, Mapping[str, str]]]:
    """Return, for every running istiod pod, the clusters it knows by name; each replica has its own view."""
    views: dict[str, dict[str, Mapping[str, str]]] = {}
    for pod in running(client.list(POD, ISTIO_SYSTEM, labels="app=istiod")):
        name = pod["metadata"]["name"]
        answer = client.exec(name, ISTIO_SYSTEM, "discovery", CLUSTERZ, EXEC_TIMEOUT)
        views[name] = parse_clusterz(answer.stdout)
    return views


def parse_clusterz(text: str) -> dict[str, Mapping[str, str]]:
    """Read istiod's list of clusters: each has `id`, `secretName` (empty for its own) and `syncStatus`."""
    try:
        entries = json.loads(text)
    except ValueError:
        return {}
    return {str(e["id"]): e for e in entries if isinstance(e, dict) and "id" in e} if isinstance(entries, list) else {}


def synced(clients: Clients, mesh: MeshSpec, remotes: Iterable[Cluster]) -> Verdict:
    """Ask every istiod pod whether it is synced with each remote, under its right name and by its own secret."""
    views = istiod_views(clients[mesh.primary.name])
    if not views:
        return Verdict(met=False, detail="no istiod pod is running")
    wanted = list(remotes)
    for pod, known in views.items():
        for remote in wanted:
            problem = sync_problem(known, remote.name)
            if problem:
                return Verdict(met=False, detail=f"{problem} (asked {pod})")
    names = ", ".join(remote.name for remote in wanted)
    return Verdict(met=True, detail=f"{len(views)} istiod pod(s) synced with {names}")


def taken_up(clients: Clients, mesh: MeshSpec, remote: Cluster, server: str) -> Verdict:
    """Ask whether istiod has connected to a remote; until it has, nothing there comes about."""
    if ca_bundle_set(clients[remote.name].get(INJECTOR)).met:
        return Verdict(met=True, detail="istiod has connected")
    views = istiod_views(clients[mesh.primary.name])
    if not views:
        return Verdict(met=False, detail=f"no istiod pod is running on {mesh.primary.name}")
    problem = next(filter(None, (sync_problem(known, remote.name) for known in views.values())), "")
    text = f"{problem}; it goes to {server} with the token of {READER_TOKEN}: is that reachable, and still accepted?"
    return Verdict(met=not problem, detail=text if problem else "istiod has connected")


def sync_problem(known: Mapping[str, Mapping[str, str]], cluster: str) -> str:
    """Return what is wrong with istiod's view of one remote, empty when nothing is."""
    entry = known.get(cluster)
    secret = f"{ISTIO_SYSTEM}/{remote_secret(cluster).name}"
    if entry is None:
        strangers = [e["id"] for e in known.values() if e.get("secretName") == secret]
        return (
            f"istiod reads {secret} as {', '.join(strangers)}, not {cluster}"
            if strangers
            else f"istiod does not know {cluster}"
        )
    if entry.get("syncStatus") != "synced":
        return f"istiod has not synced with {cluster}: {entry.get('syncStatus')}"
    if entry.get("secretName") != secret:
        return f"istiod knows {cluster} by {entry.get('secretName')}, not {secret}"
    return ""
