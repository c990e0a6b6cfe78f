"""The resources an API server serves: the built-in ones, and how each behaves where kinds differ."""

from collections.abc import Mapping
from dataclasses import dataclass

from meshctl import names
from meshctl.lab.apiserver.shapes import BUILT_IN, Shape
from meshctl.objects import Kind, Manifest


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as it is served.

    `status`: has a status subresource. `generation`: counts changes of its spec. `versions`: the versions it is served
    in, the first being the stored one. `schema`: the OpenAPI schema of a custom resource, by version.
    """

    kind: Kind
    short_names: tuple[str, ...] = ()
    status: bool = False
    generation: bool = False
    scale: bool = False
    stored: bool = True
    keeps_status: bool = False
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    shape: Shape = BUILT_IN
    schemas: Mapping[str, Manifest] | None = None
    columns: tuple[Manifest, ...] = ()

    @property
    def key(self) -> str:
        """`plural.group`: the same for every version."""
        return self.kind.resource

    @property
    def custom(self) -> bool:
        """Whether a CustomResourceDefinition made it."""
        return self.schemas is not None

    def api_version(self, version: str) -> str:
        """Return the apiVersion of objects served in that version."""
        return f"{self.kind.group}/{version}" if self.kind.group else version


_APPS = "apps"
_RBAC = "rbac.authorization.k8s.io"
_AUTHORIZATION = "authorization.k8s.io"
_POD_FIELDS = (
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
)
_EVENT_FIELDS = (
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
)
_ALL = ("all",)
_EXTENSIONS = ("api-extensions",)


def _review(name: str, group: str, *, namespaced: bool = False) -> Resource:
    return Resource(Kind(name, name.lower() + "s", group=group, namespaced=namespaced), stored=False)


BUILT_INS: tuple[Resource, ...] = (
    Resource(names.NAMESPACE, ("ns",), status=True, subresources=("finalize",), fields=("status.phase",)),
    Resource(names.NODE, ("no",), status=True, keeps_status=True, fields=("spec.unschedulable",)),
    Resource(
        names.POD,
        ("po",),
        status=True,
        generation=True,
        categories=_ALL,
        subresources=("exec", "log", "eviction"),
        fields=_POD_FIELDS,
    ),
    Resource(names.SERVICE, ("svc",), status=True, categories=_ALL, fields=("spec.clusterIP", "spec.type")),
    Resource(names.SERVICE_ACCOUNT, ("sa",), subresources=("token",)),
    Resource(names.SECRET, fields=("type",)),
    Resource(names.CONFIG_MAP, ("cm",)),
    Resource(names.EVENT, ("ev",), fields=_EVENT_FIELDS),
    Resource(Kind("Endpoints", "endpoints"), ("ep",)),
    Resource(Kind("ReplicationController", "replicationcontrollers"), ("rc",), status=True, categories=_ALL),
    Resource(Kind("PersistentVolumeClaim", "persistentvolumeclaims"), ("pvc",), status=True),
    Resource(Kind("PersistentVolume", "persistentvolumes", namespaced=False), ("pv",), status=True),
    Resource(Kind("LimitRange", "limitranges"), ("limits",)),
    Resource(Kind("ResourceQuota", "resourcequotas"), ("quota",), status=True),
    Resource(names.DEPLOYMENT, ("deploy",), status=True, generation=True, scale=True, categories=_ALL),
    Resource(
        names.REPLICA_SET,
        ("rs",),
        status=True,
        generation=True,
        scale=True,
        categories=_ALL,
        fields=("status.replicas",),
    ),
    Resource(names.DAEMON_SET, ("ds",), status=True, generation=True, categories=_ALL),
    Resource(
        Kind("StatefulSet", "statefulsets", group=_APPS),
        ("sts",),
        status=True,
        generation=True,
        scale=True,
        categories=_ALL,
    ),
    Resource(Kind("ControllerRevision", "controllerrevisions", group=_APPS)),
    Resource(
        Kind("Job", "jobs", group="batch"),
        status=True,
        generation=True,
        categories=_ALL,
        fields=("status.successful",),
    ),
    Resource(Kind("CronJob", "cronjobs", group="batch"), ("cj",), status=True, generation=True, categories=_ALL),
    Resource(names.ROLE),
    Resource(names.ROLE_BINDING),
    Resource(names.CLUSTER_ROLE),
    Resource(names.CLUSTER_ROLE_BINDING),
    Resource(names.POD_DISRUPTION_BUDGET, ("pdb",), status=True, generation=True),
    Resource(names.HPA, ("hpa",), status=True, categories=_ALL),
    Resource(names.LEASE),
    Resource(names.ENDPOINT_SLICE, generation=True),
    Resource(Kind("NetworkPolicy", "networkpolicies", group="networking.k8s.io"), ("netpol",), generation=True),
    Resource(Kind("Ingress", "ingresses", group="networking.k8s.io"), ("ing",), status=True, generation=True),
    Resource(Kind("StorageClass", "storageclasses", group="storage.k8s.io", namespaced=False), ("sc",)),
    Resource(Kind("PriorityClass", "priorityclasses", group="scheduling.k8s.io", namespaced=False), ("pc",)),
    Resource(names.CRD, ("crd", "crds"), status=True, generation=True, categories=_EXTENSIONS),
    Resource(names.MUTATING_WEBHOOK, generation=True, categories=_EXTENSIONS),
    Resource(names.VALIDATING_WEBHOOK, generation=True, categories=_EXTENSIONS),
    _review("SelfSubjectAccessReview", _AUTHORIZATION),
    _review("SelfSubjectRulesReview", _AUTHORIZATION),
    _review("SubjectAccessReview", _AUTHORIZATION),
    _review("LocalSubjectAccessReview", _AUTHORIZATION, namespaced=True),
    _review("TokenReview", "authentication.k8s.io"),
    _review("SelfSubjectReview", "authentication.k8s.io"),
)

BUILT_IN_GROUPS = frozenset(resource.kind.group for resource in BUILT_INS)


class Catalog:
    """The resources served right now; custom ones come and go with their definitions."""

    def __init__(self) -> None:
        self._by_plural: dict[tuple[str, str], Resource] = {}
        self._by_kind: dict[tuple[str, str], Resource] = {}
        for resource in BUILT_INS:
            self.add(resource)

    def add(self, resource: Resource) -> None:
        """Serve a resource, or serve it anew."""
        self._by_plural[resource.kind.group, resource.kind.plural] = resource
        self._by_kind[resource.kind.group, resource.kind.name] = resource

    def remove(self, group: str, plural: str) -> None:
        """Stop serving a resource."""
        resource = self._by_plural.pop((group, plural), None)
        if resource:
            self._by_kind.pop((group, resource.kind.name), None)

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource of a path, if it is served in that version."""
        resource = self._by_plural.get((group, plural))
        return resource if resource and version in (resource.versions or (resource.kind.version,)) else None

    def named(self, group: str, kind: str) -> Resource | None:
        """Return the resource of a manifest's kind."""
        return self._by_kind.get((group, kind))

    def by_key(self, key: str) -> Resource | None:
        """Return the resource called `plural.group`."""
        plural, _, group = key.partition(".")
        return self._by_plural.get((group, plural))

    def all(self) -> tuple[Resource, ...]:
        """Return everything that is served."""
        return tuple(self._by_plural.values())


def split_api_version(api_version: str) -> tuple[str, str]:
    """Return group and version of an apiVersion."""
    group, _, version = api_version.rpartition("/")
    return group, version
