"""Links of every cluster: its API server, its operator, and what the operator installs there."""

import re

from meshctl import conditions as is_
from meshctl.checks.diagnosis.case import Broken, Case, UnseenError
from meshctl.checks.diagnosis.roots import bundle_roots, roots, shown, stored_roots
from meshctl.checks.evidence import OPERATORS, REVISIONS
from meshctl.errors import ForbiddenError
from meshctl.names import (
    CACERTS,
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    INJECTOR,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    ROOT_CERT,
    THE_CNI,
    THE_ISTIO,
    THE_REVISION,
)
from meshctl.objects import Manifest, Ref, dig
from meshctl.spec import Cluster

UNADOPTED = re.compile(
    r'(?P<kind>\w+) "(?P<name>[^"]+)" in namespace "(?P<namespace>[^"]*)" exists and cannot be imported'
)
"""What Helm says of an object that somebody else has made before it."""


def reachable(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the API server answers, and answers this user."""
    error = case.silence(cluster)
    if error is None:
        return None
    said = error.message.removeprefix(f"{cluster.name}: ")
    hint = error.hint or f"mend the way to it, until this answers: {case.kubectl(cluster, 'version')}"
    refused = isinstance(error, ForbiddenError)
    what = "does not accept these credentials" if refused else "does not answer"
    return Broken(f"the API server of {cluster.name} {what}", (said,), hint=hint)


def operator_installed(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the operator's kinds are served, and there is any trace of it."""
    text = f"the Sail operator is not installed on {cluster.name}"
    hint = f"install the Sail operator, then {case.install}"
    if THE_ISTIO in case.sight(cluster).unserved:
        return Broken(text, (f"{THE_ISTIO.kind.resource} is not served",), hint=hint)
    if case.all(cluster, OPERATORS) or case.get(cluster, THE_ISTIO) or case.all(cluster, REVISIONS):
        return None
    return Broken(text, ("no Deployment of it, and no Istio",), hint=hint)


def operator_ready(case: Case, cluster: Cluster) -> Broken | None:
    """Whether a pod of the operator is ready."""
    operators = case.all(cluster, OPERATORS)
    if not operators or any((dig(one, "status", "readyReplicas") or 0) > 0 for one in operators):
        return None
    name, namespace = (str(dig(operators[0], "metadata", key)) for key in ("name", "namespace"))
    text = f"no pod of the Sail operator is ready on {cluster.name}"
    if dig(operators[0], "spec", "replicas") == 0:
        command = case.kubectl(cluster, "-n", namespace, "scale", f"deployment/{name}", "--replicas=1")
        return Broken(text, (f"deployment/{name} in {namespace} has been scaled to zero",), command)
    seen = f"deployment/{name} in {namespace}: {is_.rolled_out(operators[0]).detail}"
    return Broken(text, (seen,), hint=f"see why: {case.kubectl(cluster, '-n', namespace, 'describe', 'pods')}")


def istio_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether there is an Istio resource at all."""
    if case.get(cluster, THE_ISTIO) is not None:
        return None
    return Broken(f"there is no Istio on {cluster.name}", (f"{THE_ISTIO} is not there",), case.install)


def istio_applied(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the operator could apply what Istio says."""
    name = THE_REVISION.name
    own = next((one for one in case.all(cluster, REVISIONS) if dig(one, "metadata", "name") == name), None)
    return _refused(case, cluster, THE_ISTIO, case.get(cluster, THE_ISTIO)) or (
        _refused(case, cluster, THE_REVISION, own) if own else None
    )


def cni_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether there is an IstioCNI."""
    if case.get(cluster, THE_CNI) is not None:
        return None
    return Broken(f"there is no IstioCNI on {cluster.name}", (f"{THE_CNI} is not there",), case.install)


def cni_ready(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the CNI plugin is on every node."""
    cni = case.get(cluster, THE_CNI)
    if cni is None:
        raise UnseenError("there is no IstioCNI")
    refused = _refused(case, cluster, THE_CNI, cni)
    if refused:
        return refused
    daemon_set = is_.daemon_set_rolled_out(case.get(cluster, CNI_DAEMON_SET))
    healthy = is_.sail_healthy(cni)
    if daemon_set.met and healthy.met:
        return None
    seen = [f"{THE_CNI}: {healthy.detail}"] if not healthy.met else []
    seen += [f"{CNI_DAEMON_SET}: {daemon_set.detail}"] if not daemon_set.met else []
    describe = case.kubectl(cluster, "-n", CNI_NAMESPACE, "describe", "daemonset,pods")
    return Broken(f"the CNI plugin is not on every node of {cluster.name}", tuple(seen), hint=f"see why: {describe}")


def _refused(case: Case, cluster: Cluster, ref: Ref, obj: Manifest | None) -> Broken | None:
    verdict = is_.not_in_error(obj)
    if verdict.met:
        return None
    text = f"the operator of {cluster.name} cannot apply {ref}"
    found = UNADOPTED.search(verdict.detail)
    if found:
        delete = case.kubectl(cluster, "-n", found["namespace"], "delete", found["kind"].lower(), found["name"])
        return Broken(text, (verdict.detail,), f"{delete} && {case.install}")
    if verdict.final:
        return Broken(text, (verdict.detail,), hint=verdict.hint)
    return Broken(text, (verdict.detail,), case.install)


def istiod_ready(case: Case, cluster: Cluster) -> Broken | None:
    """Whether istiod is rolled out."""
    istiod = case.get(cluster, ISTIOD)
    verdict = is_.rolled_out(istiod)
    if verdict.met:
        return None
    text = f"istiod on {cluster.name} is not available"
    if istiod is not None and dig(istiod, "spec", "replicas") == 0:
        return Broken(text, (verdict.detail,), case.system(cluster, "scale", "deployment/istiod", "--replicas=1"))
    return Broken(
        text,
        (f"{ISTIOD}: {verdict.detail}",),
        hint=f"see why: {case.system(cluster, 'describe', 'pods', '-l', 'app=istiod')}",
    )


def istio_healthy(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the operator calls Istio healthy: what it knows that no other link has asked for."""
    verdict = is_.sail_healthy(case.get(cluster, THE_ISTIO))
    if verdict.met:
        return None
    text = f"Istio on {cluster.name} is not healthy"
    return Broken(text, (f"{THE_ISTIO}: {verdict.detail}",), case.install, verdict.hint)


def webhook_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether there is an injection webhook."""
    if dig(case.get(cluster, INJECTOR), "webhooks"):
        return None
    return Broken(f"{cluster.name} has no injection webhook", (f"{INJECTOR} is not there, or empty",), case.install)


def webhooks_trust(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the injection webhooks trust the root that istiod serves; empty is for other links to tell."""
    served = stored_roots(case.get(case.primary, ROOT_CERT))
    if not served:
        raise UnseenError(f"{ROOT_CERT} is not on {case.primary.name}")
    for hook in dig(case.get(cluster, INJECTOR), "webhooks") or []:
        bundle = bundle_roots(dig(hook, "clientConfig", "caBundle"))
        if bundle and not bundle & served:
            seen = (f"caBundle of {hook.get('name')}: {shown(bundle)}", f"istiod serves: {shown(served)}")
            restart = case.system(case.primary, "rollout", "restart", "deployment/istiod")
            command = case.repair if case.is_remote(cluster) else restart
            return Broken(f"the injection webhook of {cluster.name} trusts another root than istiod's", seen, command)
    return None


def root_used(case: Case, cluster: Cluster) -> Broken | None:
    """Whether istiod signs with the cacerts that are there."""
    stored = roots(case.get(cluster, CACERTS))
    served = stored_roots(case.get(cluster, ROOT_CERT))
    if not stored or not served or stored & served:
        return None
    seen = (f"root in {CACERTS}: {shown(stored)}", f"root in use: {shown(served)}")
    restart = case.system(cluster, "rollout", "restart", "deployment/istiod")
    follow = case.system(cluster, "rollout", "status", "deployment/istiod")
    text = (
        f"istiod on {cluster.name} does not use the certificates in {CACERTS.name}: it started before they were there"
    )
    return Broken(text, seen, f"{restart} && {follow}")


def injection_allowed(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the labels of istio-system let the gateway be injected."""
    labels = dig(case.get(cluster, Ref(NAMESPACE, ISTIO_SYSTEM)), "metadata", "labels") or {}
    revision = labels.get("istio.io/rev", "default")
    forbidding = [f"istio-injection={labels['istio-injection']}"] if labels.get("istio-injection") == "disabled" else []
    forbidding += [f"istio.io/rev={revision}"] if revision != "default" else []
    if not forbidding:
        return None
    seen = (f"namespace/{ISTIO_SYSTEM} is labelled {', '.join(forbidding)}",)
    return Broken(
        f"the labels of {ISTIO_SYSTEM} on {cluster.name} forbid that its gateway is injected", seen, case.repair
    )


def injection_works(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the API server had a gateway pod injected, as a dry run."""
    verdict = case.trials.injections.get(cluster.name)
    if verdict is None:
        raise UnseenError("injection was not tried")
    if verdict.met:
        return None
    logs = case.system(case.primary, "logs", "deployment/istiod", "--tail", "20")
    hint = f"the API server of {cluster.name} calls istiod: see what that says: {logs}"
    return Broken(f"the API server of {cluster.name} cannot have a pod injected", (verdict.detail,), hint=hint)
