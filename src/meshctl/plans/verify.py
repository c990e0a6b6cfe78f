"""The verification chapter of the guide: a sample on every cluster, and calls from every cluster to all of them.

Missing pieces of a mesh are silent: every request is still answered, by the versions that can be reached. So answers
are counted by version, from every side, and by clients that were started for this run, whose connections are new.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meshctl import conditions as is_
from meshctl.checks.preflight.operator import kubectl
from meshctl.checks.probes import running
from meshctl.errors import ConflictError, MeshctlError
from meshctl.manifests import version_of
from meshctl.names import CNI_DAEMON_SET, DEPLOYMENT, MANAGED_BY, NAMESPACE, POD, SERVICE, SERVICE_ACCOUNT
from meshctl.objects import Manifest, Ref, Verdict, dig
from meshctl.plan import Act, Apply, Awaited, Clients, Delete, Fact, Note, Plan, Probe, Step, Wait, named, step
from meshctl.plans.repairs import RESTARTED
from meshctl.spec import Cluster, MeshSpec

ANSWER = re.compile(r"^Hello version: (\S+), instance: (\S+)$", re.MULTILINE)
SLEEP_PODS = "app=sleep"
OURS = "meshctl"
REQUEST_SECONDS = 5
NO_CLIENT = "no client pod is ready"
PAUSE = 2.0  # between two batches of requests; traffic can only be tried, not watched


@dataclass(frozen=True, slots=True)
class Tally:
    """What has answered so far, by source cluster: filled by the run's own threads, one cluster each."""

    requests: int
    answers: dict[str, Counter[str]] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    errors: dict[str, str] = field(default_factory=dict)

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the answers by (from, version)."""
        return {(name, version): n for name, counted in self.answers.items() for version, n in counted.items()}


def verify(mesh: MeshSpec, tally: Tally, run: str, *, as_is: bool) -> Plan:
    """Return the plan that deploys the samples (unless `as_is`) and calls them; answers go into `tally`."""
    return Plan(f"Verify mesh {mesh.mesh_id} on {named(mesh)}", mesh, tuple(_steps(mesh, tally, run, as_is=as_is)))


def _steps(mesh: MeshSpec, tally: Tally, run: str, *, as_is: bool) -> Iterator[Step]:
    started: list[Step] = []
    if not as_is:
        for cluster in mesh.clusters:
            yield (begun := samples(mesh, cluster, run))
            yield (ready := samples_ready(mesh, cluster, begun))
            started.append(ready)
    for cluster in mesh.clusters:
        # Where one cluster's samples fail, the others are still asked: the matrix shows what is missing, and why.
        yield step(cluster, "Call helloworld", traffic(mesh, cluster, tally), needs=started, always=True)


def samples(mesh: MeshSpec, cluster: Cluster, run: str) -> Step:
    """Create the namespace and the samples, touching nothing there that meshctl did not make."""
    return step(
        cluster,
        "Deploy the samples",
        Act("create the sample namespace", lambda clients: ensure_namespace(clients, mesh, cluster)),
        Act("look for strangers", lambda clients: refuse_strangers(clients, mesh, cluster)),
        Apply(cluster.name, "samples.yaml", cluster, facts={"run": Fact("a new run", lambda _: run)}),
    )


def samples_ready(mesh: MeshSpec, cluster: Cluster, begun: Step) -> Step:
    """Wait until server and client run."""
    namespace, t = mesh.sample_namespace, mesh.timeouts
    server, client = f"helloworld-{version_of(mesh, cluster)}", "sleep"
    objects = tuple(
        Awaited(cluster.name, Ref(DEPLOYMENT, name, namespace), is_.rolled_out) for name in (server, client)
    )
    return step(
        cluster,
        "Wait for the samples",
        Act("restart what was refused", lambda clients: restart_refused(clients, cluster, namespace, (server, client))),
        Wait("the samples to be available", objects, t.samples, hint=events_hint(cluster, namespace)),
        needs=[begun],
    )


def events_hint(cluster: Cluster, namespace: str) -> str:
    """Return the command that shows why pods do not start."""
    return f"{kubectl(cluster)} -n {namespace} get events --sort-by=.lastTimestamp"


def ensure_namespace(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> Note | None:
    """Create the sample namespace, or use one that is there as it is."""
    client, ref = clients[cluster.name], Ref(NAMESPACE, mesh.sample_namespace)
    existing = client.get(ref)
    labels = dig(existing, "metadata", "labels") or {}
    if existing is None or (labels.get(MANAGED_BY) == OURS and not dig(existing, "metadata", "deletionTimestamp")):
        client.apply(sample_namespace(mesh))
        return None
    if labels.get("istio-injection") != "enabled" and "istio.io/rev" not in labels:
        text = f"{ref} is not meshctl's and has no injection label; it is left as it is, but its pods get no sidecar"
        return Note(text, warning=True)
    return Note(f"{ref} is not meshctl's: it is used as it is")


def sample_namespace(mesh: MeshSpec) -> dict[str, object]:
    """Return the sample namespace as meshctl makes it."""
    labels = {MANAGED_BY: OURS, "istio-injection": "enabled"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": mesh.sample_namespace, "labels": labels}}


def sample_refs(mesh: MeshSpec, cluster: Cluster) -> tuple[Ref, ...]:
    """Return what meshctl makes in the sample namespace."""
    namespace = mesh.sample_namespace
    return (
        Ref(DEPLOYMENT, f"helloworld-{version_of(mesh, cluster)}", namespace),
        Ref(DEPLOYMENT, "sleep", namespace),
        Ref(SERVICE, "helloworld", namespace),
        Ref(SERVICE, "sleep", namespace),
        Ref(SERVICE_ACCOUNT, "sleep", namespace),
    )


def refuse_strangers(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> Note | None:
    """Refuse to go on where somebody else's objects have the samples' names."""
    strangers = [
        str(ref)
        for ref in sample_refs(mesh, cluster)
        if (obj := clients[cluster.name].get(ref)) is not None and dig(obj, "metadata", "labels", MANAGED_BY) != OURS
    ]
    if strangers:
        msg = f"{cluster.name}: not made by meshctl, and so left alone: {', '.join(strangers)}"
        raise ConflictError(msg, hint="choose another namespace: --namespace NAME, or use them as they are: --as-is")
    return None


def restart_refused(clients: Clients, cluster: Cluster, namespace: str, names: tuple[str, ...]) -> Note | None:
    """Restart Deployments whose pods were refused in an earlier run: their ReplicaSets may back off for minutes."""
    client, restarted = clients[cluster.name], []
    for name in names:
        ref = Ref(DEPLOYMENT, name, namespace)
        refused = is_.condition_of(client.get(ref), "ReplicaFailure")
        if refused.get("status") == "True":
            stamp = str(refused.get("lastTransitionTime", "now"))
            client.merge(ref, {"spec": {"template": {"metadata": {"annotations": {RESTARTED: stamp}}}}})
            restarted.append(name)
    return Note(f"restarted {', '.join(restarted)}: their pods had been refused") if restarted else None


def traffic(mesh: MeshSpec, cluster: Cluster, tally: Tally) -> Probe:
    """Call helloworld from one cluster until every version has answered."""
    versions = [version_of(mesh, one) for one in mesh.clusters]

    def ask(clients: Clients) -> Verdict:
        output, error = call(clients, mesh, cluster, tally.requests)
        seen = tally.answers.setdefault(cluster.name, Counter())
        seen.update(version for version, _ in ANSWER.findall(output))
        tally.sent[cluster.name] += tally.requests
        tally.errors[cluster.name] = error
        if not output and error == NO_CLIENT:
            # The samples have had their time to start: without a client nothing will ever be answered.
            return Verdict(met=False, detail=error, final=True)
        missing = [version for version in versions if not seen[version]]
        counted = ", ".join(f"{version}: {seen[version]}" for version in versions)
        return Verdict(met=not missing, detail=counted if not error else f"{counted} ({error})")

    return Probe("an answer of every version", ask, mesh.timeouts.traffic, every=PAUSE)


def call(clients: Clients, mesh: MeshSpec, cluster: Cluster, requests: int) -> tuple[str, str]:
    """Send a batch of requests at the same time; return what was printed, and what went wrong in one sentence."""
    client, namespace = clients[cluster.name], mesh.sample_namespace
    pods = running(client.list(POD, namespace, labels=SLEEP_PODS))
    ready = [pod for pod in pods if is_.condition_of(pod, "Ready").get("status") == "True"]
    if not ready:
        return "", NO_CLIENT
    newest = max(ready, key=lambda pod: str(dig(pod, "metadata", "creationTimestamp")))
    url = f"helloworld.{namespace}:5000/hello{{{',' * (requests - 1)}}}"
    argv = ("curl", "-sS", "-Z", "--max-time", str(REQUEST_SECONDS), url)
    answer = client.exec(newest["metadata"]["name"], namespace, "sleep", argv, REQUEST_SECONDS * 3.0)
    trouble = next((line for line in answer.stderr.splitlines() if line.startswith("curl:")), "")
    return answer.stdout, trouble


def cleanup(mesh: MeshSpec) -> Plan:
    """Return the plan that removes the samples again."""
    return Plan(
        f"Remove the samples of mesh {mesh.mesh_id}", mesh, tuple(remove_samples(mesh, c) for c in mesh.clusters)
    )


def remove_samples(mesh: MeshSpec, cluster: Cluster) -> Step:
    """Remove the samples and wait for their pods: once the CNI plugin is gone, pods cannot end any more."""
    t = mesh.timeouts.delete
    hint = f"{kubectl(cluster)} -n {mesh.sample_namespace} get pods"
    return step(
        cluster,
        "Remove the samples",
        Delete(cluster.name, "the samples", lambda clients: own_samples(clients, mesh, cluster), t, hint),
        Act("look whether their pods can end", lambda clients: refuse_hanging(clients, mesh, cluster)),
        Delete(cluster.name, "their pods", lambda clients: own_pods(clients, mesh, cluster), t, hint),
        Delete(cluster.name, "their namespace", lambda clients: own_namespace(clients, mesh, cluster), t, hint),
    )


def own_samples(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> list[Ref]:
    """Return the samples that meshctl made, whichever version they were."""
    client = clients[cluster.name]
    kinds = (DEPLOYMENT, SERVICE, SERVICE_ACCOUNT)
    return [
        Ref(kind, obj["metadata"]["name"], mesh.sample_namespace)
        for kind in kinds
        for obj in client.list(kind, mesh.sample_namespace, labels=f"{MANAGED_BY}={OURS}")
    ]


def own_pods(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> list[Ref]:
    """Return the pods that the samples' Deployments leave behind."""
    client, namespace = clients[cluster.name], mesh.sample_namespace
    foreign = [o for o in client.list(DEPLOYMENT, namespace) if dig(o, "metadata", "labels", MANAGED_BY) != OURS]
    taken = {dig(o, "metadata", "labels", "app") or o["metadata"]["name"] for o in foreign}
    pods = [
        pod
        for app in ("helloworld", "sleep")
        if app not in taken
        for pod in client.list(POD, namespace, labels=f"app={app}")
    ]
    return [Ref(POD, pod["metadata"]["name"], namespace) for pod in pods]


def refuse_hanging(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> Note | None:
    """Refuse to wait for pods whose network nobody can take down, because the CNI plugin went before them."""
    client, namespace = clients[cluster.name], mesh.sample_namespace
    pods = [ref.name for ref in own_pods(clients, mesh, cluster) if set_up_by_cni(client.get(ref))]
    if pods and client.get(CNI_DAEMON_SET) is None:
        msg = (
            f"{cluster.name}: the CNI plugin is gone, and without it pods cannot end: {', '.join(pods)} in {namespace}"
        )
        force = f"{kubectl(cluster)} -n {namespace} delete pods {' '.join(pods)} --force"
        raise MeshctlError(msg, hint=f"bring it back with meshctl install, then run this again; or {force}")
    return None


def set_up_by_cni(pod: Manifest | None) -> bool:
    """Say whether the CNI plugin redirects a pod's traffic: then there is a container that checks it."""
    return any(one.get("name") == "istio-validation" for one in dig(pod, "spec", "initContainers") or [])


def own_namespace(clients: Clients, mesh: MeshSpec, cluster: Cluster) -> list[Ref]:
    """Return the sample namespace if meshctl made it and nobody else's pods run in it."""
    client, ref = clients[cluster.name], Ref(NAMESPACE, mesh.sample_namespace)
    existing = client.get(ref)
    if existing is None or dig(existing, "metadata", "labels", MANAGED_BY) != OURS:
        return []
    strangers = [p for p in client.list(POD, mesh.sample_namespace) if not dig(p, "metadata", "deletionTimestamp")]
    if strangers:
        msg = f"{cluster.name}: {ref} still has pods that meshctl did not make"
        raise MeshctlError(msg, hint=f"{kubectl(cluster)} -n {mesh.sample_namespace} get pods")
    return [ref]


def expected_versions(mesh: MeshSpec) -> Mapping[str, str]:
    """Return the version that runs on each cluster, by cluster name."""
    return {cluster.name: version_of(mesh, cluster) for cluster in mesh.clusters}
