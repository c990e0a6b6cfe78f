"""Whether the operators can install what is asked for, and nothing is in their way."""

from collections.abc import Iterator, Mapping
from shlex import quote

from meshctl.checks.catalog.preflight import operator as catalog
from meshctl.checks.finding import Finding, found
from meshctl.checks.preflight.survey import ISTIODS, OPERATORS, Survey
from meshctl.checks.survey import OPERATOR_LABEL, running, version_field
from meshctl.conditions import namespace_remains
from meshctl.names import (
    CNI_NAMESPACE,
    CRD,
    GATEWAY,
    INJECTOR,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION,
    ISTIO_SYSTEM,
    MANAGED_BY,
    MUTATING_WEBHOOK,
    READER_ACCOUNT,
    SERVICE_ACCOUNT,
    THE_REVISION,
    VIRTUAL_SERVICE,
)
from meshctl.objects import Manifest, Ref, dig
from meshctl.spec import Cluster

INSTALLABLE = "Must be one of:"


def operator(one: Survey, cluster: Cluster, version: str) -> Iterator[Finding]:
    """Judge the operator of one cluster."""
    if running(one.all(OPERATORS)) is False:
        look = f"{kubectl(cluster)} get pods -A -l {OPERATOR_LABEL}"
        text = "the Sail operator is installed, but none of its pods is ready"
        yield found(catalog.NOT_RUNNING, one.cluster, text, command=look)
    for kind in (ISTIO, ISTIO_CNI):
        versions = one.versions(kind)
        if versions is None:
            text = f"the Sail operator's {kind.name} is not served here"
            yield found(catalog.NOT_SERVED, one.cluster, text, "install the operator first")
        elif versions and f"v{version}" not in versions:
            offered = ", ".join(sorted(versions, reverse=True))
            text = f"the operator's {kind.name} does not accept v{version}; it accepts {offered}"
            hint = "upgrade the operator, or choose another version: --set istioVersion=…"
            yield found(catalog.VERSION_REFUSED, one.cluster, text, hint)
    yield from _installable(one, version)
    lacking = [kind.name for kind in (GATEWAY, VIRTUAL_SERVICE) if kind.name in one.unserved]
    if lacking:
        text = f"{' and '.join(lacking)} (networking.istio.io) are not served here"
        yield found(catalog.NO_ISTIO_KINDS, one.cluster, text, "install the operator again, with its definitions")


def _installable(one: Survey, version: str) -> Iterator[Finding]:
    """Compare what is accepted with what there are charts for, as far as the operator tells."""
    if f"v{version}" not in (one.versions(ISTIO) or ()):
        return
    images = _charts(one.all(OPERATORS))
    said = str((version_field(one.get(Ref(CRD, ISTIO.resource)), ISTIO) or {}).get("description") or "")
    _, named, listed = said.partition(INSTALLABLE)
    if images:
        able, where = f"v{version}" in images, "its Deployment names images of"
    elif named:
        able, where = f"v{version}" in {word.strip(" .,") for word in listed.split()}, "its definition names"
    else:
        return
    if not able:
        others = ", ".join(sorted(images, reverse=True)) or listed.strip(" .")
        text = f"the operator accepts v{version}, but may have no charts for it: {where} {others}"
        hint = "upgrade the operator, or choose another version: --set istioVersion=…"
        yield found(catalog.NOT_INSTALLABLE, one.cluster, text, hint)


def _charts(operators: tuple[Manifest, ...]) -> set[str]:
    """Return the versions that operators' Deployments name an image of istiod for."""
    annotations = (dig(each, "spec", "template", "metadata", "annotations") or {} for each in operators)
    return {
        key.removeprefix("images.").removesuffix(".istiod").replace("_", ".")
        for each in annotations
        for key in each
        if key.startswith("images.") and key.endswith(".istiod")
    }


def unlike(seen: Mapping[str, Survey]) -> Iterator[Finding]:
    """Compare whose operators there are."""
    vendors = [name for name, one in seen.items() if one.vendor]
    others = [name for name, one in seen.items() if one.all(OPERATORS) and not one.vendor]
    if vendors and others:
        text = (
            f"{', '.join(vendors)} have the vendor's build of the operator, {', '.join(others)} the upstream project's"
        )
        yield found(catalog.UNLIKE_OPERATORS, "", text, "use one build on all clusters, if you can")


def in_the_way(one: Survey, cluster: Cluster, teardown: str) -> Iterator[Finding]:
    """Find what an install would run into; `teardown` is the command that removes the mesh."""
    yield from _terminating(one, cluster)
    yield from _other_istios(one)
    yield from _account(one, cluster)
    if one.istio is not None or ISTIO.name in one.hidden:
        return
    left = [str(THE_REVISION)] if _named(one.all(ISTIO_REVISION.name), THE_REVISION.name) else []
    left += [str(INJECTOR)] if any(_owned(hook) for hook in _injectors(one)) else []
    if left:
        text = f"left of an earlier install: {', '.join(left)}, without an Istio resource"
        yield found(catalog.LEFTOVER, one.cluster, text, command=teardown)


def _terminating(one: Survey, cluster: Cluster) -> Iterator[Finding]:
    for name in (ISTIO_SYSTEM, CNI_NAMESPACE):
        namespace = one.namespace(name)
        if namespace is not None and dig(namespace, "metadata", "deletionTimestamp"):
            why = namespace_remains(namespace)
            text = f"namespace {name} is being deleted" + (f": {why}" if why else "")
            hint = "wait until it is gone, or release what holds it; to see what is in it:"
            look = f"{kubectl(cluster)} get namespace {name} -o yaml"
            yield found(catalog.TERMINATING, one.cluster, text, hint, look)


def _other_istios(one: Survey) -> Iterator[Finding]:
    foreign = [f"webhook {INJECTOR.name}" for hook in _injectors(one) if not _owned(hook)]
    for istiod in one.all(ISTIODS):
        namespace, name = dig(istiod, "metadata", "namespace"), dig(istiod, "metadata", "name")
        if namespace != ISTIO_SYSTEM:
            text = f"there is another istiod: deployment/{name} in {namespace}"
            yield found(catalog.OTHER_ISTIO, one.cluster, text, "see that it is confined to namespaces of its own")
        elif not _owned(istiod):
            foreign.append(f"deployment/{name} in {namespace}")
    if foreign:
        text = f"an Istio that the operator does not own is in the way: {', '.join(sorted(foreign))}"
        yield found(catalog.FOREIGN_ISTIO, one.cluster, text, "remove it with the installer that made it")


def _account(one: Survey, cluster: Cluster) -> Iterator[Finding]:
    account = _named(one.all(SERVICE_ACCOUNT.name), READER_ACCOUNT.name)
    if account and dig(account, "metadata", "labels", MANAGED_BY) != "Helm":
        text = f"{READER_ACCOUNT} is there, and Helm did not make it: the operator's charts stop at it"
        command = f"{kubectl(cluster)} -n {ISTIO_SYSTEM} delete serviceaccount {READER_ACCOUNT.name}"
        yield found(catalog.UNOWNED_ACCOUNT, one.cluster, text, "the operator makes it again:", command)


def _injectors(one: Survey) -> list[Manifest]:
    hook = _named(one.all(MUTATING_WEBHOOK.name), INJECTOR.name)
    return [hook] if hook else []


def _named(objects: tuple[Manifest, ...], name: str) -> Manifest | None:
    return next((each for each in objects if dig(each, "metadata", "name") == name), None)


def _owned(obj: Manifest) -> bool:
    return any(owner.get("kind") == ISTIO_REVISION.name for owner in dig(obj, "metadata", "ownerReferences") or ())


def kubectl(cluster: Cluster) -> str:
    """Return how a command for one cluster begins."""
    where = f" --kubeconfig {quote(cluster.kubeconfig)}" if cluster.kubeconfig else ""
    return f"kubectl{where} --context {quote(cluster.context)}"
