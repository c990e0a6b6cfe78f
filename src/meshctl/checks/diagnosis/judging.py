"""Judging a case: every link of the shared chain, then of each remote's, and what deserves a look besides."""

from collections.abc import Iterator

from meshctl.checks.catalog.links_traffic import NAMESPACE_UNLABELLED, VALIDATOR_UNTRUSTED
from meshctl.checks.diagnosis.case import Case, HiddenError, UnseenError
from meshctl.checks.diagnosis.links import PRIMARY, REMOTE, Link
from meshctl.checks.diagnosis.result import Chain, Diagnosis, Judged, State
from meshctl.checks.evidence import VALIDATORS
from meshctl.checks.finding import Finding, found
from meshctl.names import ISTIO_SYSTEM, NAMESPACE, NETWORK_LABEL
from meshctl.objects import Ref, dig
from meshctl.spec import Cluster


def judge(case: Case) -> Diagnosis:
    """Judge every link of every chain."""
    chains = (
        Chain(case.primary, shared=True, links=tuple(_chain(case, case.primary, PRIMARY))),
        *(Chain(remote, shared=False, links=tuple(_chain(case, remote, REMOTE))) for remote in case.mesh.remotes),
    )
    return Diagnosis(case.mesh, chains, tuple(_warnings(case)))


def _chain(case: Case, cluster: Cluster, links: tuple[Link, ...]) -> Iterator[Judged]:
    state = State.BROKEN
    for link in links:
        judged = _judged(case, cluster, link, state)
        yield judged
        if judged.state is State.BROKEN:
            state = State.CONSEQUENCE


def _judged(case: Case, cluster: Cluster, link: Link, broken: State) -> Judged:
    try:
        seen = link.ask(case, cluster)
    except UnseenError as error:
        return Judged(link.check, link.whole, State.UNKNOWN, why=str(error), hidden=isinstance(error, HiddenError))
    if seen is None:
        return Judged(link.check, link.whole, State.WHOLE)
    finding = found(link.check, cluster.name, seen.text, seen.hint, seen.command, seen.evidence)
    return Judged(link.check, link.whole, broken, finding)


def _warnings(case: Case) -> Iterator[Finding]:
    for cluster in case.mesh.clusters:
        try:
            yield from _namespace(case, cluster)
            yield from _validators(case, cluster)
        except UnseenError:
            continue  # what may not be seen is no reason to warn


def _namespace(case: Case, cluster: Cluster) -> Iterator[Finding]:
    namespace = case.get(cluster, Ref(NAMESPACE, ISTIO_SYSTEM))
    label = dig(namespace, "metadata", "labels", NETWORK_LABEL)
    if namespace is not None and label != cluster.network:
        wanted = f"{NETWORK_LABEL}={cluster.network}"
        text = (
            f"{ISTIO_SYSTEM} is labelled {NETWORK_LABEL}={label}" if label else f"{ISTIO_SYSTEM} has no network label"
        )
        command = case.kubectl(cluster, "label", "namespace", ISTIO_SYSTEM, wanted, "--overwrite")
        why = "pods without a sidecar are looked for on the wrong network"
        yield found(NAMESPACE_UNLABELLED, cluster.name, f"{text}: {why}", command=command)


def _validators(case: Case, cluster: Cluster) -> Iterator[Finding]:
    if not case.is_remote(cluster):
        return
    for one in case.all(cluster, VALIDATORS):
        if not all(dig(hook, "clientConfig", "caBundle") for hook in one.get("webhooks") or []):
            name = dig(one, "metadata", "name")
            text = f"{name} has no caBundle: Istio's own objects cannot be written here, and need not be"
            yield found(VALIDATOR_UNTRUSTED, cluster.name, text, f"apply them on {case.primary.name}")
