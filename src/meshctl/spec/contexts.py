"""Where the contexts of a mesh lead, from kubeconfig files alone: no Kubernetes client, no credentials."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from meshctl.errors import SpecError
from meshctl.spec.addresses import server_problem
from meshctl.spec.kubeconfig import Kubeconfig, read_kubeconfig
from meshctl.spec.model import Cluster, MeshSpec
from meshctl.spec.places import Keys, Places
from meshctl.spec.reading import quote, suggestion

MOST_NAMES = 20

_Read = tuple[Kubeconfig | None, list[str]]


@dataclass(frozen=True, slots=True)
class ContextInfo:
    """One context: where it leads and how, never with what credentials.

    `file` is the kubeconfig that has it. `server` and `proxy_url` are without user name, password and query.
    """

    name: str
    file: str
    cluster: str
    user: str
    server: str
    namespace: str = ""
    proxy_url: str = ""
    tls_server_name: str = ""
    has_exec_auth: bool = False
    has_certificate_authority: bool = False
    skips_verification: bool = False

    @property
    def problem_elsewhere(self) -> str:
        """Say why `server` is of no use in another cluster, or to istiod; empty when it may be."""
        return server_problem(self.server)


def find_context(name: str, kubeconfig: str, environ: Mapping[str, str]) -> ContextInfo:
    """Return what the kubeconfig says of one context; raises `SpecError` where it is not there or not whole."""
    found = _context(name, read_kubeconfig(kubeconfig, environ))
    if isinstance(found, ContextInfo):
        return found
    raise SpecError(found)


def find_contexts(mesh: MeshSpec, environ: Mapping[str, str], places: Places | None = None) -> dict[str, ContextInfo]:
    """Return the context of every cluster by the cluster's name; raises `SpecError` with all that are wrong.

    With `places` (of `load`) a problem names the flag, variable or line of the file that chose the context, otherwise
    the cluster.
    """
    read = {name: read_kubeconfig(name, environ) for name in {_file_of(mesh, cluster) for cluster in mesh.clusters}}
    problems: list[str] = []
    found: dict[str, ContextInfo] = {}
    for number, cluster in enumerate(mesh.clusters):
        source = read[_file_of(mesh, cluster)]
        info = _context(cluster.context, source)
        place = _place(number, cluster, places)
        if not isinstance(info, ContextInfo):
            # What is wrong with a file is wrong once, for whichever clusters it is.
            problems += info if source[0] is None else [f"{place}: {text}" for text in info]
            continue
        twin = next((name for name, other in found.items() if _way(other) == _way(info)), None)
        if twin:
            problems.append(f"{place}: context {info.name} leads to {info.server}, and so does that of {twin}")
        found[cluster.name] = info
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))
    return found


def _file_of(mesh: MeshSpec, cluster: Cluster) -> str:
    return cluster.kubeconfig or mesh.kubeconfig


def _place(number: int, cluster: Cluster, places: Places | None) -> str:
    keys: Keys = ("west", number - 1, "context") if number else ("east", "context")
    return places.of(keys) if places else cluster.name


def _way(info: ContextInfo) -> tuple[str, str, str]:
    """Return what tells API servers apart: one private address may be two clusters behind two proxies."""
    return info.server.lower(), info.proxy_url, info.tls_server_name


def _context(name: str, read: _Read) -> ContextInfo | list[str]:
    """Return a context, or what is wrong with it."""
    config, problems = read
    if config is None:
        return problems
    entry = config.contexts.get(name)
    if entry is None:
        return [_unknown(name, config)]
    problems = [*_dangling(name, entry, "cluster", config.clusters), *_dangling(name, entry, "user", config.users)]
    if problems:
        return problems
    cluster = config.clusters[entry["cluster"]]
    server = _bare(_text(cluster, "server"))
    if not urlsplit(server).hostname:
        return [f"cluster {entry['cluster']} of context {name} has no usable server"]
    return _info(name, config, server)


def _info(name: str, config: Kubeconfig, server: str) -> ContextInfo:
    entry = config.contexts[name]
    cluster, user = config.clusters[entry["cluster"]], config.users.get(_text(entry, "user"), {})
    return ContextInfo(
        name=name,
        file=config.origins["contexts"][name],
        cluster=entry["cluster"],
        user=_text(entry, "user"),
        server=server,
        namespace=_text(entry, "namespace"),
        proxy_url=_bare(_text(cluster, "proxy-url")),
        tls_server_name=_text(cluster, "tls-server-name"),
        has_exec_auth=bool(user.get("exec")),
        has_certificate_authority=bool(
            cluster.get("certificate-authority-data") or cluster.get("certificate-authority")
        ),
        skips_verification=cluster.get("insecure-skip-tls-verify") is True,
    )


def _dangling(name: str, entry: Mapping[str, Any], kind: str, there: Mapping[str, Any]) -> list[str]:
    """Return a problem where a context leads to a cluster or user that no file has; a context may do without user."""
    target = _text(entry, kind)
    if target in there or (kind == "user" and not target):
        return []
    return [f"context {name} names the {kind} {quote(target)}, which the kubeconfig does not have"]


def _unknown(name: str, config: Kubeconfig) -> str:
    there = sorted(config.contexts)
    where = " and ".join(config.files)
    if not there:
        return f"there is no context {quote(name)}; {where} has no contexts at all"
    more = f" and {len(there) - MOST_NAMES} more" if len(there) > MOST_NAMES else ""
    close = suggestion(name, there)
    hint = f"; {close}" if close.startswith("did you mean") else ""
    return f"there is no context {quote(name)} in {where}{hint}; there are {', '.join(there[:MOST_NAMES])}{more}"


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _bare(url: str) -> str:
    """Return a URL without what may be secret in it; empty where it can't be taken apart."""
    try:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        return ""
