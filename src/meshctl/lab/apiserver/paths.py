"""What a URL path of the API asks for."""

from dataclasses import dataclass

from meshctl.lab.apiserver.resources import BUILT_IN_GROUPS, Catalog
from meshctl.lab.apiserver.status import unknown_part, unknown_resource
from meshctl.lab.apiserver.targets import Target

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """The parts of a resource path."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def parse(path: str) -> ResourcePath | None:
    """Split a resource path; None for discovery, health and other paths."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        return _resource("", parts[1], parts[2:])
    if parts[0] == "apis" and len(parts) > 3:
        return _resource(parts[1], parts[2], parts[3:])
    return None


def _resource(group: str, version: str, parts: list[str]) -> ResourcePath:
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2 and parts[2] not in ("finalize", "status"):
        namespace, parts = parts[1], parts[2:]
    plural, name, subresource = (*parts, "", "")[:3]
    if plural == "namespaces" and name:
        namespace = ""
    return ResourcePath(group, version, plural, namespace, name, subresource)


def target(catalog: Catalog, path: ResourcePath) -> Target:
    """Return what the path names; raise 404 when nothing of the kind is served."""
    resource = catalog.find(path.group, path.version, path.plural)
    if resource is None or (path.namespace and not resource.kind.namespaced):
        raise unknown_part() if path.group in BUILT_IN_GROUPS else unknown_resource()
    if resource.kind.namespaced and not path.namespace and path.name:
        raise unknown_resource()
    if path.subresource and path.subresource not in _offered(resource.status, resource.scale, resource.subresources):
        raise unknown_part()
    return Target(resource, path.version, path.namespace, path.name, path.subresource)


def _offered(status: object, scale: object, others: tuple[str, ...]) -> tuple[str, ...]:
    return (*others, *(("status",) if status else ()), *(("scale",) if scale else ()))


def verb(method: str, path: ResourcePath, *, watch: bool) -> str:
    """Return the verb that roles speak of."""
    if method in ("GET", "HEAD"):
        if path.name:
            return "get"
        return "watch" if watch else "list"
    if method == "DELETE":
        return "delete" if path.name else "deletecollection"
    return _VERBS.get(method, method.lower())
