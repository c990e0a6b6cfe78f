"""What a cluster is like before an install: asked at once, and only read."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from meshctl.checks.reviews import missing
from meshctl.checks.rights import Right
from meshctl.checks.survey import KUBE_SYSTEM, OPERATOR_LABEL, accepted, clock_offset, visible
from meshctl.cluster import Client
from meshctl.conditions import ingress_of
from meshctl.errors import ForbiddenError, NotFoundError
from meshctl.names import (
    CACERTS,
    CRD,
    DEPLOYMENT,
    GATEWAY,
    GATEWAY_SERVICE,
    IP_ADDRESS_POOL,
    ISTIO,
    ISTIO_CNI,
    ISTIO_REVISION,
    ISTIO_SYSTEM,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NETWORK_ATTACHMENT,
    NODE,
    POD,
    ROOT_CERT,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    THE_CNI,
    THE_ISTIO,
    VIRTUAL_SERVICE,
)
from meshctl.objects import Kind, Manifest, Ref, dig

AT_ONCE = 8
"""Requests under way to one cluster at the same time, when there are few clusters."""

VENDOR = "servicemesh-operator2"
MULTUS_CRD = Ref(CRD, NETWORK_ATTACHMENT.resource)

OBJECTS: tuple[Ref, ...] = (
    *(Ref(CRD, kind.resource) for kind in (ISTIO, ISTIO_CNI)),
    MULTUS_CRD,
    THE_ISTIO,
    THE_CNI,
    ROOT_CERT,
    GATEWAY_SERVICE,
)
"""What is asked for by name on every cluster, besides `cacerts`."""

OPERATORS, ISTIODS, REMOTE_SECRETS = "operators", "istiods", "remote secrets"

LISTS: Mapping[str, tuple[Kind, str, str]] = {
    OPERATORS: (DEPLOYMENT, "", OPERATOR_LABEL),
    ISTIODS: (DEPLOYMENT, "", "app=istiod"),
    **{kind.name: (kind, "", "") for kind in (NAMESPACE, NODE, ISTIO_REVISION, MUTATING_WEBHOOK, IP_ADDRESS_POOL)},
    SERVICE_ACCOUNT.name: (SERVICE_ACCOUNT, ISTIO_SYSTEM, ""),
}
"""What is asked for as a collection on every cluster: kind, namespace, label selector."""

ON_PRIMARY: Mapping[str, tuple[Kind, str, str]] = {
    **{kind.name: (kind, ISTIO_SYSTEM, "") for kind in (GATEWAY, VIRTUAL_SERVICE)},
    REMOTE_SECRETS: (SECRET, ISTIO_SYSTEM, "istio/multiCluster=true"),
}
"""What is asked of the primary besides."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Survey:
    """One cluster as it was found. What may not be seen looks as if it was not there, and is named in `hidden`.

    `lists` are collections by the name of their question. `hidden` and `unserved` are names of questions and kinds.
    `clock` is by how many seconds the server's clock is ahead of this machine's.
    """

    cluster: str
    server: str
    version: str
    missing_rights: tuple[Right, ...] = ()
    clock: float = 0.0
    cacerts: Manifest | None = None
    objects: Mapping[Ref, Manifest | None] = field(default_factory=dict)
    lists: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    unserved: frozenset[str] = frozenset()

    def get(self, ref: Ref) -> Manifest | None:
        """Return an object that was asked for, None when it is not there."""
        return self.objects.get(ref)

    def all(self, question: str) -> tuple[Manifest, ...]:
        """Return a collection that was asked for."""
        return self.lists.get(question, ())

    @property
    def istio(self) -> Manifest | None:
        """The Istio resource that is there."""
        return self.get(THE_ISTIO)

    @property
    def uid(self) -> str:
        """What a cluster is known by: the UID of its namespace kube-system."""
        return str(dig(self.namespace(KUBE_SYSTEM.name), "metadata", "uid") or "")

    @property
    def vendor(self) -> bool:
        """Whether the operator is the platform vendor's build, which brings istio-cni in by way of Multus."""
        return any(dig(one, "metadata", "name") == VENDOR for one in self.all(OPERATORS))

    def namespace(self, name: str) -> Manifest | None:
        """Return a namespace."""
        return next((one for one in self.all(NAMESPACE.name) if dig(one, "metadata", "name") == name), None)

    def versions(self, kind: Kind) -> frozenset[str] | None:
        """Return the versions that the CRD of a kind accepts, none when it does not say; None when it is not served."""
        return frozenset() if CRD.name in self.hidden else accepted(self.get(Ref(CRD, kind.resource)), kind)


def survey(client: Client, wanted: frozenset[Right], *, primary: bool = False, at_once: int = AT_ONCE) -> Survey:
    """Ask one cluster everything; raises what the API server refuses, except what counts as an answer."""
    version = client.version()  # first of all: whoever does not answer this answers nothing
    hidden: set[str] = set()
    unserved: set[str] = set()

    def seen(question: str, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except ForbiddenError:
            hidden.add(question)  # what the user may not see is reported as a missing right, once
        except NotFoundError:
            unserved.add(question)
        return otherwise

    def several(question: str, kind: Kind, namespace: str = "", labels: str = "") -> tuple[Manifest, ...]:
        return tuple(seen(question, partial(client.list, kind, namespace, labels), []))

    with ThreadPoolExecutor(at_once) as pool:
        rights, clock = pool.submit(missing, client, wanted), pool.submit(clock_offset, client)
        certificates = pool.submit(visible, client, CACERTS)
        objects = {ref: pool.submit(seen, ref.kind.name, partial(client.get, ref), None) for ref in OBJECTS}
        questions = {**LISTS, **(ON_PRIMARY if primary else {})}
        lists = {question: pool.submit(several, question, *asked) for question, asked in questions.items()}
    cacerts, unseen = certificates.result()
    found = Survey(
        cluster=client.cluster,
        server=client.server(),
        version=version,
        missing_rights=tuple(sorted({*rights.result(), *unseen})),
        clock=clock.result(),
        cacerts=cacerts,
        objects={ref: answer.result() for ref, answer in objects.items()},
        lists={question: answer.result() for question, answer in lists.items()},
    )
    more = {question: several(question, *asked) for question, asked in further(found).items()}
    return replace(found, lists={**found.lists, **more}, hidden=frozenset(hidden), unserved=frozenset(unserved))


def further(found: Survey) -> dict[str, tuple[Kind, str, str]]:
    """Return what only some clusters need to be asked: it costs more, and mostly the first answers settle it."""
    asked: dict[str, tuple[Kind, str, str]] = {}
    operator = next(iter(found.all(OPERATORS)), None)
    multus = dig(found.get(MULTUS_CRD), "metadata", "creationTimestamp")
    if operator and multus and str(multus) >= str(dig(operator, "metadata", "creationTimestamp") or ""):
        asked[POD.name] = (POD, str(dig(operator, "metadata", "namespace")), OPERATOR_LABEL)
    if not found.all(IP_ADDRESS_POOL.name) and not ingress_of(found.get(GATEWAY_SERVICE)):
        asked[SERVICE.name] = (SERVICE, "", "")
    return asked
