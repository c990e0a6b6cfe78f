"""What the clusters of a mesh are really called, by the witnesses that should agree, and by most of them when not."""

from collections.abc import Iterator
from dataclasses import replace

from meshctl.checks.evidence import GATEWAY_POD_LIST, SECRETS, Evidence
from meshctl.checks.identity import as_installed
from meshctl.checks.probes import proxy_env
from meshctl.names import GATEWAY_SERVICE, NETWORK_LABEL, THE_ISTIO
from meshctl.objects import dig
from meshctl.spec import Cluster, MeshSpec


def as_witnessed(mesh: MeshSpec, evidence: Evidence) -> MeshSpec:
    """Return the mesh with the names its clusters have.

    Names are those of the injection paths, whoever chose them. Where another name was asked for and somebody else bears
    witness to that one (a remote secret, a gateway), it is the path that is wrong.
    """
    there = as_installed(mesh, {name: sight.get(THE_ISTIO) for name, sight in evidence.sights.items()})
    remotes = tuple(
        _settled(evidence, mesh.primary, asked, found) for asked, found in zip(mesh.remotes, there.remotes, strict=True)
    )
    taken = [one.name for one in (there.primary, *remotes)]
    return replace(
        there,
        remotes=tuple(
            replace(one, name=asked.name) if taken.count(one.name) > 1 else one
            for asked, one in zip(mesh.remotes, remotes, strict=True)
        ),
    )


def _settled(evidence: Evidence, primary: Cluster, asked: Cluster, found: Cluster) -> Cluster:
    names, networks = set(_names(evidence, primary, asked)), set(_networks(evidence, asked))
    return replace(
        found,
        name=asked.name if found.name not in names and asked.name in names else found.name,
        network=asked.network if found.network not in networks and asked.network in networks else found.network,
    )


def _names(evidence: Evidence, primary: Cluster, remote: Cluster) -> Iterator[str]:
    """Yield the names by which the primary knows remotes; if it knows none, those that the remote's gateways have."""
    sight = evidence.sights.get(primary.name)
    keys = [key for secret in (sight.all(SECRETS) if sight else ()) for key in dig(secret, "data") or {}]
    yield from keys
    gateways = evidence.sights.get(remote.name)
    for pod in gateways.all(GATEWAY_POD_LIST) if gateways and not keys else ():
        yield proxy_env(pod).get("ISTIO_META_CLUSTER_ID", "")


def _networks(evidence: Evidence, remote: Cluster) -> Iterator[str]:
    sight = evidence.sights.get(remote.name)
    yield str(dig(sight.get(GATEWAY_SERVICE) if sight else None, "metadata", "labels", NETWORK_LABEL) or "")
