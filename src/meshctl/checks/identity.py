"""Whether clusters are who the command line says: a mesh that is there has names, roles and a version already."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from meshctl.checks.catalog.preflight.operator import OLDER_ASKED, WILL_UPGRADE
from meshctl.checks.catalog.preflight.reachability import ANOTHER_MEMBER, OTHER_MESH_ID
from meshctl.checks.finding import Finding, found
from meshctl.names import FIELD_MANAGER
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster, MeshSpec

PATH = re.compile(r"/inject/cluster/(?P<name>[^/]+)/net/(?P<network>[^/]+)$")
REMOTE, PRIMARY = ("istiodRemote", "injectionPath"), ("global", "multiCluster", "clusterName")


def identity(mesh: MeshSpec, istios: Mapping[str, Manifest | None]) -> Iterator[Finding]:
    """Compare every cluster with the Istio resource that meshctl has made there, if it has.

    What somebody else has set is another matter: applying it again says who owns the field.
    """
    for cluster in mesh.clusters:
        istio = istios.get(cluster.name)
        if istio is not None:
            yield from _names(mesh, cluster, istio)
            yield from _version(mesh, cluster, istio)


def _names(mesh: MeshSpec, cluster: Cluster, istio: Manifest) -> Iterator[Finding]:
    there = who(istio)
    if there is None:
        return
    is_remote = cluster != mesh.primary
    wanted = f"remote {cluster.name} ({cluster.network})" if is_remote else f"primary {cluster.name}"
    if there != wanted:
        yield found(
            ANOTHER_MEMBER,
            cluster.name,
            f"context {cluster.context} is already {there} of a mesh, not {wanted}",
            "name the contexts as when it was installed (the order of --west gives names), or remove it first",
        )
    mesh_id = dig(istio, "spec", "values", "global", "meshID")
    if not is_remote and mesh_id and mesh_id != mesh.mesh_id:
        text = f"the mesh that is there is called {mesh_id}, not {mesh.mesh_id}"
        yield found(OTHER_MESH_ID, cluster.name, text, f"say --set meshID={mesh_id}, or remove it first")


def who(istio: Manifest) -> str | None:
    """Return who a cluster is by the Istio that meshctl has made, None when meshctl has not."""
    path = dig(istio, "spec", "values", *REMOTE)
    if path:
        match = PATH.search(str(path))
        name = f"remote {match['name']} ({match['network']})" if match else f"a remote by {path}"
        return name if _ours(istio, REMOTE) else None
    name = dig(istio, "spec", "values", *PRIMARY)
    return f"primary {name}" if name and _ours(istio, PRIMARY) else None


def as_installed(mesh: MeshSpec, istios: Mapping[str, Manifest | None]) -> MeshSpec:
    """Return the mesh with the names that its clusters really have, whoever installed it.

    `istios` is by the names of `mesh`. Names are read where istiod and its proxies read them: the primary's in its
    values, a remote's in its injection path. What says nothing keeps the name it was given.
    """
    primary = istios.get(mesh.primary.name)
    values = dig(primary, "spec", "values") or {}
    return replace(
        mesh,
        primary=replace(
            mesh.primary,
            name=str(dig(values, *PRIMARY) or mesh.primary.name),
            network=str(dig(values, "global", "network") or mesh.primary.network),
        ),
        remotes=tuple(_remote_as_installed(remote, istios.get(remote.name)) for remote in mesh.remotes),
        mesh_id=str(dig(values, "global", "meshID") or mesh.mesh_id),
        istio_version=str(dig(primary, "spec", "version") or mesh.istio_version).removeprefix("v"),
    )


def _remote_as_installed(remote: Cluster, istio: Manifest | None) -> Cluster:
    match = PATH.search(str(dig(istio, "spec", "values", *REMOTE) or ""))
    return replace(remote, name=match["name"], network=match["network"]) if match else remote


def _ours(istio: Manifest, path: tuple[str, ...]) -> bool:
    fields = ("f:spec", "f:values", *(f"f:{key}" for key in path))
    owners = {
        one.get("manager")
        for one in dig(istio, "metadata", "managedFields") or []
        if dig(one, "fieldsV1", *fields) is not None
    }
    return owners == {FIELD_MANAGER}


def _version(mesh: MeshSpec, cluster: Cluster, istio: Manifest) -> Iterator[Finding]:
    there = str(dig(istio, "spec", "version") or "").removeprefix("v")
    old, new = _numbers(there), _numbers(mesh.istio_version)
    if not old or not new or old == new:
        return
    if new < old:
        text = f"Istio {there} is there, and {mesh.istio_version} is older: operators do not go back"
        yield found(OLDER_ASKED, cluster.name, text, f"say --set istioVersion={there}, or remove the mesh first")
    else:
        text = f"Istio {there} is there and will be upgraded to {mesh.istio_version}"
        yield found(WILL_UPGRADE, cluster.name, text)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")) if re.fullmatch(r"\d+(\.\d+)*", version) else ()
