"""What is served, as clients ask for it: groups, versions, resources, and just enough OpenAPI for kubectl."""

from collections.abc import Iterator

from meshctl.lab.apiserver.resources import Catalog, Resource
from meshctl.lab.apiserver.status import unknown_resource
from meshctl.objects import Manifest

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERSION: Manifest = {
    "major": "1",
    "minor": "34",
    "emulationMajor": "1",
    "emulationMinor": "34",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "33",
    "gitVersion": "v1.34.2",
    "gitCommit": "8cc511e399b929453cd98ae65b419c3cc227ec79",
    "gitTreeState": "clean",
    "buildDate": "2025-11-11T19:06:59Z",
    "goVersion": "go1.24.9",
    "compiler": "gc",
    "platform": "linux/amd64",
}


def version(told: str) -> Manifest:
    """Return the answer to /version; `told` is another version than the server's own, if it is to pretend."""
    if not told:
        return VERSION
    major, minor, *_ = told.removeprefix("v").split(".")
    return {**VERSION, "gitVersion": told, "major": major, "minor": minor, "emulationMinor": minor}


_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_PART_VERBS = ["get", "patch", "update"]


def _versions(resource: Resource) -> tuple[str, ...]:
    return resource.versions or (resource.kind.version,)


def _groups(catalog: Catalog) -> dict[str, dict[str, list[Resource]]]:
    groups: dict[str, dict[str, list[Resource]]] = {}
    for resource in catalog.all():
        for version in _versions(resource):
            groups.setdefault(resource.kind.group, {}).setdefault(version, []).append(resource)
    return groups


def _parts(resource: Resource) -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, kind and verbs of every subresource."""
    kind = resource.kind.name
    if resource.status:
        yield "status", kind, _PART_VERBS
    if resource.scale:
        yield "scale", "Scale", _PART_VERBS
    known = {
        "finalize": (kind, ["update"]),
        "exec": ("PodExecOptions", ["create", "get"]),
        "log": (kind, ["get"]),
        "eviction": ("Eviction", ["create"]),
        "token": ("TokenRequest", ["create"]),
    }
    for name in resource.subresources:
        yield (name, *known[name])


def api(path: str, catalog: Catalog, *, aggregated: bool) -> Manifest:
    """Return the answer to /api, /apis, /apis/GROUP, /api/v1 or /apis/GROUP/VERSION; raise 404."""
    parts = path.strip("/").split("/")
    groups = _groups(catalog)
    if aggregated and len(parts) == 1:
        return _aggregated({name: found for name, found in groups.items() if bool(name) == (parts[0] == "apis")})
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["apis"]:
        listed = [_group(name, list(found)) for name, found in groups.items() if name]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
    group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2] if len(parts) > 2 else "")
    if group not in groups or (version and version not in groups[group]):
        raise unknown_resource()
    if not version:
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, list(groups[group]))}
    return _resources(group, version, groups[group][version])


def _group(name: str, versions: list[str]) -> Manifest:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(group: str, version: str, resources: list[Resource]) -> Manifest:
    entries: list[Manifest] = []
    for resource in resources:
        kind = resource.kind
        entry: Manifest = {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": _VERBS if resource.stored else ["create"],
        }
        entry.update({"shortNames": list(resource.short_names)} if resource.short_names else {})
        entry.update({"categories": list(resource.categories)} if resource.categories else {})
        entries.append(entry)
        entries.extend(
            {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": part,
                "verbs": verbs,
            }
            for name, part, verbs in _parts(resource)
        )
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _aggregated(groups: dict[str, dict[str, list[Resource]]]) -> Manifest:
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {
                    "version": version,
                    "resources": [_entry(group, version, resource) for resource in resources],
                    "freshness": "Current",
                }
                for version, resources in versions.items()
            ],
        }
        for group, versions in groups.items()
    ]
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _entry(group: str, version: str, resource: Resource) -> Manifest:
    kind = resource.kind
    entry: Manifest = {
        "resource": kind.plural,
        "responseKind": {"group": group, "version": version, "kind": kind.name},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.name.lower(),
        "verbs": _VERBS if resource.stored else ["create"],
    }
    parts = [
        {
            "subresource": name,
            "responseKind": {"group": group, "version": version, "kind": part},
            "verbs": verbs,
        }
        for name, part, verbs in _parts(resource)
    ]
    optional = {
        "shortNames": list(resource.short_names),
        "categories": list(resource.categories),
        "subresources": parts,
    }
    return {**entry, **{key: value for key, value in optional.items() if value}}


def openapi_index(catalog: Catalog) -> Manifest:
    """Return the list of OpenAPI v3 documents."""
    paths = [
        f"apis/{group}/{version}" if group else f"api/{version}"
        for group, versions in _groups(catalog).items()
        for version in versions
    ]
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash=lab"} for path in paths}}


def openapi(path: str, catalog: Catalog) -> Manifest:
    """Return the OpenAPI v3 document of one group version: which operations take `dryRun` and `fieldValidation`."""
    parts = path.strip("/").split("/")
    group, version = (parts[1], parts[2]) if parts[0] == "apis" and len(parts) == 3 else ("", parts[-1])
    resources = _groups(catalog).get(group, {}).get(version)
    if resources is None:
        raise unknown_resource()
    found = {}
    for resource in resources:
        url = resource.kind.path("{namespace}" if resource.kind.namespaced else "", "{name}")
        kind = {"group": group, "version": version, "kind": resource.kind.name}
        query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS]
        patch = {"x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": kind, "parameters": query}
        found[url] = {"patch": {**patch, "responses": {"200": {"description": "OK"}}}}
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": found,
        "components": {"schemas": {}},
    }


_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")
