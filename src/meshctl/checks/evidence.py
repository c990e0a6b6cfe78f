"""What a mesh that is there looks like, gathered from every cluster at the same time; judged elsewhere, purely.

Status, diagnosis and bundles read the same evidence, so they never tell different stories. Only reads: nothing here
writes, and a dry run is none of its business.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from meshctl.checks.probes import CLUSTERZ, EXEC_TIMEOUT, parse_clusterz, running
from meshctl.checks.survey import OPERATOR_LABEL, of_all
from meshctl.cluster import Client
from meshctl.errors import ClusterError, ForbiddenError, MeshctlError, NotFoundError
from meshctl.names import (
    CACERTS,
    CNI_DAEMON_SET,
    CNI_NAMESPACE,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    GATEWAY,
    GATEWAY_DEPLOYMENT,
    GATEWAY_PODS,
    GATEWAY_SERVICE,
    INJECTOR,
    ISTIO_REVISION,
    ISTIO_SYSTEM,
    ISTIOD,
    NAMESPACE,
    POD,
    READER_ACCOUNT,
    READER_TOKEN,
    ROOT_CERT,
    SECRET,
    SERVICE,
    THE_CNI,
    THE_ISTIO,
    VALIDATING_WEBHOOK,
    VIRTUAL_SERVICE,
    remote_secret,
)
from meshctl.objects import Kind, Manifest, Ref
from meshctl.plan import Clients
from meshctl.spec import MeshSpec

REMOTE_SECRETS = "istio/multiCluster=true"
ISTIOD_SERVICE = Ref(SERVICE, "istiod", ISTIO_SYSTEM)
ISTIOD_SLICES = "kubernetes.io/service-name=istiod"
PART_OF_ISTIO = "app.kubernetes.io/part-of=istio"
AT_ONCE = 8
"""Requests under way to one cluster at the same time."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sight:
    """One cluster of a mesh as its API server tells it. None and empty mean: not there.

    `objects` are single objects by name, `lists` are collections by the name of their question (the fields of
    `LISTS`). `hidden` holds a sentence for everything that this user may not see, which then looks as if it was not
    there; `unserved` is what was asked for of kinds that the API server does not know. Secrets are here with their
    values: what is shown of them is up to whoever shows it, and never a value.
    """

    cluster: str
    server: str
    version: str
    objects: Mapping[Ref, Manifest | None]
    lists: Mapping[str, tuple[Manifest, ...]]
    hidden: tuple[str, ...] = ()
    unseen: frozenset[Ref | str] = frozenset()
    unserved: frozenset[Ref | str] = frozenset()

    def get(self, ref: Ref) -> Manifest | None:
        """Return an object that was asked for, None when it is not there."""
        return self.objects.get(ref)

    def all(self, question: str) -> tuple[Manifest, ...]:
        """Return a collection that was asked for."""
        return self.lists.get(question, ())


OBJECTS: tuple[Ref, ...] = (
    Ref(NAMESPACE, ISTIO_SYSTEM),
    Ref(NAMESPACE, CNI_NAMESPACE),
    THE_ISTIO,
    THE_CNI,
    CNI_DAEMON_SET,
    ISTIOD,
    ISTIOD_SERVICE,
    GATEWAY_SERVICE,
    GATEWAY_DEPLOYMENT,
    INJECTOR,
    ROOT_CERT,
    CACERTS,
    READER_ACCOUNT,
    READER_TOKEN,
)
"""What is asked for by name on every cluster."""

OPERATORS, REVISIONS, ISTIOD_PODS, GATEWAY_POD_LIST = "operators", "revisions", "istiod pods", "gateway pods"
SLICES, VALIDATORS, SECRETS, GATEWAYS, ROUTES = "slices", "validators", "remote secrets", "gateways", "routes"
SAMPLES = "pods of the samples"

LISTS: Mapping[str, tuple[Kind, str, str]] = {
    OPERATORS: (DEPLOYMENT, "", OPERATOR_LABEL),
    REVISIONS: (ISTIO_REVISION, "", ""),
    ISTIOD_PODS: (POD, ISTIO_SYSTEM, "app=istiod"),
    GATEWAY_POD_LIST: (POD, ISTIO_SYSTEM, GATEWAY_PODS),
    SLICES: (ENDPOINT_SLICE, ISTIO_SYSTEM, ISTIOD_SLICES),
    VALIDATORS: (VALIDATING_WEBHOOK, "", PART_OF_ISTIO),
    SECRETS: (SECRET, ISTIO_SYSTEM, REMOTE_SECRETS),
    GATEWAYS: (GATEWAY, ISTIO_SYSTEM, ""),
    ROUTES: (VIRTUAL_SERVICE, ISTIO_SYSTEM, ""),
}
"""What is asked for as a collection on every cluster: kind, namespace, label selector.

And `SAMPLES`, which are in a namespace of the mesh's choice.
"""


@dataclass(frozen=True, slots=True)
class IstiodView:
    """What one istiod pod says of the mesh. `trouble` is why it said nothing.

    `clusters` is `debug/clusterz` by cluster name (`id`, `secretName`, `syncStatus`).
    """

    pod: str
    clusters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole mesh: each cluster as it was seen, or why it was not, and what every istiod of the primary says."""

    sights: Mapping[str, Sight]
    silent: Mapping[str, MeshctlError]
    istiods: tuple[IstiodView, ...]


def gather(clients: Clients, mesh: MeshSpec) -> Evidence:
    """Ask every cluster at the same time, then every istiod of the primary."""
    return refreshed(clients, mesh, Evidence({}, {}, ()), clients)


def refreshed(clients: Clients, mesh: MeshSpec, before: Evidence, names: Collection[str]) -> Evidence:
    """Ask these clusters again, and every istiod of the primary; the other clusters are taken as they were before."""
    introductions = tuple(remote_secret(remote.name) for remote in mesh.remotes)
    samples = {SAMPLES: (POD, mesh.sample_namespace, "")}
    answers = of_all(
        {name: clients[name] for name in names},
        lambda one: sight(one, introductions if one.cluster == mesh.primary.name else (), samples),
    )
    known = {**before.sights, **before.silent, **answers}
    sights = {name: answer for name, answer in known.items() if isinstance(answer, Sight)}
    silent = {name: answer for name, answer in known.items() if isinstance(answer, MeshctlError)}
    primary = sights.get(mesh.primary.name)
    views = istiod_views(clients[mesh.primary.name], primary) if primary else ()
    return Evidence(sights, silent, views)


def sight(client: Client, more: tuple[Ref, ...] = (), questions: Mapping[str, tuple[Kind, str, str]] = LISTS) -> Sight:
    """Look at one cluster, and there at `more` than usual; `questions` are collections besides the usual ones.

    Raises what its API server answers to the first question, if that is an error.
    """
    version = client.version()
    hidden: dict[Ref | str, str] = {}
    unserved: set[Ref | str] = set()

    def seen(name: Ref | str, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except ForbiddenError as error:
            hidden[name] = error.message
        except NotFoundError:
            unserved.add(name)
        return otherwise

    with ThreadPoolExecutor(AT_ONCE) as pool:
        objects = {ref: pool.submit(seen, ref, partial(client.get, ref), None) for ref in (*OBJECTS, *more)}
        lists = {
            name: pool.submit(seen, name, partial(client.list, *asked), [])
            for name, asked in {**LISTS, **questions}.items()
        }
    return Sight(
        cluster=client.cluster,
        server=client.server(),
        version=version,
        objects={ref: future.result() for ref, future in objects.items()},
        lists={name: tuple(future.result()) for name, future in lists.items()},
        hidden=tuple(sorted(set(hidden.values()))),
        unseen=frozenset(hidden),
        unserved=frozenset(unserved),
    )


def istiod_views(client: Client, primary: Sight) -> tuple[IstiodView, ...]:
    """Ask every running istiod which clusters it knows; each replica has its own view."""
    pods = [pod["metadata"]["name"] for pod in running(primary.all(ISTIOD_PODS))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return tuple(pool.map(lambda pod: istiod_view(client, pod), pods))


def istiod_view(client: Client, pod: str) -> IstiodView:
    """Ask one istiod."""
    try:
        answer = client.exec(pod, ISTIO_SYSTEM, "discovery", CLUSTERZ, EXEC_TIMEOUT)
    except ClusterError as error:
        return IstiodView(pod, trouble=error.message)
    return IstiodView(pod, parse_clusterz(answer.stdout))
