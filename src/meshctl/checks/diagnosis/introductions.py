"""Links of the remote secret: how istiod gets into one remote, under which name, with what."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from meshctl import documents
from meshctl.checks.diagnosis.case import Broken, Case, UnseenError
from meshctl.checks.evidence import SECRETS
from meshctl.checks.preflight.network import is_local
from meshctl.names import READER_TOKEN, remote_secret
from meshctl.objects import Manifest, dig
from meshctl.spec import Cluster
from meshctl.spec.addresses import host_of, port_of

MULTI_CLUSTER = "istio/multiCluster"
FORBIDDEN = ("exec", "tokenFile", "client-certificate", "client-key")
"""What istiod refuses in a kubeconfig: it runs no programs and reads no files."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """One data key of a remote secret: the cluster it is for, and its kubeconfig, None when that is none."""

    secret: str
    key: str
    kubeconfig: Mapping[str, Any] | None

    @property
    def cluster(self) -> Mapping[str, Any]:
        """The cluster of its current context."""
        return self._part("clusters", "cluster")

    @property
    def user(self) -> Mapping[str, Any]:
        """The user of its current context."""
        return self._part("users", "user")

    @property
    def server(self) -> str:
        """The URL of the API server, empty when there is none."""
        return str(self.cluster.get("server") or "")

    @property
    def token(self) -> str:
        """The token, empty when there is none."""
        return str(self.user.get("token") or "")

    def _part(self, section: str, body: str) -> Mapping[str, Any]:
        current = dig(dict(self.kubeconfig or {}), "current-context")
        context = _named(self.kubeconfig, "contexts", "context", current)
        return _named(self.kubeconfig, section, body, context.get(body))


def _named(config: Mapping[str, Any] | None, section: str, body: str, name: object) -> Mapping[str, Any]:
    for entry in (config or {}).get(section) or []:
        if isinstance(entry, Mapping) and entry.get("name") == name and isinstance(entry.get(body), Mapping):
            return dict(entry[body])
    return {}


def introductions(secrets: tuple[Manifest, ...]) -> Iterator[Introduction]:
    """Yield every cluster that the remote secrets of a primary name."""
    for secret in secrets:
        for key, text in (dig(secret, "data") or {}).items():
            yield Introduction(str(dig(secret, "metadata", "name")), str(key), _parsed(str(text or "")))


@lru_cache(maxsize=512)  # every link of every remote looks through all of them
def _parsed(text: str) -> Mapping[str, Any] | None:
    try:
        config = documents.read(base64.b64decode(text))
    except (binascii.Error, yaml.YAMLError, ValueError):
        return None
    return config if isinstance(config, Mapping) else None


def introduction(case: Case, cluster: Cluster) -> Introduction | None:
    """Return how the primary knows a remote."""
    return next((one for one in introductions(case.all(case.primary, SECRETS)) if one.key == cluster.name), None)


def strangers(case: Case, cluster: Cluster) -> list[Introduction]:
    """Return what leads to this remote under another name: by its token, or because nobody else is left to be meant."""
    names = {one.name for one in case.mesh.clusters}
    others = [one for one in introductions(case.all(case.primary, SECRETS)) if one.key not in names]
    token = decoded(dig(case.get(cluster, READER_TOKEN), "data", "token"))
    same = [one for one in others if token and one.token == token]
    known = {one.key for one in introductions(case.all(case.primary, SECRETS))}
    lost = [remote.name for remote in case.mesh.remotes if remote.name not in known]
    # A mesh may have more remotes than were named here: only what is this remote's own can be meant.
    named = [one for one in others if one.secret == remote_secret(cluster.name).name]
    return same or (named if lost == [cluster.name] else [])


def decoded(text: object) -> str:
    """Return what base64 stands for, empty when it stands for nothing."""
    try:
        return base64.b64decode(str(text or "")).decode(errors="replace")
    except (binascii.Error, ValueError):
        return ""


def secret_named(case: Case, cluster: Cluster) -> Broken | None:
    """Whether no remote secret leads to this remote under another name."""
    wrong = strangers(case, cluster)
    if not wrong:
        return None
    seen = tuple(f"secret/{one.secret} on {case.primary.name} has the key {one.key}" for one in wrong)
    path = f"the injection path of {cluster.name} says {cluster.name}"
    names = ", ".join(sorted({one.key for one in wrong}))
    return Broken(f"istiod knows {cluster.name} as {names}", (*seen, path), case.repair)


def secret_there(case: Case, cluster: Cluster) -> Broken | None:
    """Whether there is a remote secret for this remote."""
    if introduction(case, cluster) is not None:
        return None
    wanted = remote_secret(cluster.name)
    held = case.sight(case.primary).get(wanted)
    seen = f"{wanted} on {case.primary.name} does not name it" if held else f"{wanted} is not on {case.primary.name}"
    return Broken(f"istiod has no remote secret for {cluster.name}", (seen,), case.repair)


def secret_labelled(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the remote secret has the label by which istiod finds it."""
    held = case.get(case.primary, remote_secret(cluster.name))
    if held is None or dig(held, "metadata", "labels", MULTI_CLUSTER) == "true":
        return None
    text = f"the remote secret of {cluster.name} lacks the label {MULTI_CLUSTER}=true: istiod does not read it"
    return Broken(text, (f"{remote_secret(cluster.name)} on {case.primary.name} is not labelled",), case.repair)


def secret_usable(case: Case, cluster: Cluster) -> Broken | None:
    """Whether istiod can use the kubeconfig in the remote secret."""
    found = introduction(case, cluster)
    trouble = unusable(found) if found else ""
    if not found or not trouble:
        return None
    text = f"istiod cannot use the kubeconfig in the remote secret of {cluster.name}: {trouble}"
    return Broken(text, (f"secret/{found.secret} on {case.primary.name}, key {found.key}",), case.repair)


def unusable(found: Introduction) -> str:
    """Return why istiod cannot use a kubeconfig, empty when it can."""
    if found.kubeconfig is None or not found.server:
        return "it names no server" if found.kubeconfig is not None else "it cannot be read"
    refused = [key for key in FORBIDDEN if key in found.user]
    host = host_of(found.server)
    if refused:
        return f"its user has {', '.join(refused)}"
    if not host:
        return f"{found.server} is no URL of a server"
    if is_local(host):
        return f"{found.server} means the machine that asks"
    if not found.token and not found.user:
        return "it has no credentials"
    return ""


def token_accepted(case: Case, cluster: Cluster) -> Broken | None:
    """Whether the remote accepts the token that istiod has; clusterz never notices when it does not any more."""
    accepted = case.trials.tokens.get(cluster.name)
    if accepted is None:
        raise UnseenError(f"{cluster.name} was not asked whether it accepts the token in its remote secret")
    if accepted:
        return None
    found = introduction(case, cluster)
    live = decoded(dig(case.get(cluster, READER_TOKEN), "data", "token"))
    same = "the same as" if found and found.token == live else "another than"
    where = f"{same} that in {READER_TOKEN}" if live else f"{READER_TOKEN} is not there"
    seen = (f"{cluster.name} says of it: not authenticated", where)
    return Broken(f"the API server of {cluster.name} does not accept the token in its remote secret", seen, case.repair)


def synced(case: Case, cluster: Cluster) -> Broken | None:
    """Whether every istiod is synced with the remote, under its name."""
    views = case.istiods()
    states = {view.pod: dict(view.clusters.get(cluster.name, {})).get("syncStatus", "not known") for view in views}
    behind = {pod: state for pod, state in states.items() if state != "synced"}
    if not behind:
        return None
    found = introduction(case, cluster)
    server = found.server if found else "its API server"
    seen = tuple(f"{pod} says: {state}" for pod, state in behind.items())
    text = f"istiod is not synced with {cluster.name}: it goes to {server}"
    other = case.meshctl("install", "--server", f"{cluster.name}=https://HOST:6443")
    way = f"open TCP {port_of(server) or 443} from the pods of {case.primary.name} to {host_of(server) or server}"
    hint = f"{way}, or give another address: {other}"
    return Broken(text, seen, hint=hint)
